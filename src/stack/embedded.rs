//! The embedded engine as an [`Engine`].

mod examine;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::engine::{
    Engine, EngineKind, LogLine, LogReader, RunState, ServiceStatus, StackStatus, Stopped,
};
use super::memory::resident_bytes;
use super::port::{preflight, preflight_beside};
use super::{Desired, Endpoint, Endpoints, Examination, Project, Service, told_to_stop};
use crate::embedded::Directory;
use crate::embedded::server::{self, Listen, ServerSpec};
use crate::embedded::supervisor::log::{Follow, Limits, Line};
use crate::embedded::supervisor::{
    self, Backoff, Ended, LaunchError, Observed, Phase, ServerCommand, State, StopRequests,
    Supervisor,
};
use crate::error::{Code, Failure, Result};
use crate::settings::Variable;

/// How long an earlier run may take to drain.
const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(30);

/// How long it may take to store what was received, when the stack restarts.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);

/// How long what was just started may take to stop when it turns out not to be wanted.
const ROLLBACK_PATIENCE: Duration = Duration::from_secs(10);

/// Runs a project's stack as a background process of this program.
#[derive(Debug)]
pub struct EmbeddedEngine {
    directory: Directory,
    library: Option<PathBuf>,
    library_setting: Option<PathBuf>,
}

/// Why the embedded engine does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// A signal came.
    #[error("interrupted; what was started is stopped again")]
    Interrupted,
    /// A signal came before what ran had ended.
    #[error("interrupted; the stack stops")]
    StillStopping,
    /// A signal came while another process started the stack.
    #[error("interrupted; the stack goes on starting")]
    NoLongerWaiting,
    /// It was not told which library to start.
    #[error("there is no engine library to start")]
    NoLibrary,
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
            Self::Interrupted | Self::StillStopping | Self::NoLongerWaiting => Code::Interrupted,
            Self::NoLibrary => Code::NoEngine,
            Self::Predecessor(_) => Code::StackBusy,
            Self::Directory(..) => Code::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Predecessor(_) => Some("`telemetry stop` ends it".to_owned()),
            Self::NoLibrary => Some("`telemetry engine install` fetches it".to_owned()),
            Self::Interrupted
            | Self::StillStopping
            | Self::NoLongerWaiting
            | Self::Directory(..) => None,
        }
    }
}

impl EmbeddedEngine {
    /// The engine of `project`, to look after what runs.
    pub fn new(project: &Project) -> Self {
        Self {
            directory: Directory::new(project.root()),
            library: None,
            library_setting: None,
        }
    }

    /// The same, where the settings say this of the chDB library.
    #[must_use]
    pub fn with_library_setting(self, library_setting: Option<PathBuf>) -> Self {
        Self {
            library_setting,
            ..self
        }
    }

    /// The same, able to start the stack as well: with this chDB library.
    #[must_use]
    pub fn with_library(self, library: PathBuf) -> Self {
        Self {
            library: Some(library),
            ..self
        }
    }

    /// Runs the stack as a child of this process, with its log on standard error, until a signal
    /// asks to stop; `ready` is called once it is ready, with the version of ClickHouse.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or is not ready within `patience`.
    pub async fn run_in_foreground(
        &self,
        desired: &Desired,
        patience: Duration,
        ready: impl FnOnce(Option<&str>) -> Result<()>,
    ) -> Result<()> {
        let unusable = |error| EmbeddedError::Directory(self.directory.clone(), error);
        let mut signals = StopRequests::from_signals(true).map_err(unusable)?;
        let spec = self.server_spec(desired)?;
        self.wait_for_predecessor().await?;
        preflight(&desired.endpoints).await?;
        supervisor::forget_last(&self.directory).map_err(unusable)?;

        let (stop, stops) = mpsc::channel(4);
        let (when_ready, becoming_ready) = oneshot::channel();
        let supervisor = Supervisor {
            server: ServerCommand::of_this_program(&self.directory, spec.to_line())
                .map_err(unusable)?,
            directory: self.directory.clone(),
            backoff: Backoff::default(),
            limits: Limits::default(),
            foreground: Some(when_ready),
        };
        let supervising = supervisor.run(StopRequests::from_channel(stops));
        tokio::pin!(supervising);
        let becoming_ready = tokio::time::timeout(patience, becoming_ready);
        tokio::pin!(becoming_ready);

        let mut ready = Some(ready);
        let mut failed = Ok(());
        let ended = loop {
            tokio::select! {
                ended = &mut supervising => break ended?,
                () = signals.next() => {
                    // The supervisor takes up to two of them: to drain, and to stop at once.
                    let _ = stop.try_send(());
                }
                version = &mut becoming_ready, if ready.is_some() => {
                    let ready = ready.take().expect("it is polled only while it is there");
                    failed = match version {
                        Ok(Ok(version)) => ready(Some(&version)),
                        // It has ended before, which `supervising` says.
                        Ok(Err(_)) => Ok(()),
                        Err(_) => Err(LaunchError::NotReady(patience).into()),
                    };
                    if failed.is_err() {
                        let _ = stop.try_send(());
                    }
                }
            }
        };
        failed?;
        match ended {
            Ended::Stopped(_) => Ok(()),
            Ended::NeverReady(exit) => Err(LaunchError::ServerFailed(Box::new(exit)).into()),
        }
    }

    fn server_spec(&self, desired: &Desired) -> Result<ServerSpec, EmbeddedError> {
        let library = self.library.clone().ok_or(EmbeddedError::NoLibrary)?;
        Ok(server_spec(desired, library))
    }

    async fn launch(&self, desired: &Desired, patience: Duration) -> Result<()> {
        let endpoints = &desired.endpoints;
        let spec = self.server_spec(desired)?;
        let unusable = |error| EmbeddedError::Directory(self.directory.clone(), error);
        let mut interrupts = StopRequests::from_signals(true).map_err(unusable)?;
        self.wait_for_predecessor().await?;
        preflight(endpoints).await?;

        let arguments = [
            "supervise".into(),
            "--directory".into(),
            self.directory.root().into(),
        ];
        let launched = supervisor::launch(
            &self.directory,
            supervisor::this_program().map_err(unusable)?,
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
                        preflight(endpoints).await?;
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

    /// It is part of this program.
    fn reach(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn preflight<'a>(
        &'a self,
        desired: &'a Desired,
        held: Option<&'a Endpoints>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { Ok(preflight_beside(&desired.endpoints, held).await?) })
    }

    fn plan<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            Ok(match self.status().await.state {
                RunState::NotRunning => {
                    preflight(&desired.endpoints).await?;
                    vec!["1. start the server process (not running)".to_owned()]
                }
                _ => vec![
                    "1. stop the server process (the stack restarts)".to_owned(),
                    "2. start the server process (the stack restarts) after 1".to_owned(),
                ],
            })
        })
    }

    fn fetch<'a>(&'a self, _: &'a Desired) -> BoxFuture<'a, Result<()>> {
        // The library was looked for when this was made.
        Box::pin(std::future::ready(Ok(())))
    }

    fn start<'a>(&'a self, desired: &'a Desired, patience: Duration) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.launch(desired, patience))
    }

    fn restart<'a>(
        &'a self,
        desired: &'a Desired,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Stopped>> {
        Box::pin(async move {
            let stopped = tokio::select! {
                stopped = self.stop(DRAIN_PATIENCE) => stopped?,
                () = told_to_stop() => return Err(EmbeddedError::StillStopping.into()),
            };
            self.launch(desired, patience).await?;
            Ok(stopped)
        })
    }

    fn update<'a>(
        &'a self,
        desired: &'a Desired,
        as_recorded: bool,
        patience: Duration,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            // The versions of its library go with those of the program.
            if !as_recorded {
                self.restart(desired, patience).await?;
            }
            Ok(())
        })
    }

    fn wait_until_running(&self, patience: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let unusable = |error| EmbeddedError::Directory(self.directory.clone(), error);
            let mut interrupts = StopRequests::from_signals(true).map_err(unusable)?;
            tokio::select! {
                running = supervisor::wait_until_running(&self.directory, patience) => {
                    running?;
                    Ok(())
                }
                () = interrupts.next() => Err(EmbeddedError::NoLongerWaiting.into()),
            }
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

    /// All of it is in the project's directory.
    fn data(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn remove_data(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn adoptable(&self) -> BoxFuture<'_, Vec<String>> {
        // Who has a stack of containers is not asked about it where there may be no Docker.
        Box::pin(std::future::ready(Vec::new()))
    }

    fn examine<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Examination> {
        Box::pin(self.examination(desired))
    }

    fn holdings(&self) -> BoxFuture<'_, Vec<String>> {
        let data = self.data_there().into_iter().collect();
        Box::pin(std::future::ready(data))
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
            dashboards: listen(Endpoint::Dashboards),
            health: listen(Endpoint::Health),
        },
        credentials: server::Credentials {
            user: credentials.user,
            password: credentials.password,
            ingest_password: credentials.ingest_password,
            grafana_password: credentials.grafana_password,
        },
        dashboard_password: dashboard_password(desired),
        environment: desired.environment.clone(),
        retention_days: desired.retention_days,
        memory_limit: desired.memory_limit,
    }
}

/// The password of the dashboards, unless it is the one that everybody knows: then nobody is kept
/// out by it, and the stack is reached from this machine only.
fn dashboard_password(desired: &Desired) -> Option<String> {
    let variable = Variable::GrafanaAdminPassword;
    let password = desired.variables.get(variable.name())?;
    (Some(password.as_str()) != variable.default_value()).then(|| password.clone())
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
        container_engine: None,
        services: Service::ALL
            .map(|service| service_status(service, state, account))
            .into(),
    }
}

fn clickhouse_version(state: &State) -> Option<&str> {
    state.server.as_ref()?.clickhouse_version.as_deref()
}

fn service_status(service: Service, state: RunState, account: Option<&State>) -> ServiceStatus {
    let server = account.and_then(|account| account.server.as_ref());
    let version = match service {
        Service::Collector | Service::Grafana => account.map(|account| account.version.clone()),
        Service::Clickhouse => account.and_then(clickhouse_version).map(str::to_owned),
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
            source: line.source.as_str().into(),
            level: line.level,
            message: line.message,
        }
    }
}
