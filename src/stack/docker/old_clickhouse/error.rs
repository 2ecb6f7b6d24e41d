//! Why the telemetry of an older stack cannot be read.

use crate::docker::{ExecuteError, Trouble};
use crate::error::{Code, Failure};

/// Why the telemetry of an older stack cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OldClickhouseError {
    /// There is no such stack.
    #[error("no volume of ClickHouse's belongs to a Compose project `{project}`")]
    NoSuchProject {
        /// The project.
        project: String,
        /// Those that have one.
        others: Vec<String>,
    },
    /// It is the stack that the telemetry should go to.
    #[error("the ClickHouse of project `{0}` is that of this stack")]
    Itself(String),
    /// Its ClickHouse runs, and this machine does not reach it.
    #[error(
        "container `{container}` of project `{project}` runs, and does not offer ClickHouse's HTTP interface to this machine"
    )]
    OutOfReach {
        /// The project.
        project: String,
        /// The container that has the volume.
        container: String,
    },
    /// There is no ClickHouse on a copy of its volume.
    #[error("cannot read a copy of volume `{volume}`: {source}")]
    Copy {
        /// The volume.
        volume: String,
        /// Why not.
        source: ExecuteError,
    },
}

impl Failure for OldClickhouseError {
    fn code(&self) -> Code {
        match self {
            Self::NoSuchProject { .. } | Self::Itself(_) => Code::Usage,
            Self::OutOfReach { .. } => Code::Unreachable,
            Self::Copy { source, .. } => source.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchProject { others, .. } if others.is_empty() => Some(
                "`docker volume ls` shows what there is; `--from-url` reads a ClickHouse that runs elsewhere"
                    .to_owned(),
            ),
            Self::NoSuchProject { others, .. } => {
                let others: Vec<_> = others.iter().map(|it| format!("`{it}`")).collect();
                Some(format!("these have one: {}", others.join(", ")))
            }
            Self::Itself(_) => Some("`--from-compose` names the project to read from".to_owned()),
            Self::OutOfReach { container, .. } => Some(format!(
                "`docker stop {container}`, and its volume is read instead"
            )),
            Self::Copy { source, .. } => match source {
                ExecuteError::Service { log, .. } if no_space(log) => Some(
                    "make room for a copy of the volume: `docker system df -v` shows how large it is"
                        .to_owned(),
                ),
                ExecuteError::Service { trouble: Trouble::Exited { .. }, .. } => Some(
                    "a ClickHouse of another version may have written it: start that one, with its port published, and run the same command again"
                        .to_owned(),
                ),
                _ => source.hint(),
            },
        }
    }
}

fn no_space(log: &[String]) -> bool {
    log.iter()
        .any(|line| line.contains("No space left on device"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(log: &str) -> OldClickhouseError {
        OldClickhouseError::Copy {
            volume: "infra_clickhouse-data".to_owned(),
            source: ExecuteError::Service {
                service: "copy".to_owned(),
                trouble: Trouble::Exited { code: 1 },
                log: vec![log.to_owned()],
            },
        }
    }

    #[test]
    fn a_full_disk_is_not_taken_for_another_version() {
        let full = failed("cp: error writing '/x': No space left on device");
        assert!(full.hint().unwrap().contains("make room"));
        let other = failed("DB::Exception: Unknown part format");
        assert!(other.hint().unwrap().contains("another version"));
    }
}
