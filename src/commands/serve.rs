//! `telemetry serve`: the server process, run by the supervisor.

use std::path::PathBuf;

use crate::embedded::{Directory, server};
use crate::error::Result;

/// Serves the project in `directory`; blocks until it is asked to stop.
pub fn run(directory: PathBuf) -> Result<()> {
    server::run(&Directory::new(directory), |_spec| Vec::new())?;
    Ok(())
}
