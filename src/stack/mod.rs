//! The stack as a domain: services, endpoints, readiness, recorded state, engines.

mod adoptions;
mod desired;
mod docker;
mod embedded;
mod engine;
mod examination;
mod finding;
mod flow;
pub mod lifecycle;
mod memory;
pub mod port;
mod port_holder;
mod probe;
mod project;
mod record;
mod replace_file;
mod service;
mod signals;

pub use adoptions::Adoptions;
pub use desired::{Credentials, Desired};
pub use docker::{ContainerOptions, DockerEngine, DockerError, OldClickhouse, OldClickhouseError};
pub use embedded::{EmbeddedEngine, EmbeddedError};
pub use engine::{
    Engine, EngineKind, LogLine, LogReader, RunState, ServiceStatus, StackStatus, Stopped,
};
pub use examination::{ClockReading, Examination, HeldPort, Holder, MemoryRoom, Room};
pub use finding::{Finding, Level, Topic};
pub use flow::{Flow, flows, obstruction, receiver_flows};
pub use lifecycle::{LifecycleError, Recording, Start};
pub use memory::{available_bytes, resident_bytes};
pub use port_holder::PortHolder;
pub use probe::{Probe, probe, probe_all};
pub use project::{ChangeLock, Project, ProjectError};
pub use record::Record;
pub use replace_file::replace_file;
pub use service::{Endpoint, Endpoints, Service};
pub use signals::{StopSignals, told_to_stop};
