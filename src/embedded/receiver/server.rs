//! Putting the receiver together: lanes below, listeners above.

use std::{io, sync::Arc, thread};

use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    BlockWriter, Budget, Intake, Lane, Limits, Metrics, Rows, Signal, grpc, http, intake::Store,
};
use crate::embedded::connection::{self, Protocol};
use crate::error::{Code, Failure};

/// Where the receiver listens; bound by the caller, who knows whom to tell if a port is taken.
#[derive(Debug)]
pub struct Listeners {
    /// OTLP/HTTP.
    pub http: TcpListener,
    /// OTLP/gRPC.
    pub grpc: TcpListener,
}

/// A receiver whose inserting threads run.
pub struct Receiver {
    intake: Arc<Intake>,
    /// Cancelled when an inserting thread has ended.
    broken: CancellationToken,
}

/// Why a receiver did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// No thread for a signal's inserts.
    #[error("the thread that inserts {signal} could not be started")]
    Thread {
        /// The signal.
        signal: Signal,
        /// The system's reason.
        source: io::Error,
    },
    /// An inserting thread ended although nobody asked it to.
    #[error("an inserting thread of the receiver has ended unexpectedly")]
    WriterLost,
}

impl Failure for ReceiverError {
    fn code(&self) -> Code {
        Code::EngineStart
    }
}

impl Receiver {
    /// Starts a lane for each signal, with a writer of its own.
    pub fn start<T, M, L, W>(
        limits: Limits,
        mut writer: impl FnMut(Signal) -> W,
    ) -> Result<Self, ReceiverError>
    where
        T: Rows,
        M: Rows,
        L: Rows,
        W: BlockWriter,
    {
        let budget = Budget::new(limits.memory, limits.patience);
        let metrics = Arc::new(Metrics::new(budget.clone()));
        let broken = CancellationToken::new();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let starter = Starter {
            limits,
            metrics: Arc::clone(&metrics),
            decoders: Arc::new(Semaphore::new(cores)),
            broken: broken.clone(),
        };
        let lanes = [
            starter.lane::<T>(writer(Signal::Traces))?,
            starter.lane::<M>(writer(Signal::Metrics))?,
            starter.lane::<L>(writer(Signal::Logs))?,
        ];
        let intake = Arc::new(Intake {
            lanes,
            budget,
            metrics,
            limits,
        });
        Ok(Self { intake, broken })
    }

    /// What this receiver counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.intake.metrics)
    }

    /// Serves until `shutdown`: then stops accepting, finishes the requests in flight, commits
    /// what they brought, and returns. An error means that the receiver cannot go on, and that
    /// the process had better be restarted.
    pub async fn serve(
        self,
        listeners: Listeners,
        shutdown: CancellationToken,
    ) -> Result<(), ReceiverError> {
        let bounds = self.intake.limits.bounds();
        let stop = shutdown.child_token();
        let over_http = connection::serve(listeners.http, Protocol::Http, bounds, stop.clone(), {
            let intake = Arc::clone(&self.intake);
            move |request| http::answer(Arc::clone(&intake), request)
        });
        let over_grpc = connection::serve(listeners.grpc, Protocol::Http2, bounds, stop.clone(), {
            let intake = Arc::clone(&self.intake);
            move |request| grpc::answer(Arc::clone(&intake), request)
        });
        let lost = async {
            self.broken.cancelled().await;
            stop.cancel();
        };
        let both = async { tokio::join!(over_http, over_grpc) };
        tokio::pin!(both);
        tokio::select! {
            _ = &mut both => {}
            () = lost => drop(both.await),
        }
        let lost = self.broken.is_cancelled();
        let intake = Arc::clone(&self.intake);
        let closed = tokio::task::spawn_blocking(move || intake.close()).await;
        if lost || closed.is_err() {
            return Err(ReceiverError::WriterLost);
        }
        Ok(())
    }
}

/// What every lane is started with.
struct Starter {
    limits: Limits,
    metrics: Arc<Metrics>,
    decoders: Arc<Semaphore>,
    broken: CancellationToken,
}

impl Starter {
    fn lane<R: Rows>(&self, writer: impl BlockWriter) -> Result<Box<dyn Store>, ReceiverError> {
        let lane: Arc<Lane<R>> = Lane::start(
            self.limits.pace,
            self.limits.remembered,
            writer,
            Arc::clone(&self.metrics),
            Arc::clone(&self.decoders),
            self.broken.clone(),
        )
        .map_err(|source| ReceiverError::Thread {
            signal: R::SIGNAL,
            source,
        })?;
        Ok(Box::new(lane))
    }
}
