//! The Docker engine as an [`Engine`].

mod error;
mod examine;
mod readiness;
mod status;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, try_join_all};
use tokio::sync::OnceCell;

pub use error::DockerError;

use super::engine::{Engine, EngineKind, LogLine, LogReader, RunState, StackStatus, Stopped};
use super::port::{PortError, preflight_but_for};
use super::{Desired, Endpoints, Examination, Project, Record, Service, told_to_stop};
use crate::compose;
use crate::docker::plan::{Plan, PullPolicy, Volumes, converge, teardown};
use crate::docker::{
    ConnectError, Connection, Definition, ExecuteError, Execution, Observation, ProjectLog,
    RolledBack, Surroundings, version,
};
use crate::error::Result;
use crate::output::Printer;
use readiness::Probes;

/// How long containers may take to stop that were only just started.
const ROLLBACK_GRACE: i32 = 5;

/// How often a stack that another process starts is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

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

    /// Pulls the images of `definition`, all at once.
    async fn pull(&self, definition: &Definition) -> Result<()> {
        let connection = self.connection().await?;
        let containers = definition.stack.containers.iter();
        let images: BTreeSet<&str> = containers.map(|it| it.image.as_str()).collect();
        let directory = self.surroundings.config.as_deref();
        let pulls = images
            .iter()
            .map(|image| connection.pull(image, directory, &self.printer));
        tokio::select! {
            pulled = try_join_all(pulls) => { pulled?; }
            () = told_to_stop() => {
                return Err(DockerError::Interrupted("nothing was changed").into());
            }
        }
        Ok(())
    }

    /// The definition of what shall be there and the plan that leads to it, with the images
    /// pulled that are to be pulled in any case.
    async fn prepare(&self, desired: &Desired) -> Result<(Definition, Plan)> {
        let connection = self.connection().await?;
        let definition = self.definition(desired)?;
        let mut observation = self.observe(connection, &definition).await?;
        self.check_ports(desired, connection, &observation, None)?;
        let mut pull = self.options.pull;
        if pull == PullPolicy::Always {
            self.pull(&definition).await?;
            observation = self.observe(connection, &definition).await?;
            pull = PullPolicy::Never;
        }
        let plan = converge(&observation.observed, &definition.stack, pull)?;
        Ok((definition, plan))
    }

    async fn converge(&self, desired: &Desired, patience: Duration) -> Result<()> {
        let connection = self.connection().await?;
        let (prepared, shortages) = tokio::join!(self.prepare(desired), connection.shortages());
        let (definition, plan) = prepared?;
        for shortage in shortages {
            self.printer.warn(shortage);
        }
        let probes = Probes::new(desired, patience);
        let readiness = Box::new(move |service: &str| probes.until_ready(service));
        let execution = Execution::new(connection, &definition, &self.printer, readiness)
            .credentials(self.surroundings.config.clone());
        let Err(error) = execution.run(&plan, told_to_stop()).await else {
            return Ok(());
        };
        if self.options.keep {
            self.printer
                .status("What was made stays, as `--keep` says; `telemetry stop` removes it");
            return Err(error.into());
        }
        let rolled_back = execution.roll_back().await;
        if rolled_back == RolledBack::Incomplete {
            self.tear_down(Volumes::Keep, Some(ROLLBACK_GRACE)).await?;
        }
        if error.is_port_taken() {
            // Taken since the look before; look again to tell by whom.
            let observation = self.observe(connection, &definition).await?;
            self.check_ports(desired, connection, &observation, None)?;
        }
        Err(match (error, rolled_back) {
            (ExecuteError::Interrupted, RolledBack::AsBefore) => {
                DockerError::Interrupted("all is as it was before").into()
            }
            (ExecuteError::Interrupted, RolledBack::Incomplete) => {
                DockerError::Interrupted("the stack is stopped; its data is kept").into()
            }
            (error, _) => error.into(),
        })
    }

    /// Removes what there is of the project. `None` if there is nothing; else whether a container
    /// had to be killed.
    async fn tear_down(&self, volumes: Volumes, grace: Option<i32>) -> Result<Option<bool>> {
        let connection = self.connection().await?;
        let nothing = Definition::default();
        let observation = self.observe(connection, &nothing).await?;
        let plan = teardown(&observation.observed, self.project.name(), volumes);
        if plan.is_empty() {
            return Ok(None);
        }
        let readiness = Box::new(|_: &str| None);
        let mut execution = Execution::new(connection, &nothing, &self.printer, readiness);
        if let Some(grace) = grace {
            execution = execution.grace(grace);
        }
        execution.run(&plan, std::future::pending()).await?;
        Ok(Some(execution.has_killed()))
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
        Box::pin(self.converge(desired, patience))
    }

    fn restart<'a>(
        &'a self,
        desired: &'a Desired,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Stopped>> {
        Box::pin(async move {
            let (_, plan) = self.prepare(desired).await?;
            let mut stopped = Stopped::Drained;
            if plan.is_empty() {
                // As each container was made to be stopped.
                if let Some(true) = self.tear_down(Volumes::Keep, None).await? {
                    stopped = Stopped::Killed;
                }
            }
            self.converge(desired, patience).await?;
            Ok(stopped)
        })
    }

    fn update<'a>(&'a self, desired: &'a Desired, patience: Duration) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.converge(desired, patience))
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
            Ok(volumes
                .filter(|it| it.project.as_deref() == Some(self.project.name()))
                .map(|it| format!("volume `{}`", it.name))
                .collect())
        })
    }

    fn remove_data(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.tear_down(Volumes::Remove, None).await?;
            Ok(())
        })
    }

    fn examine<'a>(&'a self, desired: &'a Desired) -> BoxFuture<'a, Examination> {
        Box::pin(self.examination(desired))
    }

    fn remains(&self) -> BoxFuture<'_, Vec<String>> {
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
