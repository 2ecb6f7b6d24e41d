//! The stack as a domain: services, endpoints, readiness, recorded state, engines.

pub mod port;
mod port_holder;
mod project;
mod replace_file;
mod service;

pub use port_holder::PortHolder;
pub use project::{ChangeLock, Project, ProjectError};
pub use replace_file::replace_file;
pub use service::{Endpoint, Endpoints, Service};
