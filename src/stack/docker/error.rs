//! Why the Docker engine does not do what it should.

use crate::docker::{Endpoint as DockerEndpoint, Published};
use crate::error::{Code, Failure};
use crate::stack::Endpoint;
use crate::stack::port::setting;

/// Why the Docker engine does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// A signal came.
    #[error("interrupted; {0}")]
    Interrupted(&'static str),
    /// A second signal came.
    #[error("interrupted while undoing what was done")]
    Insisted,
    /// The engine refused to tell what it has.
    #[error("cannot tell what the Docker engine at {0} has")]
    Unobservable(DockerEndpoint, #[source] bollard::errors::Error),
    /// What was there only for a while could not be removed.
    #[error("what was made for a while is left over at the Docker engine {0}")]
    Unremovable(DockerEndpoint, #[source] bollard::errors::Error),
    /// A container of somebody else's is published where the stack shall be.
    #[error("port {} ({endpoint}) is taken by container `{}`{}", .held.port, .held.container, of_project(.held))]
    PortHeld {
        /// What was to be offered there.
        endpoint: Endpoint,
        /// Who holds the port.
        held: Published,
    },
    /// A service does not answer in time.
    #[error("no answer as it should be within {patience:?}: {reason}")]
    NotReady {
        /// How long was waited.
        patience: std::time::Duration,
        /// What came of the last attempt.
        reason: String,
    },
    /// ClickHouse does not read what a newer one wrote.
    #[error("ClickHouse {wanted} would not read the data, which ClickHouse {kept} wrote")]
    Downgrade {
        /// The version that is wanted.
        wanted: String,
        /// The version that the data was last used with.
        kept: String,
    },
    /// What was waited for is gone.
    #[error("the stack does not run any more")]
    Gone,
}

fn of_project(held: &Published) -> String {
    match &held.project {
        Some(project) if held.by_this_program => {
            format!(" of the telemetry stack of project `{project}`")
        }
        Some(project) => format!(" of project `{project}`"),
        None => String::new(),
    }
}

impl Failure for DockerError {
    fn code(&self) -> Code {
        match self {
            Self::Interrupted(_) | Self::Insisted => Code::Interrupted,
            Self::Unobservable(..) | Self::Unremovable(..) => Code::NoEngine,
            Self::PortHeld { .. } => Code::PortInUse,
            Self::NotReady { .. } => Code::NotReady,
            Self::Downgrade { .. } => Code::ClickhouseNewer,
            Self::Gone => Code::NotRunning,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::PortHeld { endpoint, held } => {
                let stops = match &held.project {
                    Some(project) if held.by_this_program => {
                        format!("`telemetry stop --project {project}`")
                    }
                    Some(project) => format!("`docker compose -p {project} stop`"),
                    None => format!("`docker stop {}`", held.container),
                };
                let brings = match &held.project {
                    Some(project) if held.is_of_makefile_project() => format!(
                        ", and `telemetry migrate --from-compose {project}` brings its telemetry over"
                    ),
                    _ => String::new(),
                };
                Some(format!(
                    "{stops} gives it free{brings}; {} sets another port",
                    setting(*endpoint)
                ))
            }
            Self::Downgrade { .. } => Some(
                "use the `telemetry` that started it; `telemetry backup` with that one and \
                 `telemetry restore` into a new `--project` carries the data over"
                    .to_owned(),
            ),
            Self::Insisted => Some("`telemetry stop` removes what is left".to_owned()),
            Self::Unobservable(..) => Some("`docker version` shows whether it works".to_owned()),
            Self::Unremovable(..) => {
                Some("the next `telemetry migrate --from-compose` removes it".to_owned())
            }
            Self::NotReady { .. } => Some(
                "`--wait-timeout` waits longer; `telemetry logs` shows what happens".to_owned(),
            ),
            _ => None,
        }
    }
}
