//! Being told to stop.

use std::future;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ends when Ctrl-C is pressed, or when something else tells this process to stop.
pub async fn told_to_stop() {
    StopSignals::listen().next().await;
}

/// What tells this process to stop, from when it is first listened for: what comes while nobody
/// waits is not lost.
#[derive(Debug)]
pub struct StopSignals(Option<(Signal, Signal)>);

impl StopSignals {
    /// Begins to listen.
    pub fn listen() -> Self {
        let interrupt = signal(SignalKind::interrupt());
        Self(
            interrupt
                .and_then(|it| Ok((it, signal(SignalKind::terminate())?)))
                .ok(),
        )
    }

    /// Ends when the next comes.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Some((interrupt, terminate)) => tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            },
            // The system's own way to deal with the signals stays in force.
            None => future::pending().await,
        }
    }
}
