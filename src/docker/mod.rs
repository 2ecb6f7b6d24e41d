//! The Docker engine: the stack as containers, through the Docker API alone.
//!
//! `start` observes what there is, [`plan`]s the calls that lead from there to what is wanted,
//! and executes them. The plan is a pure function, so that it can be shown before it is carried
//! out, and tested without an engine.

mod desired;
mod observed;
pub mod plan;

pub use desired::{Condition, DesiredContainer, DesiredStack, Resource};
pub use observed::{ContainerState, Observed, ObservedContainer, ObservedResource};
