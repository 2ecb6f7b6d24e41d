//! Ctrl-C.

use std::{future, io};

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Code, Failure, Result};

/// The command was told to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

impl Failure for Interrupted {
    fn code(&self) -> Code {
        Code::Interrupted
    }
}

/// Drops `outcome` when a signal asks to stop, and with it what it has begun.
pub(super) async fn unless_interrupted<T>(outcome: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        // The signals are ours before anything begins.
        biased;
        () = told_to_stop() => Err(Interrupted.into()),
        outcome = outcome => outcome,
    }
}

async fn told_to_stop() {
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
