//! The embedded engine as an [`Engine`].

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::engine::{
    Engine, EngineKind, LogLine, LogReader, RunState, ServiceStatus, StackStatus, Stopped,
};
use super::memory::resident_bytes;
use super::port::preflight;
use super::{Desired, Endpoint, Project, Service};
use crate::embedded::Directory;
use crate::embedded::server::{self, Listen, ServerSpec};
use crate::embedded::supervisor::log::{Follow, Line};
use crate::embedded::supervisor::{self, Observed, Phase, State, StopRequests};
use crate::error::{Code, Failure, Result};

/// How long an earlier run may take to drain.
const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(30);

/// How long what was just started may take to stop when it turns out not to be wanted.
const ROLLBACK_PATIENCE: Duration = Duration::from_secs(10);

/// Runs a project's stack as a background process of this program.
#[derive(Debug)]
pub struct EmbeddedEngine {
    directory: Directory,
    program: PathBuf,
    library: PathBuf,
}

/// Why the embedded engine does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// A signal came.
    #[error("interrupted; what was started is stopped again")]
    Interrupted,
    /// What an earlier run left does not end.
    #[error("process {0} of an earlier run still holds the data")]
    Predecessor(i32),
    /// What runs cannot be told, or a file cannot be used.
    #[error("cannot use `{}`", .0.root().display())]
    Directory(Directory, #[source] std::io::Error),
}

impl Failure for EmbeddedError {
    fn code(&self) -> Code {
        match self {
            Self::Interrupted => Code::Interrupted,
            Self::Predecessor(_) => Code::StackBusy,
            Self::Directory(..) => Code::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Predecessor(_) => Some("`telemetry stop` ends it".to_owned()),
            Self::Interrupted | Self::Directory(..) => None,
        }
    }
}

impl EmbeddedEngine {
    /// The engine of `project`; `program` is this program, to run as supervisor and server, and
    /// `library` the chDB library.
    pub fn new(project: &Project, program: PathBuf, library: PathBuf) -> Self {
        Self {
            directory: Directory::new(project.root()),
            program,
            library,
        }
    }

    async fn launch(&self, desired: &Desired, patience: Duration) -> Result<()> {
        let endpoints = &desired.endpoints;
        let spec = server_spec(desired, self.library.clone());
        let unusable = |error| EmbeddedError::Directory(self.directory.clone(), error);
        let mut interrupts = StopRequests::from_signals(true).map_err(unusable)?;
        self.wait_for_predecessor().await?;
        preflight(endpoints)?;

        let arguments = [
            "supervise".into(),
            "--directory".into(),
            self.directory.root().into(),
        ];
        let launched = supervisor::launch(
            &self.directory,
            self.program.clone(),
            &arguments,
            &spec.to_line(),
        )
        .await?;
        tokio::select! {
            running = launched.wait_until_running(&self.directory, patience) => match running {
                Ok(_) => Ok(()),
                Err(error) => {
                    self.roll_back(&mut interrupts).await;
                    if error.code() == Code::PortInUse {
                        // Taken since the look above; look again to tell by whom.
                        preflight(endpoints)?;
                    }
                    Err(error.into())
                }
            },
            () = interrupts.next() => {
                self.roll_back(&mut interrupts).await;
                Err(EmbeddedError::Interrupted.into())
            }
        }
    }

    /// Stops what was just started, at once if another signal comes.
    async fn roll_back(&self, interrupts: &mut StopRequests) {
        // The reason to roll back is the error to tell, not what becomes of this.
        let _ = tokio::select! {
            stopped = supervisor::stop(&self.directory, ROLLBACK_PATIENCE) => stopped,
            () = interrupts.next() => supervisor::stop(&self.directory, Duration::ZERO).await,
        };
    }

    /// Waits for what an earlier run left: a stack that was asked to stop, or a server whose
    /// supervisor was killed. Both drain and give the data free.
    async fn wait_for_predecessor(&self) -> Result<(), EmbeddedError> {
        let unusable = |error| EmbeddedError::Directory(self.directory.clone(), error);
        supervisor::wait_until_absent(&self.directory, PREDECESSOR_PATIENCE)
            .await
            .map_err(unusable)?;
        match supervisor::observe(&self.directory).map_err(unusable)? {
            Observed::Absent => Ok(()),
            Observed::Orphaned { server: pid }
            | Observed::Supervised {
                supervisor: pid, ..
            } => Err(EmbeddedError::Predecessor(pid.as_raw_nonzero().get())),
        }
    }
}

impl Engine for EmbeddedEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Embedded
    }

    fn start<'a>(&'a self, desired: &'a Desired, patience: Duration) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.launch(desired, patience))
    }

    fn wait_until_running(&self, patience: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            supervisor::wait_until_running(&self.directory, patience).await?;
            Ok(())
        })
    }

    fn stop(&self, patience: Duration) -> BoxFuture<'_, Result<Stopped>> {
        Box::pin(async move {
            Ok(match supervisor::stop(&self.directory, patience).await? {
                supervisor::Stopped::NothingRan => Stopped::NotRunning,
                supervisor::Stopped::Drained => Stopped::Drained,
                supervisor::Stopped::Killed => Stopped::Killed,
            })
        })
    }

    fn status(&self) -> BoxFuture<'_, StackStatus> {
        Box::pin(std::future::ready(status(supervisor::observe(
            &self.directory,
        ))))
    }

    fn logs(&self) -> Box<dyn LogReader> {
        Box::new(EmbeddedLog {
            directory: self.directory.clone(),
            follow: Follow::from_start(&self.directory.log()),
        })
    }
}

fn server_spec(desired: &Desired, library: PathBuf) -> ServerSpec {
    let listen = |endpoint| desired.endpoints.listen(endpoint);
    let credentials = desired.credentials.clone();
    ServerSpec {
        library,
        listen: Listen {
            otlp_http: listen(Endpoint::OtlpHttp),
            otlp_grpc: listen(Endpoint::OtlpGrpc),
            clickhouse_http: listen(Endpoint::ClickhouseHttp),
            health: listen(Endpoint::Health),
        },
        credentials: server::Credentials {
            user: credentials.user,
            password: credentials.password,
            ingest_password: credentials.ingest_password,
            grafana_password: credentials.grafana_password,
        },
        environment: desired.environment.clone(),
        retention_days: desired.retention_days,
        memory_limit: desired.memory_limit,
    }
}

/// What the observation says about each service: one server process plays them all.
fn status(observed: std::io::Result<Observed>) -> StackStatus {
    let (state, reason, account) = match observed {
        Err(error) => (RunState::Unknown, Some(error.to_string()), None),
        Ok(Observed::Absent) => (RunState::NotRunning, None, None),
        Ok(Observed::Orphaned { server }) => {
            let pid = server.as_raw_nonzero();
            let reason = format!("the supervisor was killed; its server (pid {pid}) drains");
            (RunState::Stopping, Some(reason), None)
        }
        Ok(Observed::Supervised { state: None, .. }) => (RunState::Starting, None, None),
        Ok(Observed::Supervised {
            state: Some(account),
            ..
        }) => {
            let state = match account.phase {
                Phase::Starting => RunState::Starting,
                Phase::Running => RunState::Running,
                Phase::Restarting => RunState::Restarting,
                // What has just ended still holds its claim for a moment.
                Phase::Stopping | Phase::Stopped | Phase::Failed => RunState::Stopping,
            };
            (state, None, Some(account))
        }
    };
    let account = account.as_deref();
    StackStatus {
        state,
        reason,
        services: Service::ALL
            .map(|service| service_status(service, state, account))
            .into(),
    }
}

fn service_status(service: Service, state: RunState, account: Option<&State>) -> ServiceStatus {
    let server = account.and_then(|account| account.server.as_ref());
    let version = match service {
        Service::Collector => account.map(|account| account.version.clone()),
        Service::Clickhouse => server.and_then(|server| server.clickhouse_version.clone()),
    };
    ServiceStatus {
        service,
        state,
        version,
        pid: server.map(|server| server.pid),
        since: server.and_then(|server| server.ready_at),
        memory_bytes: server.and_then(|server| resident_bytes(server.pid)),
        restarts: account.map_or(0, |account| account.restarts),
        last_exit: account
            .and_then(|account| account.last_exit.as_ref())
            .map(|exit| exit.status.to_string()),
    }
}

struct EmbeddedLog {
    directory: Directory,
    follow: Follow,
}

impl LogReader for EmbeddedLog {
    fn read_new(&mut self) -> BoxFuture<'_, Result<Vec<LogLine>>> {
        let lines = self
            .follow
            .read_new()
            .map(|lines| lines.into_iter().map(LogLine::from).collect())
            .map_err(|error| EmbeddedError::Directory(self.directory.clone(), error).into());
        Box::pin(std::future::ready(lines))
    }
}

impl From<Line> for LogLine {
    fn from(line: Line) -> Self {
        Self {
            timestamp: line.timestamp,
            source: line.source.as_str(),
            level: line.level,
            message: line.message,
        }
    }
}
