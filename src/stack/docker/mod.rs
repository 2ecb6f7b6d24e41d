//! The Docker engine as an [`Engine`].

mod change;
mod error;
mod examine;
mod old_clickhouse;
mod plugin;
mod readiness;
mod status;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

pub use error::DockerError;
pub use old_clickhouse::{OldClickhouse, OldClickhouseError};

use super::engine::{Engine, EngineKind, LogLine, LogReader, RunState, StackStatus, Stopped};
use super::port::{PortError, preflight_but_for};
use super::{
    Adoptions, Desired, Endpoints, Examination, Project, Record, Service, StopSignals, told_to_stop,
};
use crate::compose;
use crate::docker::plan::{PullPolicy, Volumes, converge, teardown};
use crate::docker::{
    ConnectError, Connection, Definition, Observation, ProjectLog, Surroundings, version,
};
use crate::error::Result;
use crate::output::Printer;
use change::{unless_insisted, unless_told_to_stop};

/// How often a stack that another process starts is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long the engine may take to tell whether something is left.
const REMAINS_PATIENCE: Duration = Duration::from_secs(5);

/// How containers are started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerOptions {
    /// When images are pulled.
    pub pull: PullPolicy,
    /// Whether what was made stays when a start fails.
    pub keep: bool,
}

/// Runs a project's stack as containers.
#[derive(Debug)]
pub struct DockerEngine {
    project: Project,
    options: ContainerOptions,
    surroundings: Surroundings,
    connection: OnceCell<Connection>,
    printer: Arc<Printer>,
}

impl DockerEngine {
    /// The engine of `project`, which is connected to when it is first used.
    pub fn new(project: &Project, printer: &Arc<Printer>) -> Self {
        Self {
            project: project.clone(),
            options: ContainerOptions::default(),
            surroundings: Surroundings::of_this_process(),
            connection: OnceCell::new(),
            printer: Arc::clone(printer),
        }
    }

    /// The same, starting containers in this way.
    #[must_use]
    pub fn with_options(self, options: ContainerOptions) -> Self {
        Self { options, ..self }
    }

    /// The connection to the Docker engine that is meant.
    ///
    /// # Errors
    ///
    /// When there is none, or it does not answer.
    pub async fn connection(&self) -> Result<&Connection, ConnectError> {
        self.connection
            .get_or_try_init(|| Connection::open(&self.surroundings))
            .await
    }

    /// What shall be there.
    fn definition(&self, desired: &Desired) -> Result<Definition> {
        let environment = |name: &str| {
            let setting = desired.variables.get(name).cloned();
            // Files of the user's may have variables of their own.
            setting.or_else(|| std::env::var(name).ok())
        };
        let mut file = compose::ComposeFile::built_in(&environment)?;
        if let Some(path) = &desired.override_file {
            file = file.merge(compose::ComposeFile::read(path, &environment)?);
        }
        let project = compose::Project::resolve(file, &environment)?.run_by_cli();
        for name in &project.unset {
            self.printer.warn(format!(
                "the variable `{name}` is not set; a Compose file uses it without a default"
            ));
        }
        let definition = Definition::new(&project, self.project.root())?;
        plugin::check(&project, &definition)?;
        self.check_version(&definition)?;
        Ok(definition)
    }

    /// Refuses an older ClickHouse than the one that the data was last used with.
    fn check_version(&self, definition: &Definition) -> Result<()> {
        let record = Record::read(&self.project.record_path()).ok().flatten();
        let kept = record.filter(|record| record.engine == EngineKind::Docker);
        let kept = kept.and_then(|record| record.clickhouse_version);
        let mut containers = definition.stack.containers.iter();
        let wanted = containers.find(|it| it.service == Service::Clickhouse.as_str());
        let wanted = wanted.and_then(|container| version(&container.image));
        match (kept, wanted) {
            (Some(kept), Some(wanted)) if is_older(wanted, &kept) => {
                let wanted = wanted.to_owned();
                Err(DockerError::Downgrade { wanted, kept }.into())
            }
            _ => Ok(()),
        }
    }

    async fn observe(
        &self,
        connection: &Connection,
        definition: &Definition,
    ) -> Result<Observation, DockerError> {
        let containers = definition.stack.containers.iter();
        let images: BTreeSet<&str> = containers.map(|it| it.image.as_str()).collect();
        let observed = connection.observe(self.project.name(), &images).await;
        observed.map_err(|error| DockerError::Unobservable(connection.endpoint.clone(), error))
    }

    /// Checks that nobody else holds the ports. Where the engine is not on this machine, only
    /// what its own containers hold can be known.
    fn check_ports(
        &self,
        desired: &Desired,
        connection: &Connection,
        observation: &Observation,
        held: Option<&Endpoints>,
    ) -> Result<()> {
        let endpoints = &desired.endpoints;
        let is_ours = |project: &Option<String>| project.as_deref() == Some(self.project.name());
        for endpoint in endpoints.offered() {
            let holds = |it: &&crate::docker::Published| {
                Some(it.port) == endpoints.port(endpoint) && !is_ours(&it.project)
            };
            if let Some(held) = observation.published.iter().find(holds) {
                let held = held.clone();
                return Err(DockerError::PortHeld { endpoint, held }.into());
            }
        }
        if !connection.endpoint.address.is_local() {
            return Ok(());
        }
        let given_up =
            |port| held.is_some_and(|held| held.offered().any(|it| held.port(it) == Some(port)));
        let own = |port| {
            let mut published = observation.published.iter();
            published.any(|it| it.port == port && is_ours(&it.project)) || given_up(port)
        };
        match preflight_but_for(endpoints, own) {
            // Whether the address is one of the engine's machine is for the engine to say.
            Err(PortError::Unusable { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn wait(&self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let status = self.look().await;
            match status.state {
                RunState::Running => return Ok(()),
                RunState::NotRunning | RunState::Stopping => return Err(DockerError::Gone.into()),
                _ if Instant::now() >= deadline => {
                    let reason = format!("the stack is {}", status.state);
                    return Err(DockerError::NotReady { patience, reason }.into());
                }
                _ => {}
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = told_to_stop() => {
                    return Err(DockerError::Interrupted("the stack goes on starting").into());
                }
            }
        }
    }
}

/// Whether a version of ClickHouse is of an earlier release than another; false if either is no
/// version, such as `latest`.
fn is_older(version: &str, other: &str) -> bool {
    // Within a release, which has a year and a number, versions read each other's data.
    let release = |version: &str| -> Option<[u32; 2]> {
        let mut numbers = version.split('.').map(|number| number.parse().ok());
        Some([numbers.next()??, numbers.next()??])
    };
    matches!((release(version), release(other)), (Some(one), Some(other)) if one < other)
}

/// The engine counts in whole seconds.
fn whole_seconds(patience: Duration) -> i32 {
    i32::try_from(patience.as_secs()).unwrap_or(i32::MAX)
}

impl Engine for DockerEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Docker
    }

    fn reach(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.connection().await?;
            Ok(())
        })
    }

    fn preflight<'a>(
        &'a self,
        desired: &'a Desired,
        held: Option<&'a Endpoints>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let connection = self.connection().await?;
            let definition = self.definition(desired)?;
            let observation = self.observe(connection, &definition).await?;
            self.check_ports(desired, connection, &observation, held)?;
            converge(&observation.observed, &definition.stack, self.options.pull)?;
            Ok(())
        })
    }

    fn plan<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let connection = self.connection().await?;
            let definition = self.definition(desired)?;
            let observation = self.observe(connection, &definition).await?;
            let plan = converge(&observation.observed, &definition.stack, self.options.pull)?;
            Ok(plan.to_string().lines().map(str::to_owned).collect())
        })
    }

    fn fetch<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.pull(&self.definition(desired)?).await })
    }

    fn start<'a>(&'a self, desired: &'a Desired, patience: Duration) -> BoxFuture<'a, Result<()>> {
        Box::pin(unless_insisted(&self.printer, async move {
            let mut signals = StopSignals::listen();
            let pull = self.options.pull;
            self.converge(&mut signals, desired, pull, patience).await
        }))
    }

    fn restart<'a>(
        &'a self,
        desired: &'a Desired,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Stopped>> {
        Box::pin(unless_insisted(&self.printer, async move {
            let mut signals = StopSignals::listen();
            let mut pull = self.options.pull;
            let looks = self.prepare(desired, pull);
            let (_, plan) = unless_told_to_stop(&mut signals, looks).await?;
            if pull == PullPolicy::Always {
                // It is done.
                pull = PullPolicy::Missing;
            }
            let mut stopped = Stopped::Drained;
            if plan.is_empty() && self.stop_for_restart(&mut signals).await? {
                stopped = Stopped::Killed;
            }
            self.converge(&mut signals, desired, pull, patience).await?;
            Ok(stopped)
        }))
    }

    fn discard_queue<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.remove_queue(desired))
    }

    fn has_remains(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let nothing = Definition::default();
            let found = async {
                let connection = self.connection().await.ok()?;
                self.observe(connection, &nothing).await.ok()
            };
            let found = tokio::time::timeout(REMAINS_PATIENCE, found).await;
            found.ok().flatten().is_none_or(|found| {
                let plan = teardown(&found.observed, self.project.name(), Volumes::Keep);
                !plan.is_empty()
            })
        })
    }

    fn update<'a>(
        &'a self,
        desired: &'a Desired,
        _: bool,
        patience: Duration,
    ) -> BoxFuture<'a, Result<()>> {
        // A look at the containers tells more than the record.
        self.start(desired, patience)
    }

    fn wait_until_running(&self, patience: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.wait(patience))
    }

    fn stop(&self, patience: Duration) -> BoxFuture<'_, Result<Stopped>> {
        Box::pin(async move {
            let stopped = self
                .tear_down(Volumes::Keep, Some(whole_seconds(patience)))
                .await?;
            Ok(match stopped {
                None => Stopped::NotRunning,
                Some(false) => Stopped::Drained,
                Some(true) => Stopped::Killed,
            })
        })
    }

    fn data(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async move {
            let connection = self.connection().await?;
            let observation = self.observe(connection, &Definition::default()).await?;
            let volumes = observation.observed.volumes.into_iter();
            let mut volumes: Vec<_> = volumes
                .filter(|it| it.project.as_deref() == Some(self.project.name()))
                .map(|it| format!("volume `{}`", it.name))
                .collect();
            volumes.sort();
            Ok(volumes)
        })
    }

    fn remove_data(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.tear_down(Volumes::Remove, None).await?;
            let connection = self.connection().await?;
            let removed = connection.remove_temporaries(self.project.root()).await;
            let left = |error| DockerError::Unremovable(connection.endpoint.clone(), error);
            Ok(removed.map_err(left)?)
        })
    }

    fn adoptable(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(async move {
            let adopted = Adoptions::read(&self.project).unwrap_or_default();
            let Ok(connection) = self.connection().await else {
                return Vec::new();
            };
            let stacks = connection.old_stacks().await.unwrap_or_default();
            stacks
                .into_iter()
                .filter(|stack| stack.project != self.project.name())
                .filter(|stack| !adopted.has(&stack.volume))
                .map(|stack| stack.project)
                .collect()
        })
    }

    fn examine<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Examination> {
        Box::pin(self.examination(desired))
    }

    fn holdings(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(self.what_remains())
    }

    fn status(&self) -> BoxFuture<'_, StackStatus> {
        Box::pin(self.look())
    }

    fn logs(&self) -> Box<dyn LogReader> {
        Box::new(DockerLog {
            project: self.project.clone(),
            surroundings: self.surroundings.clone(),
            log: None,
        })
    }
}

/// The log of all containers.
struct DockerLog {
    project: Project,
    surroundings: Surroundings,
    log: Option<ProjectLog>,
}

impl LogReader for DockerLog {
    fn read_new(&mut self) -> BoxFuture<'_, Result<Vec<LogLine>>> {
        Box::pin(async move {
            let log = match &mut self.log {
                Some(log) => log,
                none => {
                    let connection = Connection::open(&self.surroundings).await?;
                    none.insert(ProjectLog::new(connection, self.project.name()))
                }
            };
            let endpoint = log.endpoint().clone();
            let lines = log.read_new().await;
            let lines = lines.map_err(|error| DockerError::Unobservable(endpoint, error))?;
            Ok(lines
                .into_iter()
                .map(|line| LogLine {
                    timestamp: line.timestamp,
                    source: line.service.into(),
                    level: None,
                    message: line.text,
                })
                .collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_older;

    #[test]
    fn an_earlier_release_is_older_and_an_earlier_patch_is_not() {
        for (version, other, expected) in [
            ("26.8.20.9", "26.9.1.1", true),
            ("26.8.20.9", "27.1", true),
            ("26.8.20.9", "26.8.21.1", false),
            ("26.10.1.1", "26.9.1.1", false),
            ("latest", "26.9.1.1", false),
            ("26.8.20.9", "head-alpine", false),
        ] {
            assert_eq!(is_older(version, other), expected, "{version} {other}");
        }
    }
}
