//! What every engine can do with a stack. Commands know this, and no engine.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Desired, Endpoint, Endpoints, Examination, Service};
use crate::error::Result;

/// What a stack runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// A background process of this program, with ClickHouse as a library in it.
    Embedded,
    /// Containers of a Docker engine.
    Docker,
}

impl EngineKind {
    /// Its name, as commands take and print it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Docker => "docker",
        }
    }

    /// Whether a stack on it can run that was started from another home directory, and so with
    /// settings that are not known in this one.
    pub const fn outlives_its_record(self) -> bool {
        matches!(self, Self::Docker)
    }

    /// Whether it takes spans in whose trace ids are longer than OpenTelemetry's, as
    /// automagik-telemetry sends them. The collector refuses their requests.
    pub const fn takes_long_trace_ids(self) -> bool {
        matches!(self, Self::Embedded)
    }

    /// Whether stacks on it have this endpoint.
    pub const fn offers(self, endpoint: Endpoint) -> bool {
        match self {
            Self::Docker => true,
            Self::Embedded => !matches!(
                endpoint,
                Endpoint::ClickhouseNative | Endpoint::CollectorMetrics
            ),
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a service runs. Not being able to tell is not the same as not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It runs and has been ready.
    Running,
    /// It runs, and is not ready yet.
    Starting,
    /// It died and is being started again.
    Restarting,
    /// It drains.
    Stopping,
    /// Some of it runs, and some does not that should.
    Partial,
    /// It does not run.
    NotRunning,
    /// It cannot be told.
    Unknown,
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
            Self::Partial => "partly running",
            Self::NotRunning => "not running",
            Self::Unknown => "unknown",
        })
    }
}

/// What an engine can tell about one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// The service.
    pub service: Service,
    /// Whether it runs.
    pub state: RunState,
    /// Its version, where that is known.
    pub version: Option<String>,
    /// Its process; services of the embedded engine share one.
    pub pid: Option<u32>,
    /// Since when it has been in service.
    pub since: Option<Timestamp>,
    /// The memory that its process occupies, in bytes.
    pub memory_bytes: Option<u64>,
    /// How often it was started again since the stack was started.
    pub restarts: u32,
    /// How it last ended, if it did.
    pub last_exit: Option<String>,
}

/// What an engine can tell about the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackStatus {
    /// Whether it runs, as a whole.
    pub state: RunState,
    /// Why `state` is unknown, or another remark.
    pub reason: Option<String>,
    /// What runs it, beside this program: which Docker engine, and why that one.
    pub container_engine: Option<String>,
    /// Each service.
    pub services: Vec<ServiceStatus>,
}

impl StackStatus {
    /// The version of `service`, where that is known.
    pub fn version_of(&self, service: Service) -> Option<&str> {
        self.services
            .iter()
            .find(|status| status.service == service)?
            .version
            .as_deref()
    }
}

/// How a stack was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// Nothing ran.
    NotRunning,
    /// It drained and ended.
    Drained,
    /// It did not end in time and was killed.
    Killed,
}

/// One line of a stack's log. It serialises as the object that `logs --format json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When it was said, if that is known.
    pub timestamp: Option<Timestamp>,
    /// Which process or container said it.
    pub source: Cow<'static, str>,
    /// How much it matters, when it says so: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: Option<&'static str>,
    /// What it says, its level included where it begins with one.
    pub message: String,
}

/// The log of a stack, read from its oldest line on.
pub trait LogReader: Send {
    /// The lines written since the last call, oldest first; empty when there are none yet.
    fn read_new(&mut self) -> BoxFuture<'_, Result<Vec<LogLine>>>;
}

/// Something that runs stacks; made for one project and its settings.
pub trait Engine: Send + Sync {
    /// Which one it is.
    fn kind(&self) -> EngineKind;

    /// Sees whether what runs stacks can be asked at all.
    fn reach(&self) -> BoxFuture<'_, Result<()>>;

    /// Checks, while the stack may still run, what can be known to keep [`Self::start`] from
    /// working. `held` is where the stack listens now, which it will have given up by then.
    fn preflight<'a>(
        &'a self,
        desired: &'a Desired,
        held: Option<&'a Endpoints>,
    ) -> BoxFuture<'a, Result<()>>;

    /// What would bring the stack to what is desired, a line for each step; nothing is changed.
    fn plan<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Result<Vec<String>>>;

    /// Fetches what `desired` takes, in its newest state; what runs is left alone.
    fn fetch<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Result<()>>;

    /// Starts the stack and waits, `patience` long, until every service says that it is ready.
    /// What of it runs as it should is left alone. When this fails or is interrupted by a signal, what it
    /// started is stopped again; data that was there is never removed.
    fn start<'a>(&'a self, desired: &'a Desired, patience: Duration) -> BoxFuture<'a, Result<()>>;

    /// The same for a stack that runs: brings it to what is desired, and restarts all of it if
    /// there is nothing to change. Says how what had to be stopped was stopped.
    fn restart<'a>(
        &'a self,
        desired: &'a Desired,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Stopped>>;

    /// Brings a stack that runs to what is desired, with what of it is of another version than this
    /// program's made anew, and the rest left alone. `as_recorded` says that it was started by a
    /// program of this version, with what is desired now.
    fn update<'a>(
        &'a self,
        desired: &'a Desired,
        as_recorded: bool,
        patience: Duration,
    ) -> BoxFuture<'a, Result<()>>;

    /// Whether something is left of a stack that did not start: what [`Self::stop`] would remove.
    /// What cannot be told may be left.
    fn has_remains(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { false })
    }

    /// Throws away what was received and waits to be stored. Where that takes it, nothing is
    /// received from then on until [`Self::start`].
    fn discard_queue<'a>(&'a self, _desired: &'a Desired) -> BoxFuture<'a, Result<()>> {
        // Without a queue, whatever was acknowledged is stored.
        Box::pin(async { Ok(()) })
    }

    /// Waits, `patience` long, until a stack that is starting is ready.
    fn wait_until_running(&self, patience: Duration) -> BoxFuture<'_, Result<()>>;

    /// Lets it drain, `patience` long, and returns when nothing of it runs any more.
    fn stop(&self, patience: Duration) -> BoxFuture<'_, Result<Stopped>>;

    /// What holds the stack's data beside the project's directory, each by its name.
    fn data(&self) -> BoxFuture<'_, Result<Vec<String>>>;

    /// Removes all that. Nothing of the stack may run.
    fn remove_data(&self) -> BoxFuture<'_, Result<()>>;

    /// Compose projects of an older make, the telemetry of which could be brought over and was not
    /// yet; none if that cannot be told.
    fn adoptable(&self) -> BoxFuture<'_, Vec<String>>;

    /// Looks at what it runs stacks with, and at the machine that it does so on: for a stack like
    /// `desired`, whether that runs or not. Nothing is changed, and nothing fetched.
    fn examine<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Examination>;

    /// What is there of the project's stack on this engine, each by its name: what runs, and what
    /// holds its data. Nothing, if the engine cannot be asked.
    fn holdings(&self) -> BoxFuture<'_, Vec<String>>;

    /// What runs now.
    fn status(&self) -> BoxFuture<'_, StackStatus>;

    /// Its log.
    fn logs(&self) -> Box<dyn LogReader>;
}
