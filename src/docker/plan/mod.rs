//! What leads from what there is to what shall be: a graph of calls to the engine.
//!
//! A plan is a pure function of one look at the engine and of what is wanted. Carried out, it
//! leaves nothing to plan.

mod converge;
mod emptying;
mod step;
mod teardown;
#[cfg(test)]
mod tests;

use std::fmt;

use super::{ContainerState, ObservedContainer};

pub use converge::{PlanError, PullPolicy, converge};
pub use emptying::emptying;
pub use step::{Action, Cause};
pub use teardown::{Volumes, teardown};

/// Steps, each with those that must be done before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<Step>,
}

/// A call to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Why.
    pub cause: Cause,
    /// What must be done before: numbers of earlier steps.
    pub after: Vec<usize>,
}

impl Plan {
    /// The steps, in an order in which they could be taken one by one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn push(
        &mut self,
        action: Action,
        cause: Cause,
        after: impl IntoIterator<Item = usize>,
    ) -> usize {
        let mut after: Vec<_> = after.into_iter().collect();
        after.sort_unstable();
        after.dedup();
        self.steps.push(Step {
            action,
            cause,
            after,
        });
        self.steps.len() - 1
    }

    /// Stops a container that is up; gives the last step of that. A paused one goes on first:
    /// what is held cannot end its work, and Podman would refuse.
    fn stop(
        &mut self,
        container: &ObservedContainer,
        cause: Cause,
        mut after: Vec<usize>,
    ) -> usize {
        let name = container.name.clone();
        if container.state == ContainerState::Paused {
            let action = Action::Unpause { name: name.clone() };
            after = vec![self.push(action, cause, after)];
        }
        self.push(Action::Stop { name }, cause, after)
    }
}

impl fmt::Display for Plan {
    /// A line for each step, numbered from 1: what, why, and after which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "{}. {} ({})", index + 1, step.action, step.cause)?;
            let after: Vec<_> = step
                .after
                .iter()
                .map(|step| (step + 1).to_string())
                .collect();
            if !after.is_empty() {
                write!(f, " after {}", after.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
