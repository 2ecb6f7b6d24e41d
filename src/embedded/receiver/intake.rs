//! What both transports share: the lanes, and reading a body within the limits.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http_body::Body;
use http_body_util::BodyExt;

use super::{
    Budget, Compression, Lane, Metrics, Outcome, Pace, Received, Refusal, Reservation, Rows, Signal,
};
use crate::embedded::connection::Bounds;

/// Bodies up to this size, in bytes, are decompressed where they were read.
const SMALL_COMPRESSED: usize = 4 << 10;

/// The bounds within which the receiver works.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body, as sent and once decompressed.
    pub body: usize,
    /// Bytes of memory that all requests together may hold.
    pub memory: usize,
    /// How long a request waits for its share of the memory.
    pub patience: Duration,
    /// How long a client may take to send a body.
    pub body_time: Duration,
    /// How long a client may take to send the head of a request; also how long an idle
    /// connection is kept, hence longer than the usual minute between exports of metrics.
    pub head_time: Duration,
    /// How long requests in flight may take to finish when the receiver stops.
    pub drain_time: Duration,
    /// Connections of each transport that are open at once.
    pub connections: usize,
    /// Committed requests of each signal that are remembered, to recognise repeats.
    pub remembered: usize,
    /// When blocks are committed.
    pub pace: Pace,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // As the OpenTelemetry Collector's.
            body: 20 << 20,
            memory: 256 << 20,
            patience: Duration::from_secs(1),
            body_time: Duration::from_mins(1),
            head_time: Duration::from_secs(75),
            drain_time: Duration::from_secs(10),
            connections: 1024,
            remembered: 64 << 10,
            pace: Pace::default(),
        }
    }
}

impl Limits {
    /// What concerns the connections of each transport.
    pub(super) const fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.connections,
            head_time: self.head_time,
            drain_time: self.drain_time,
        }
    }
}

/// A lane of any signal.
pub trait Store: Send + Sync + 'static {
    /// See [`Lane::accept`].
    fn accept(&self, received: Received) -> BoxFuture<'_, Outcome>;

    /// See [`Lane::close`].
    fn close(&self);
}

impl<R: Rows> Store for Arc<Lane<R>> {
    fn accept(&self, received: Received) -> BoxFuture<'_, Outcome> {
        Box::pin(Lane::accept(self, received))
    }

    fn close(&self) {
        Lane::close(self);
    }
}

/// Takes in what the transports receive.
pub struct Intake {
    /// In the order of [`Signal::ALL`].
    pub lanes: [Box<dyn Store>; Signal::ALL.len()],
    /// The memory of all requests.
    pub budget: Budget,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The bounds.
    pub limits: Limits,
}

/// Why a body was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It was not wanted.
    Refused(Refusal),
    /// It did not come in time.
    Late,
    /// The connection broke, or the client broke off.
    Broken,
}

impl Intake {
    /// Stores a request of `signal`.
    pub async fn accept(&self, signal: Signal, received: Received) -> Outcome {
        let transport = received.transport;
        let outcome = self.lanes[signal.index()].accept(received).await;
        match &outcome {
            Ok(acceptance) if acceptance.rejected > 0 => {
                self.metrics
                    .rejected(signal, transport, acceptance.rejected);
            }
            Ok(_) => {}
            Err(_) => self.metrics.refused_request(signal, transport),
        }
        outcome
    }

    /// Commits what was accepted; further requests are refused. Blocks until that is done.
    pub fn close(&self) {
        for lane in &self.lanes {
            lane.close();
        }
    }

    /// Reads a body of up to `limit` bytes. On failure the rest of it is left unread.
    pub async fn read<B>(
        &self,
        body: &mut B,
        limit: usize,
    ) -> Result<(Bytes, Reservation), BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut reservation = self.budget.open();
        let whole = read_within(body, limit, &mut reservation);
        let bytes = tokio::time::timeout(self.limits.body_time, whole)
            .await
            .map_err(|_| BodyError::Late)??;
        Ok((bytes, reservation))
    }

    /// Decompresses a body, away from the reactor unless it is small.
    pub async fn inflate(
        &self,
        compression: Compression,
        body: Bytes,
        mut reservation: Reservation,
    ) -> Result<(Bytes, Reservation), Refusal> {
        let limit = self.limits.body;
        let here = compression == Compression::Identity || body.len() <= SMALL_COMPRESSED;
        let inflate = move || {
            let body = compression.inflate(body, limit, &mut reservation)?;
            Ok((body, reservation))
        };
        if here {
            return inflate();
        }
        tokio::task::spawn_blocking(inflate)
            .await
            .unwrap_or_else(|_| Err(Refusal::stopping()))
    }
}

async fn read_within<B>(
    body: &mut B,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::Refused(Refusal::TooLarge { limit }));
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        let length = bytes.len() + data.len();
        if length > limit {
            return Err(BodyError::Refused(Refusal::TooLarge { limit }));
        }
        if length > bytes.capacity() {
            // What was announced, but no more than twice what has come: a promise is free.
            let capacity = announced.min(2 * length).max(length);
            let grown = reservation.grow_to(capacity).await;
            grown.map_err(BodyError::Refused)?;
            bytes.reserve(capacity - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
