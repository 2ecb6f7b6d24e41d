//! `telemetry supervise`: the background process, run by `telemetry start`.

use std::io::{self, Read as _};
use std::path::PathBuf;

use crate::embedded::Directory;
use crate::embedded::supervisor::{
    Backoff, Ended, LaunchError, ServerCommand, StopRequests, Supervisor, SupervisorError,
    log::Limits,
};
use crate::error::Result;

/// Supervises the server of the project in `directory`; what the server is to do is read from
/// standard input and handed on. Blocks until it is asked to stop.
pub async fn run(directory: PathBuf) -> Result<()> {
    let directory = Directory::new(directory);
    let unusable = |error| SupervisorError::Directory(directory.clone(), error);
    // A session of its own: the terminal that started it may close. It fails only where this
    // process leads one already.
    let _ = rustix::process::setsid();
    let stops = StopRequests::from_signals(false).map_err(unusable)?;
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input).map_err(unusable)?;
    let supervisor = Supervisor {
        server: ServerCommand::of_this_program(&directory, input).map_err(unusable)?,
        directory,
        backoff: Backoff::default(),
        limits: Limits::default(),
        foreground: None,
    };
    match supervisor.run(stops).await? {
        Ended::Stopped(_) => Ok(()),
        Ended::NeverReady(exit) => Err(LaunchError::ServerFailed(Box::new(exit)).into()),
    }
}
