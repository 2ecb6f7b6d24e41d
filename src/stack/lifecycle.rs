//! Starting a stack, whatever it runs on: one at a time, and twice is as good as once.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    ChangeLock, Desired, Engine, EngineKind, Project, Record, RunState, Service, StackStatus,
    Stopped, told_to_stop,
};
use crate::error::{Code, Error, Failure, Result};

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
    /// A signal came.
    #[error("interrupted; nothing was changed")]
    Interrupted,
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
        match self {
            Self::Interrupted => Code::Interrupted,
            Self::Unknown { .. } | Self::Record(..) => Code::Io,
        }
    }
}

/// Starts the stack of `project` on `engine`, and records `settings`, the values by documented
/// name that `desired` comes from. Whoever calls this holds the right to change the stack.
///
/// # Errors
///
/// Whatever was started is stopped again then, as far as that can be; a stack that ran already is
/// left alone.
pub async fn start(
    project: &Project,
    _lock: &ChangeLock,
    engine: &dyn Engine,
    desired: &Desired,
    settings: BTreeMap<String, String>,
    patience: Duration,
) -> Result<Start> {
    if let Some(status) = running(project, engine, patience).await?
        && (is_recorded(project, engine.kind())? || !engine.kind().outlives_its_record())
    {
        return Ok(Start::AlreadyRunning(status));
    }
    let recording = Recording::begin(project, engine.kind(), desired, settings)?;
    let started = engine.start(desired, patience).await;
    let ((), status) = recording.end(engine, started).await?;
    Ok(Start::Started(status))
}

/// Whether it is known what the stack of `project` was started with, on this engine.
fn is_recorded(project: &Project, engine: EngineKind) -> Result<bool, LifecycleError> {
    let path = project.record_path();
    let record = Record::read(&path).map_err(|error| LifecycleError::Record(path, error))?;
    Ok(record.is_some_and(|record| record.engine == engine))
}

/// Brings the stack of `project`, which may run, to what is `desired`, and records `settings`.
///
/// # Errors
///
/// What was recorded before holds again then.
pub async fn restart(
    project: &Project,
    _lock: &ChangeLock,
    engine: &dyn Engine,
    desired: &Desired,
    settings: BTreeMap<String, String>,
    patience: Duration,
) -> Result<(Stopped, StackStatus)> {
    let recording = Recording::begin(project, engine.kind(), desired, settings)?;
    let restarted = engine.restart(desired, patience).await;
    recording.end(engine, restarted).await
}

/// Brings the stack of `project`, which runs, to the versions of this program, and records
/// `settings`.
///
/// # Errors
///
/// What was recorded before holds again then.
pub async fn update(
    project: &Project,
    _lock: &ChangeLock,
    engine: &dyn Engine,
    desired: &Desired,
    settings: BTreeMap<String, String>,
    patience: Duration,
) -> Result<StackStatus> {
    let recording = Recording::begin(project, engine.kind(), desired, settings)?;
    let as_recorded = recording.changes_nothing();
    let updated = engine.update(desired, as_recorded, patience).await;
    let ((), status) = recording.end(engine, updated).await?;
    Ok(status)
}

/// What runs already, once it is ready; `None` if nothing does, or what does stops.
///
/// # Errors
///
/// When it cannot be told, or does not become ready within `patience`.
pub async fn running(
    project: &Project,
    engine: &dyn Engine,
    patience: Duration,
) -> Result<Option<StackStatus>> {
    let status = async {
        engine.reach().await?;
        Ok::<_, Error>(engine.status().await)
    };
    let status = tokio::select! {
        biased;
        () = told_to_stop() => return Err(LifecycleError::Interrupted.into()),
        status = status => status?,
    };
    match status.state {
        RunState::Running => Ok(Some(status)),
        RunState::Starting | RunState::Restarting => {
            engine.wait_until_running(patience).await?;
            Ok(Some(engine.status().await))
        }
        RunState::Unknown => Err(LifecycleError::Unknown {
            project: project.name().to_owned(),
            reason: status.reason,
        }
        .into()),
        RunState::Stopping | RunState::Partial | RunState::NotRunning => Ok(None),
    }
}

/// The record of a stack that is being started. It is written first: a stack that outlives this
/// process is then known with its settings.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    previous: Option<Record>,
    record: Record,
}

impl Recording {
    /// Writes down what a stack is started with.
    pub fn begin(
        project: &Project,
        engine: EngineKind,
        desired: &Desired,
        settings: BTreeMap<String, String>,
    ) -> Result<Self, LifecycleError> {
        let path = project.record_path();
        let previous =
            Record::read(&path).map_err(|error| LifecycleError::Record(path.clone(), error))?;
        let last_version = previous
            .as_ref()
            .filter(|previous| previous.engine == engine)
            .and_then(|previous| previous.clickhouse_version.clone());
        let recording = Self {
            record: Record {
                telemetry_version: env!("CARGO_PKG_VERSION").to_owned(),
                project: project.name().to_owned(),
                engine,
                clickhouse_version: last_version,
                started_at: Timestamp::now(),
                endpoints: desired.endpoints,
                settings,
            },
            path,
            previous,
        };
        recording.write(&recording.record)?;
        Ok(recording)
    }

    /// Whether the stack was last started by a program of this version in the same way.
    fn changes_nothing(&self) -> bool {
        let Self {
            previous, record, ..
        } = self;
        previous.as_ref().is_some_and(|previous| {
            previous.telemetry_version == record.telemetry_version
                && previous.engine == record.engine
                && previous.endpoints == record.endpoints
                && previous.settings == record.settings
        })
    }

    /// Ends with what became of the stack: it runs, as it says itself, or what was recorded before
    /// holds again, unless something is left of it on another engine than before.
    async fn end<T>(self, engine: &dyn Engine, outcome: Result<T>) -> Result<(T, StackStatus)> {
        match outcome {
            Ok(value) => {
                let status = engine.status().await;
                self.complete(status.version_of(Service::Clickhouse))?;
                Ok((value, status))
            }
            Err(error) => {
                // `logs` and `stop` must find what is left.
                if self.was_on(engine.kind()) || !engine.has_remains().await {
                    self.undo()?;
                }
                Err(error)
            }
        }
    }

    /// The stack runs, with this version of ClickHouse.
    pub fn complete(mut self, clickhouse_version: Option<&str>) -> Result<(), LifecycleError> {
        if clickhouse_version == self.record.clickhouse_version.as_deref() {
            return Ok(());
        }
        self.record.clickhouse_version = clickhouse_version.map(str::to_owned);
        self.write(&self.record)
    }

    /// Whether the stack was on this engine before.
    fn was_on(&self, engine: EngineKind) -> bool {
        let previous = self.previous.as_ref();
        previous.is_some_and(|previous| previous.engine == engine)
    }

    /// The stack did not start: what was recorded before holds again.
    pub fn undo(self) -> Result<(), LifecycleError> {
        match &self.previous {
            Some(previous) => self.write(previous),
            None => std::fs::remove_file(&self.path)
                .map_err(|error| LifecycleError::Record(self.path.clone(), error)),
        }
    }

    fn write(&self, record: &Record) -> Result<(), LifecycleError> {
        record
            .write(&self.path)
            .map_err(|error| LifecycleError::Record(self.path.clone(), error))
    }
}
