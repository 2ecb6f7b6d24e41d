//! What shall be there, as far as it takes to plan; and [`Definition`], all there is to it.

mod container;
mod definition;
mod file;
mod labels;
#[cfg(test)]
mod tests;
mod unpacked;

use std::collections::{BTreeMap, BTreeSet};

pub use definition::{Definition, DefinitionError};
pub(super) use file::{File, archive};
pub use labels::TEMPORARY;
pub(super) use labels::{DEPENDS_ON, FINGERPRINT, IMAGE, PROJECT, SERVICE, VOLUME};

/// The objects that make up a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredStack {
    /// The project's name, which labels every object.
    pub project: String,
    /// Its networks.
    pub networks: Vec<Resource>,
    /// Its volumes.
    pub volumes: Vec<Resource>,
    /// A container for each service.
    pub containers: Vec<DesiredContainer>,
}

/// A network or a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What the compose file calls it.
    pub key: String,
    /// What the engine calls it.
    pub name: String,
}

/// The container of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredContainer {
    /// The service.
    pub service: String,
    /// What the engine calls the container.
    pub name: String,
    /// The image, as it is pulled.
    pub image: String,
    /// Changes with everything that a container keeps from its creation, its image's content
    /// excepted: the service's definition, its files, its secrets.
    pub fingerprint: String,
    /// Names of the networks it is attached to.
    pub networks: BTreeSet<String>,
    /// Names of the volumes it mounts.
    pub volumes: BTreeSet<String>,
    /// Whether files are put into it before it starts.
    pub has_files: bool,
    /// The services it needs, and how far along they must be before it starts.
    pub depends_on: BTreeMap<String, Condition>,
}

/// How far along a service must be for those that depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Its container was started.
    Started,
    /// Its health check passes.
    Healthy,
    /// Its container has ended with status 0.
    Completed,
}

impl Condition {
    /// Its name in a compose file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::Completed => "service_completed_successfully",
        }
    }
}
