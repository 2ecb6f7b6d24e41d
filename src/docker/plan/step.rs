//! One call to the engine, and why it is made.

use std::fmt;

use crate::docker::Condition;

/// One call to the engine, or a wait for what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pulls an image.
    Pull {
        /// The image.
        image: String,
    },
    /// Creates a network.
    CreateNetwork {
        /// Its name.
        name: String,
    },
    /// Creates a volume.
    CreateVolume {
        /// Its name.
        name: String,
    },
    /// Creates the container of a service, under a name that may be for the time being.
    CreateContainer {
        /// The service.
        service: String,
        /// The name.
        name: String,
    },
    /// Puts the service's files into its container.
    Upload {
        /// The service.
        service: String,
        /// The container's name.
        name: String,
    },
    /// Stops a container.
    Stop {
        /// Its name.
        name: String,
    },
    /// Removes a container; its volumes stay.
    Remove {
        /// Its name.
        name: String,
    },
    /// Gives a container the name that the one before it had.
    Rename {
        /// The name for the time being.
        from: String,
        /// The name.
        to: String,
    },
    /// Starts a container.
    Start {
        /// Its name.
        name: String,
    },
    /// Lets a paused container go on.
    Unpause {
        /// Its name.
        name: String,
    },
    /// Waits until a service is so far along.
    Await {
        /// The service.
        service: String,
        /// Its container's name.
        name: String,
        /// How far.
        condition: Condition,
    },
    /// Removes a network.
    RemoveNetwork {
        /// Its name.
        name: String,
    },
    /// Removes a volume and what it holds.
    RemoveVolume {
        /// Its name.
        name: String,
    },
}

/// Why a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is not there.
    Missing,
    /// A pull was asked for whatever is there.
    PullAsked,
    /// Its definition, a file or a secret of it has changed.
    ConfigurationChanged,
    /// Its image is another one now.
    ImageChanged,
    /// It is not attached to one of its networks.
    NetworkMissing,
    /// It does not mount one of its volumes.
    VolumeMissing,
    /// It was made by something else than this program.
    MadeElsewhere,
    /// It was never started, so it may lack its files.
    NeverStarted,
    /// The engine could not remove it.
    Dead,
    /// It has ended.
    NotRunning,
    /// It is paused.
    Paused,
    /// A run that was broken off left it.
    LeftOver,
    /// Another service needs it.
    Needed,
    /// Only then what it replaces goes for good.
    BeforeOldGoes,
    /// The stack is stopped.
    StackStops,
    /// The stack is removed with its data.
    StackRemoved,
    /// What it holds is deleted.
    DataDeleted,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull { image } => write!(f, "pull {image}"),
            Self::CreateNetwork { name } => write!(f, "create network {name}"),
            Self::CreateVolume { name } => write!(f, "create volume {name}"),
            Self::CreateContainer { service, name } => write!(f, "create {name} for {service}"),
            Self::Upload { name, .. } => write!(f, "put files into {name}"),
            Self::Stop { name } => write!(f, "stop {name}"),
            Self::Remove { name } => write!(f, "remove {name}"),
            Self::Rename { from, to } => write!(f, "rename {from} to {to}"),
            Self::Start { name } => write!(f, "start {name}"),
            Self::Unpause { name } => write!(f, "unpause {name}"),
            Self::Await {
                service, condition, ..
            } => match condition {
                Condition::Started => write!(f, "wait until {service} is started"),
                Condition::Healthy => write!(f, "wait until {service} is healthy"),
                Condition::Completed => write!(f, "wait until {service} is done"),
            },
            Self::RemoveNetwork { name } => write!(f, "remove network {name}"),
            Self::RemoveVolume { name } => write!(f, "remove volume {name}"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "missing",
            Self::PullAsked => "a pull was asked for",
            Self::ConfigurationChanged => "its configuration changed",
            Self::ImageChanged => "its image changed",
            Self::NetworkMissing => "not on its network",
            Self::VolumeMissing => "without its volume",
            Self::MadeElsewhere => "not made by telemetry",
            Self::NeverStarted => "never started",
            Self::Dead => "dead",
            Self::NotRunning => "not running",
            Self::Paused => "paused",
            Self::LeftOver => "left over",
            Self::Needed => "needed by another service",
            Self::BeforeOldGoes => "before the old goes",
            Self::StackStops => "the stack stops",
            Self::StackRemoved => "the stack is removed",
            Self::DataDeleted => "its data is deleted",
        })
    }
}
