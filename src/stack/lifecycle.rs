//! Starting a stack, whatever it runs on: one at a time, and twice is as good as once.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::{Desired, Engine, Project, Record, RunState, Service, StackStatus};
use crate::error::{Code, Failure, Result};

/// What `start` found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// It started the stack.
    Started(StackStatus),
    /// The stack ran already, or another `start` finished first.
    AlreadyRunning(StackStatus),
}

/// Why a stack was not started.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// It cannot be told whether it runs.
    #[error("cannot tell whether project `{project}` runs{}", .reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Unknown {
        /// The project.
        project: String,
        /// Why not.
        reason: Option<String>,
    },
    /// The record cannot be read or written.
    #[error("cannot keep the record of what the stack was started with, `{}`", .0.display())]
    Record(PathBuf, #[source] io::Error),
}

impl Failure for LifecycleError {
    fn code(&self) -> Code {
        Code::Io
    }
}

/// Starts the stack of `project` on `engine`, and records `settings`, the values by documented
/// name that `desired` comes from. `waits` is called if another process changes the stack now.
///
/// # Errors
///
/// Whatever was started is stopped again then; a stack that ran already is left alone.
pub async fn start(
    project: &Project,
    engine: &dyn Engine,
    desired: &Desired,
    settings: BTreeMap<String, String>,
    patience: Duration,
    waits: impl FnOnce(),
) -> Result<Start> {
    let _lock = project.lock(patience, waits).await?;
    let status = engine.status().await;
    match status.state {
        RunState::Running => return Ok(Start::AlreadyRunning(status)),
        RunState::Starting | RunState::Restarting => {
            engine.wait_until_running(patience).await?;
            return Ok(Start::AlreadyRunning(engine.status().await));
        }
        RunState::Unknown => {
            return Err(LifecycleError::Unknown {
                project: project.name().to_owned(),
                reason: status.reason,
            }
            .into());
        }
        RunState::Stopping | RunState::NotRunning => {}
    }

    // Recorded first: a stack that outlives this process is then known with its settings.
    let path = project.record_path();
    let cannot_record = |error| LifecycleError::Record(path.clone(), error);
    let previous = Record::read(&path).map_err(cannot_record)?;
    let mut record = Record {
        telemetry_version: env!("CARGO_PKG_VERSION").to_owned(),
        project: project.name().to_owned(),
        engine: engine.kind(),
        clickhouse_version: previous
            .as_ref()
            .and_then(|previous| previous.clickhouse_version.clone()),
        started_at: Timestamp::now(),
        endpoints: desired.endpoints,
        settings,
    };
    record.write(&path).map_err(cannot_record)?;
    if let Err(error) = engine.start(desired, patience).await {
        restore(previous, &path).map_err(cannot_record)?;
        return Err(error);
    }

    let status = engine.status().await;
    let version = status.version_of(Service::Clickhouse);
    if version != record.clickhouse_version.as_deref() {
        record.clickhouse_version = version.map(str::to_owned);
        record.write(&path).map_err(cannot_record)?;
    }
    Ok(Start::Started(status))
}

fn restore(previous: Option<Record>, path: &Path) -> io::Result<()> {
    match previous {
        Some(previous) => previous.write(path),
        None => std::fs::remove_file(path),
    }
}
