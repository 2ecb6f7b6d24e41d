//! Carrying out a plan: each step as soon as those before it are done, and all of it undone when
//! one fails or somebody wants to stop.

mod failure;
mod journal;
mod step;

use std::path::PathBuf;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio_util::sync::CancellationToken;

pub use failure::{ExecuteError, Trouble};
pub use journal::RolledBack;

use super::desired::Definition;
use super::plan::{Action, Plan};
use super::{Condition, Connection};
use crate::error::Error;
use crate::output::Printer;
use journal::Journal;

/// Waits until a service does its work, as seen from outside. An error is for good: whoever waits
/// knows how long is too long.
pub type Readiness<'a> =
    Box<dyn Fn(&str) -> Option<BoxFuture<'a, Result<(), Error>>> + Send + Sync + 'a>;

/// A plan that is carried out.
pub struct Execution<'a> {
    pub(super) connection: &'a Connection,
    pub(super) definition: &'a Definition,
    pub(super) printer: &'a Printer,
    /// Says of each service when it is ready; the engine's health check does for those of which
    /// this says nothing.
    pub(super) readiness: Readiness<'a>,
    /// Where Docker's own client keeps its configuration.
    pub(super) docker_directory: Option<PathBuf>,
    /// How long containers may take to stop, in seconds; `None` is what each was made with.
    pub(super) grace: Option<i32>,
    /// The engine starts one container at a time: several at once take longer altogether.
    starting: tokio::sync::Mutex<()>,
    journal: Mutex<Journal>,
    cancelled: CancellationToken,
}

impl<'a> Execution<'a> {
    /// A plan for `definition` that is about to be carried out.
    pub fn new(
        connection: &'a Connection,
        definition: &'a Definition,
        printer: &'a Printer,
        readiness: Readiness<'a>,
    ) -> Self {
        Self {
            connection,
            definition,
            printer,
            readiness,
            docker_directory: None,
            grace: None,
            starting: tokio::sync::Mutex::default(),
            journal: Mutex::default(),
            cancelled: CancellationToken::new(),
        }
    }

    /// Pulls with the credentials in this directory of Docker's own client.
    #[must_use]
    pub fn credentials(mut self, directory: Option<PathBuf>) -> Self {
        self.docker_directory = directory;
        self
    }

    /// Lets containers take this long to stop, in seconds.
    #[must_use]
    pub fn grace(mut self, seconds: i32) -> Self {
        self.grace = Some(seconds);
        self
    }

    /// Carries out `plan`, and waits until every service of the definition is ready. Ends when `interrupted` does.
    ///
    /// # Errors
    ///
    /// The first failure. What was done by then is done: [`Self::roll_back`] undoes it.
    pub async fn run(
        &self,
        plan: &Plan,
        interrupted: impl Future<Output = ()>,
    ) -> Result<(), ExecuteError> {
        let mut interrupted = std::pin::pin!(interrupted);
        let mut work = Work::new(self, plan);
        let outcome = loop {
            work.begin_what_can_be();
            tokio::select! {
                biased;
                () = &mut interrupted => break Err(ExecuteError::Interrupted),
                Some(ended) = work.exits.next() => break Err(ended),
                done = work.running.next() => match done {
                    Some((step, Ok(()))) => work.done(step),
                    Some((_, Err(error))) => break Err(error),
                    None => break Ok(()),
                },
            }
        };
        // Calls that are under way are seen to their end: what they make must be known.
        self.cancelled.cancel();
        while work.running.next().await.is_some() {}
        match outcome {
            Err(error) => Err(self.with_log(error).await),
            Ok(()) => Ok(()),
        }
    }
}

/// What of a plan is done, under way and still to do.
struct Work<'w, 'a> {
    execution: &'w Execution<'a>,
    plan: &'w Plan,
    /// Of each step, those before it that are not done; `None` once it is begun.
    waits: Vec<Option<usize>>,
    /// Services of which readiness is waited for by a step, or after all steps.
    unready: Vec<&'w str>,
    running: FuturesUnordered<BoxFuture<'w, (usize, Result<(), ExecuteError>)>>,
    /// Containers that were started, until they end, which they should not.
    exits: FuturesUnordered<BoxFuture<'w, ExecuteError>>,
    done: usize,
}

impl<'w, 'a: 'w> Work<'w, 'a> {
    fn new(execution: &'w Execution<'a>, plan: &'w Plan) -> Self {
        let waits = plan.steps().iter().map(|step| Some(step.after.len()));
        let awaited = |service: &str| {
            plan.steps().iter().any(
                |step| matches!(&step.action, Action::Await { service: it, .. } if it == service),
            )
        };
        let containers = execution.definition.stack.containers.iter();
        let unready = containers
            .map(|container| container.service.as_str())
            .filter(|service| !awaited(service) && !execution.ends(service))
            .collect();
        Self {
            execution,
            plan,
            waits: waits.collect(),
            unready,
            running: FuturesUnordered::new(),
            exits: FuturesUnordered::new(),
            done: 0,
        }
    }

    fn begin_what_can_be(&mut self) {
        for (index, waits) in self.waits.iter_mut().enumerate() {
            if *waits == Some(0) {
                *waits = None;
                let execution = self.execution;
                let step = &self.plan.steps()[index];
                self.running
                    .push(Box::pin(async move { (index, execution.step(step).await) }));
            }
        }
        if self.done == self.plan.steps().len() {
            for service in std::mem::take(&mut self.unready) {
                let execution = self.execution;
                let after_all = self.plan.steps().len();
                self.running.push(Box::pin(async move {
                    (after_all, execution.until_ready(service).await)
                }));
            }
        }
    }

    fn done(&mut self, index: usize) {
        let Some(step) = self.plan.steps().get(index) else {
            return;
        };
        self.done += 1;
        for (waits, other) in self.waits.iter_mut().zip(self.plan.steps()) {
            if let Some(waits) = waits
                && other.after.contains(&index)
            {
                *waits -= 1;
            }
        }
        if let Action::Start { name } = &step.action
            && let Some(service) = self.execution.service_of(name)
            && !self.execution.ends(service)
        {
            let execution = self.execution;
            self.exits.push(Box::pin(async move {
                execution.until_exit(service, name).await
            }));
        }
    }
}

impl Execution<'_> {
    /// Whether a service does its work once and ends.
    fn ends(&self, service: &str) -> bool {
        let containers = &self.definition.stack.containers;
        containers
            .iter()
            .any(|other| other.depends_on.get(service) == Some(&Condition::Completed))
    }

    fn service_of(&self, container: &str) -> Option<&str> {
        let containers = self.definition.stack.containers.iter();
        let mut named = containers.filter(|it| it.name == container);
        named.next().map(|it| it.service.as_str())
    }

    fn journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
