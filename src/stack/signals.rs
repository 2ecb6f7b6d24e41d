//! Being told to stop.

use std::{future, io};

use tokio::signal::unix::{SignalKind, signal};

/// Ends when Ctrl-C is pressed, or when something else tells this process to stop.
pub async fn told_to_stop() {
    let wait = || -> io::Result<_> {
        Ok((
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ))
    };
    match wait() {
        Ok((mut interrupt, mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        }
        // The system's own way to deal with the signals stays in force.
        Err(_) => future::pending().await,
    }
}
