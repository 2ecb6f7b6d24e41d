//! The Docker engine: the stack as containers, through the Docker API alone.
//!
//! `start` observes what there is, [`plan`]s the calls that lead from there to what is wanted,
//! and executes them. The plan is a pure function, so that it can be shown before it is carried
//! out, and tested without an engine.

mod capacity;
mod connect;
mod credentials;
mod desired;
mod endpoint;
mod exec;
mod execute;
mod logs;
mod machine;
mod observe;
mod observed;
mod old_stack;
pub mod plan;
mod podman;
mod pull;
mod report;
mod ssh;
mod temporary;

pub use capacity::{LEAST_DISK, LEAST_MEMORY};
pub use connect::{ApiVersion, ConnectError, Connection};
pub use desired::{
    Condition, Definition, DefinitionError, DesiredContainer, DesiredStack, Resource, TEMPORARY,
};
pub use endpoint::{Address, Destination, Endpoint, EndpointError, Reason, Surroundings};
pub use exec::ExecError;
pub use execute::{ExecuteError, Execution, Readiness, RolledBack, Trouble};
pub use logs::{ContainerLine, ProjectLog};
pub use machine::Machine;
pub use observe::{Observation, Published};
pub use observed::{ContainerState, Observed, ObservedContainer, ObservedResource};
pub use old_stack::{OldStack, RunningClickhouse};
pub use pull::PullError;
pub use report::{ContainerReport, version};
