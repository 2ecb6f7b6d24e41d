//! What there is: one look at the engine.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// What of a stack an engine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The containers of the project, and others that have one of its names.
    pub containers: Vec<ObservedContainer>,
    /// The networks of the project, and others that have one of its names.
    pub networks: Vec<ObservedResource>,
    /// The volumes of the project, and others that have one of its names.
    pub volumes: Vec<ObservedResource>,
    /// The images that the engine has of those that are wanted: what they are pulled as, and
    /// their ids.
    pub images: BTreeMap<String, String>,
}

/// A network or a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedResource {
    /// What the engine calls it.
    pub name: String,
    /// The project that its label names.
    pub project: Option<String>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedContainer {
    /// The engine's number for it.
    pub id: String,
    /// Its name, without the slash that the engine puts before it.
    pub name: String,
    /// The project that its label names.
    pub project: Option<String>,
    /// The service that its label names.
    pub service: Option<String>,
    /// The fingerprint it was created with; `None` if something else than this program made it.
    pub fingerprint: Option<String>,
    /// The id of its image.
    pub image_id: String,
    /// Whether it runs.
    pub state: ContainerState,
    /// Names of the networks it is attached to.
    pub networks: BTreeSet<String>,
    /// Names of the volumes it mounts.
    pub volumes: BTreeSet<String>,
    /// The services that it depends on, as its label says.
    pub depends_on: BTreeSet<String>,
}

/// The state of a container, in the engine's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// Made, and never started.
    Created,
    /// It runs.
    Running,
    /// It runs, but its processes are held.
    Paused,
    /// It has ended and is started again.
    Restarting,
    /// It has ended.
    Exited,
    /// It is being removed.
    Removing,
    /// It could not be removed.
    Dead,
}

impl ContainerState {
    /// Whether it must be stopped before it can be removed.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}
