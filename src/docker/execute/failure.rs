//! Why a plan was not carried out.

use std::fmt;

use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt as _;

use super::Execution;
use crate::docker::Endpoint;
use crate::docker::observe::status;
use crate::docker::pull::PullError;
use crate::error::{Code, Error, Failure};

/// How many lines of its log are shown with a service's failure.
const TAIL: usize = 20;

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The engine refused a call.
    #[error("cannot {action}")]
    Engine {
        /// What was to be done.
        action: String,
        /// Which engine refused.
        endpoint: Endpoint,
        /// What it says.
        source: bollard::errors::Error,
    },
    /// The engine does not answer any more.
    #[error("lost the Docker engine at {endpoint}")]
    Lost {
        /// Which engine.
        endpoint: Endpoint,
        /// Why.
        source: bollard::errors::Error,
    },
    /// An image could not be had.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// A service does not do its work.
    #[error("service `{service}` {trouble}{}", Tail(.log))]
    Service {
        /// The service.
        service: String,
        /// What is the matter with it.
        trouble: Trouble,
        /// The end of its log.
        log: Vec<String>,
    },
    /// Somebody wants to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What is the matter with a service.
#[derive(Debug)]
pub enum Trouble {
    /// It ended.
    Exited {
        /// Its exit status.
        code: i64,
    },
    /// Its health check fails.
    Unhealthy,
    /// It is not ready, as seen from outside.
    NotReady(Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What the system's own killer leaves.
            Self::Exited { code: 137 } => {
                f.write_str("was killed (exit status 137), perhaps as its memory limit is too low")
            }
            Self::Exited { code } => write!(f, "ended with exit status {code}"),
            Self::Unhealthy => f.write_str("fails its health check"),
            Self::NotReady(error) => write!(f, "is not ready: {error}"),
        }
    }
}

struct Tail<'l>(&'l [String]);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, "; the last it said:")?;
        for line in self.0 {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

impl ExecuteError {
    pub(super) fn service(service: &str, trouble: Trouble) -> Self {
        Self::Service {
            service: service.to_owned(),
            trouble,
            log: Vec::new(),
        }
    }

    /// Whether a port of the stack is taken.
    pub fn is_port_taken(&self) -> bool {
        let Self::Engine { source, .. } = self else {
            return false;
        };
        let text = source.to_string();
        text.contains("port is already allocated") || text.contains("address already in use")
    }

    fn is_disk_full(&self) -> bool {
        matches!(self, Self::Engine { source, .. } if source.to_string().contains("no space left"))
    }
}

impl Failure for ExecuteError {
    fn code(&self) -> Code {
        match self {
            _ if self.is_port_taken() => Code::PortInUse,
            Self::Engine { source, .. } if status(source).is_none() => Code::NoEngine,
            Self::Lost { .. } => Code::NoEngine,
            Self::Pull(error) => error.code(),
            Self::Service {
                trouble: Trouble::NotReady(error),
                ..
            } => error.code(),
            Self::Engine { .. } | Self::Service { .. } => Code::EngineStart,
            Self::Interrupted => Code::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            _ if self.is_port_taken() => {
                Some("`telemetry config` shows how ports are set".to_owned())
            }
            _ if self.is_disk_full() => Some(
                "make room where the engine keeps its data: `docker system df` shows what takes it"
                    .to_owned(),
            ),
            Self::Engine {
                endpoint, source, ..
            } if status(source).is_none() => Some(format!(
                "once the engine at {endpoint} answers, `telemetry start` goes on"
            )),
            Self::Engine { endpoint, .. } => {
                Some(format!("the log of the engine at {endpoint} may say more"))
            }
            Self::Lost { .. } => Some("once it answers, `telemetry start` goes on".to_owned()),
            Self::Pull(error) => error.hint(),
            Self::Service {
                trouble: Trouble::NotReady(error),
                ..
            } if error.hint().is_some() => error.hint(),
            Self::Service { service, .. } => Some(format!(
                "`telemetry start --keep` leaves what was made, for `telemetry logs {service}`"
            )),
            Self::Interrupted => None,
        }
    }
}

impl Execution<'_> {
    /// Adds the end of the log to a service's failure, while its container is there.
    pub(super) async fn with_log(&self, mut error: ExecuteError) -> ExecuteError {
        if let ExecuteError::Service { service, log, .. } = &mut error {
            let containers = self.definition.stack.containers.iter();
            for container in containers.filter(|it| it.service == *service) {
                *log = self.tail(&container.name).await;
            }
        }
        error
    }

    async fn tail(&self, container: &str) -> Vec<String> {
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .tail(&TAIL.to_string())
            .build();
        let said = self.connection.docker.logs(container, Some(options));
        let said: Vec<_> = said.collect().await;
        let text: String = said
            .into_iter()
            .map_while(Result::ok)
            .map(|part| part.to_string())
            .collect();
        text.lines()
            .map(|line| crate::output::visible(line).into_owned())
            .collect()
    }
}
