//! Bringing a stack of containers from what is there to what shall be, and back if that fails.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::readiness::Probes;
use super::{DockerEngine, DockerError};
use crate::docker::plan::{Plan, PullPolicy, Volumes, converge, emptying, teardown};
use crate::docker::{Definition, ExecuteError, Execution, RolledBack};
use crate::error::{Error, Result};
use crate::output::Printer;
use crate::stack::{Desired, Service, StopSignals, told_to_stop};

/// How long containers may take to stop that were only just started.
const ROLLBACK_GRACE: i32 = 5;

impl DockerEngine {
    /// Pulls the images of `definition`, all at once.
    pub(super) async fn pull(&self, definition: &Definition) -> Result<()> {
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
    pub(super) async fn prepare(
        &self,
        desired: &Desired,
        mut pull: PullPolicy,
    ) -> Result<(Definition, Plan)> {
        let connection = self.connection().await?;
        let definition = self.definition(desired)?;
        let mut observation = self.observe(connection, &definition).await?;
        self.check_ports(desired, connection, &observation, None)?;
        if pull == PullPolicy::Always {
            self.pull(&definition).await?;
            observation = self.observe(connection, &definition).await?;
            pull = PullPolicy::Never;
        }
        let plan = converge(&observation.observed, &definition.stack, pull)?;
        Ok((definition, plan))
    }

    pub(super) async fn converge(
        &self,
        signals: &mut StopSignals,
        desired: &Desired,
        pull: PullPolicy,
        patience: Duration,
    ) -> Result<()> {
        let connection = self.connection().await?;
        let looks = Box::pin(async {
            let (prepared, shortages) =
                tokio::join!(self.prepare(desired, pull), connection.shortages());
            Ok((prepared?, shortages))
        });
        let ((definition, plan), shortages) = unless_told_to_stop(signals, looks).await?;
        for shortage in shortages {
            self.printer.warn(shortage);
        }
        let probes = Probes::new(desired, patience, connection, &definition, &self.printer);
        let readiness = Box::new(move |service: &str| probes.until_ready(service));
        let execution = Execution::new(connection, &definition, &self.printer, readiness)
            .credentials(self.surroundings.config.clone());
        let Err(error) = execution.run(&plan, signals.next()).await else {
            return Ok(());
        };
        if self.options.keep {
            self.printer
                .status("What was made stays, as `--keep` says; `telemetry stop` removes it");
            return Err(error.into());
        }
        let rolled_back = self.roll_back(&execution).await;
        if error.is_port_taken() {
            // Taken since the look before; look again to tell by whom.
            let observation = self.observe(connection, &definition).await?;
            self.check_ports(desired, connection, &observation, None)?;
        }
        Err(after(error, rolled_back, &self.printer))
    }

    /// Undoes what was done. A stack that cannot be as it was goes altogether.
    async fn roll_back(&self, execution: &Execution<'_>) -> RolledBack {
        let mut rolled_back = execution.roll_back().await;
        if rolled_back == RolledBack::Gone {
            let torn_down = self.tear_down(Volumes::Keep, Some(ROLLBACK_GRACE)).await;
            if torn_down.is_err() {
                rolled_back = RolledBack::Incomplete;
            }
        }
        if rolled_back == RolledBack::Incomplete {
            self.printer.warn(
                "not all could be undone that was done; `telemetry stop` removes what is left"
                    .to_owned(),
            );
        }
        rolled_back
    }

    /// Removes the collector with its queue, which is in a volume of its own.
    pub(super) async fn remove_queue(&self, desired: &Desired) -> Result<()> {
        let connection = self.connection().await?;
        let definition = self.definition(desired)?;
        let observation = self.observe(connection, &definition).await?;
        let collector = Service::Collector.as_str();
        let plan = emptying(&observation.observed, &definition.stack, collector);
        let nothing = Definition::default();
        let readiness = Box::new(|_: &str| None);
        let execution = Execution::new(connection, &nothing, &self.printer, readiness);
        execution.run(&plan, std::future::pending()).await?;
        Ok(())
    }

    /// Stops a stack that is to be started anew, and says whether a container had to be killed.
    pub(super) async fn stop_for_restart(&self, signals: &mut StopSignals) -> Result<bool> {
        let connection = self.connection().await?;
        let nothing = Definition::default();
        let observation = self.observe(connection, &nothing).await?;
        let plan = teardown(&observation.observed, self.project.name(), Volumes::Keep);
        let readiness = Box::new(|_: &str| None);
        // As each container was made to be stopped.
        let execution = Execution::new(connection, &nothing, &self.printer, readiness);
        match execution.run(&plan, signals.next()).await {
            Ok(()) => Ok(execution.has_killed()),
            Err(error) => {
                let rolled_back = self.roll_back(&execution).await;
                Err(after(error, rolled_back, &self.printer))
            }
        }
    }

    /// Removes what there is of the project. `None` if there is nothing; else whether a container
    /// had to be killed.
    pub(super) async fn tear_down(
        &self,
        volumes: Volumes,
        grace: Option<i32>,
    ) -> Result<Option<bool>> {
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
}

/// What there is to tell of a plan that failed and was rolled back.
fn after(error: ExecuteError, rolled_back: RolledBack, printer: &Printer) -> Error {
    let state = match rolled_back {
        RolledBack::AsBefore => "all is as it was before",
        RolledBack::Gone => "the stack is stopped; its data is kept",
        RolledBack::Incomplete => return error.into(),
    };
    if matches!(error, ExecuteError::Interrupted) {
        return DockerError::Interrupted(state).into();
    }
    printer.status(&format!("It failed; {state}"));
    error.into()
}

/// Looks at what there is, until a signal comes.
pub(super) async fn unless_told_to_stop<T>(
    signals: &mut StopSignals,
    look: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = signals.next() => Err(DockerError::Interrupted("nothing was changed").into()),
        found = look => found,
    }
}

/// Whoever is told to stop twice does not wait until all is undone, as an engine that does not
/// answer would have it.
pub(super) async fn unless_insisted<T>(
    printer: &Printer,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut signals = StopSignals::listen();
    let insisted = async {
        signals.next().await;
        printer.status("Undoing what was done; whoever interrupts again leaves it so");
        signals.next().await;
    };
    tokio::select! {
        biased;
        done = work => done,
        () = insisted => Err(DockerError::Insisted.into()),
    }
}
