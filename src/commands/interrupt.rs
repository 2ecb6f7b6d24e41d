//! Ctrl-C.

use crate::{
    error::{Code, Failure, Result},
    stack::told_to_stop,
};

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
