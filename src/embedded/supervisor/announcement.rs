//! What the server process tells its supervisor, one line each on its standard output.
//!
//! Readiness and failure are said, never guessed from the log. The engine is a foreign library
//! that may print there too, hence the prefix: a line without it is a line of the log.

use std::io::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::error::Code;

const PREFIX: &str = "telemetry-server: ";

/// One message from the server process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Announcement {
    /// Every endpoint answers.
    Ready {
        /// The version of ClickHouse that the engine is.
        clickhouse_version: String,
    },
    /// The server gives up; it exits after this.
    Failed(ServerFailure),
}

/// Why the server gave up, as an error that crosses the process boundary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ServerFailure {
    /// The stable kind.
    pub code: Code,
    /// What failed and why.
    pub message: String,
    /// The next thing to try.
    pub hint: Option<String>,
}

impl Announcement {
    /// Says it on this process's standard output. That nobody listens is not an error.
    pub fn say(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match writeln!(out, "{}", self.line()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            said => said,
        }
    }

    /// The message in a line of the server's output, if there is one.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line.strip_prefix(PREFIX)?).ok()
    }

    fn line(&self) -> String {
        let json = serde_json::to_string(self).expect("strings and unit enums serialise");
        format!("{PREFIX}{json}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        let failed = Announcement::Failed(ServerFailure {
            code: Code::PortInUse,
            message: "port 4318\nis \"taken\"".into(),
            hint: None,
        });
        assert!(!failed.line().contains('\n'));
        assert_eq!(Announcement::parse(&failed.line()), Some(failed));
    }

    #[test]
    fn other_output_is_not_an_announcement() {
        assert_eq!(Announcement::parse("ready"), None);
        assert_eq!(Announcement::parse("telemetry-server: half a lin"), None);
    }
}
