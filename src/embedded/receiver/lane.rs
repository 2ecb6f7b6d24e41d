//! The way of one signal through the receiver: recognise, decode, store, answer.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    Acceptance, BlockWriter, Encoding, ExportId, Outcome, Refusal, Reservation, Rows, Transport,
    batcher::{Batcher, Pace, Pending},
    metrics::Metrics,
    repeats::{Arrival, Claim, Repeats},
};

/// Bodies up to this size, in bytes, are decoded where they were read: handing them to another
/// thread would cost more than it saves.
const SMALL_BODY: usize = 16 << 10;

/// Decoding may take this many bytes for each byte of the body, in ordinary telemetry.
const DECODED_PER_BYTE: usize = 8;

/// A request as a transport has received it.
#[derive(Debug)]
pub struct Received {
    /// The decompressed body.
    pub body: Bytes,
    /// How it is encoded.
    pub encoding: Encoding,
    /// How it arrived.
    pub transport: Transport,
    /// The memory that `body` holds.
    pub reservation: Reservation,
}

/// Stores the requests of one signal.
#[derive(Debug)]
pub struct Lane<R: Rows> {
    repeats: Arc<Repeats>,
    batcher: Batcher<R>,
    metrics: Arc<Metrics>,
    /// One permit for each body that may be decoded away from the reactor at a time.
    decoders: Arc<Semaphore>,
}

impl<R: Rows> Lane<R> {
    /// Starts the signal's inserting thread, see [`Batcher::start`].
    pub fn start(
        pace: Pace,
        remembered: usize,
        mut writer: impl BlockWriter,
        metrics: Arc<Metrics>,
        decoders: Arc<Semaphore>,
        stopped: CancellationToken,
    ) -> std::io::Result<Arc<Self>> {
        let repeats = Repeats::new(remembered);
        match writer.recall(R::TABLE) {
            Ok(requests) => repeats.recall(requests),
            Err(error) => {
                tracing::warn!(signal = %R::SIGNAL, %error, "a repeat of what came last is not recognised");
            }
        }
        let known = Arc::clone(&repeats);
        Ok(Arc::new(Self {
            repeats,
            batcher: Batcher::start(pace, writer, known, Arc::clone(&metrics), stopped)?,
            metrics,
            decoders,
        }))
    }

    /// Stores a request; returns when its rows are committed, or will not be.
    pub async fn accept(self: &Arc<Self>, received: Received) -> Outcome {
        if received.body.is_empty() {
            return Ok(Acceptance::default());
        }
        let outcome = match self.repeats.arrive(ExportId::of(&received.body)) {
            Arrival::First(claim, outcome) => {
                self.admit(received, claim).await;
                outcome
            }
            Arrival::InFlight(outcome) => {
                self.metrics.repeated(R::SIGNAL);
                drop(received);
                outcome
            }
            Arrival::Committed(acceptance) => {
                self.metrics.repeated(R::SIGNAL);
                return Ok(acceptance);
            }
        };
        outcome.await.unwrap_or_else(|_| Err(Refusal::stopping()))
    }

    /// Commits what has been accepted; further requests are refused. Blocks until that is done.
    pub fn close(&self) {
        self.batcher.close();
    }

    async fn admit(self: &Arc<Self>, mut received: Received, claim: Claim) {
        let needed = received.body.len() * DECODED_PER_BYTE;
        if let Err(refusal) = received.reservation.grow_to(needed).await {
            return claim.settle(&Err(refusal));
        }
        let lane = Arc::clone(self);
        if received.body.len() <= SMALL_BODY {
            let Some((request, pending)) = lane.decode(received, claim) else {
                return;
            };
            if let Some(pending) = lane.batcher.try_submit(&request, pending) {
                offload(move || lane.batcher.submit(&request, pending)).await;
            }
        } else {
            let _turn = self.decoders.acquire().await;
            offload(move || {
                if let Some((request, pending)) = lane.decode(received, claim) {
                    lane.batcher.submit(&request, pending);
                }
            })
            .await;
        }
    }

    fn decode(&self, received: Received, claim: Claim) -> Option<(R::Request, Pending)> {
        let decoded = match R::decode(&received.body, received.encoding) {
            Ok(decoded) => decoded,
            Err(message) => {
                claim.settle(&Err(Refusal::Malformed(message.into())));
                return None;
            }
        };
        self.metrics.lenient(R::SIGNAL, decoded.fixes);
        let pending = Pending {
            claim,
            body: received.body,
            encoding: received.encoding,
            transport: received.transport,
            reservation: received.reservation,
            acceptance: decoded.acceptance,
        };
        Some((decoded.request, pending))
    }
}

/// Runs what would hold up the reactor elsewhere. If that panics, what it owned is dropped,
/// which settles the request.
async fn offload(work: impl FnOnce() + Send + 'static) {
    let _ = tokio::task::spawn_blocking(work).await;
}

#[cfg(test)]
mod tests;
