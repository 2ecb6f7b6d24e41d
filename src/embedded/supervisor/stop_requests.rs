//! Requests to stop: signals, as a stream of events.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The requests to stop that reach this process. The first asks to drain, any later one to
/// stop at once.
#[derive(Debug)]
pub struct StopRequests(mpsc::Receiver<()>);

impl StopRequests {
    /// Listens to SIGTERM and SIGINT, and to SIGHUP when `hangup_stops`: a process in the
    /// foreground ends with its terminal, one in the background survives it.
    ///
    /// # Errors
    ///
    /// When a handler cannot be installed.
    pub fn from_signals(hangup_stops: bool) -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            loop {
                let stops = tokio::select! {
                    _ = terminate.recv() => true,
                    _ = interrupt.recv() => true,
                    _ = hangup.recv() => hangup_stops,
                    () = sender.closed() => return,
                };
                if stops && sender.send(()).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self(receiver))
    }

    /// Requests that come through a channel.
    pub const fn from_channel(receiver: mpsc::Receiver<()>) -> Self {
        Self(receiver)
    }

    /// The next request. Cancel-safe. When no more can come, it waits for ever.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
