//! The Compose file: what the Docker engine runs.
//!
//! `compose/docker-compose.yml` is the one definition of the services. [`ComposeFile`] is what
//! such a file says, alone or with overrides merged into it; [`Project`] is what it comes to, with
//! the hashes by which Compose knows its own. All of it is pure: files that are named are read by
//! whoever needs their content.
//!
//! Only what this program can do is understood, and everything else is refused, with its key and
//! line: a setting that is silently ignored is worse than an error.

pub mod bundle;
mod byte_size;
mod definition;
mod error;
mod field;
mod file;
mod interpolate;
mod json;
mod project;
mod service;
mod time_span;
mod yaml;

pub use byte_size::ByteSize;
pub use definition::{Content, Network, Volume};
pub use error::{ComposeError, Problem};
pub use file::ComposeFile;
pub use interpolate::Environment;
pub use project::Project;
pub use service::{
    Attachment, Condition, Dependency, Deploy, FileReference, HealthCheck, Logging, PortMapping,
    Protocol, PullPolicy, Resources, Service, Ulimit, Unpack, VolumeMount,
};
pub use time_span::TimeSpan;

#[cfg(test)]
mod tests;
