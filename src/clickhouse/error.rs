//! Why ClickHouse did not do what it was asked.

use super::Exception;
use crate::error::{Code, Failure};

/// Why ClickHouse did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClickHouseError {
    /// It does not answer.
    #[error("ClickHouse does not answer at {url}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What became of the request.
        source: reqwest::Error,
    },
    /// It takes too long.
    #[error("ClickHouse did not answer in time at {url}")]
    TimedOut {
        /// Where it is.
        url: String,
        /// What became of the request.
        source: reqwest::Error,
    },
    /// Something else answers.
    #[error("what answers at {url} is not ClickHouse (HTTP status {status})")]
    NotClickHouse {
        /// Where.
        url: String,
        /// The status it gave.
        status: reqwest::StatusCode,
    },
    /// It refuses the credentials.
    #[error("ClickHouse refuses the password of user `{user}`")]
    Unauthorized {
        /// The user.
        user: String,
        /// What it said.
        source: Exception,
    },
    /// The statement fails.
    #[error("{0}")]
    Query(Exception),
    /// The connection broke in the middle of the answer.
    #[error("the connection to ClickHouse broke before the answer was complete")]
    Broken(#[source] reqwest::Error),
    /// A row of the answer is not what the statement should give.
    #[error("ClickHouse gave an answer that does not fit the question")]
    Malformed(#[source] serde_json::Error),
    /// A statement that always gives a row gave none.
    #[error("ClickHouse gave an empty answer")]
    NoRow,
}

impl ClickHouseError {
    pub(super) fn unreachable(url: &str, source: reqwest::Error) -> Self {
        let url = url.to_owned();
        // The URL in the source would repeat every bound value.
        let source = source.without_url();
        if source.is_timeout() {
            Self::TimedOut { url, source }
        } else {
            Self::Unreachable { url, source }
        }
    }

    /// The exception, if it is one that the statement caused.
    pub fn exception(&self) -> Option<&Exception> {
        match self {
            Self::Query(exception) => Some(exception),
            _ => None,
        }
    }
}

impl Failure for ClickHouseError {
    fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::NotClickHouse { .. }
            | Self::Broken(_) => Code::Unreachable,
            Self::Unauthorized { .. } => Code::Unauthorized,
            Self::Query(_) | Self::Malformed(_) | Self::NoRow => Code::Query,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable { .. } => {
                "`telemetry start` starts the stack; `telemetry status` shows what runs"
            }
            Self::TimedOut { .. } | Self::Broken(_) => {
                "`telemetry status` shows what runs, `telemetry logs` what happened"
            }
            Self::NotClickHouse { .. } => {
                "`TELEMETRY_CLICKHOUSE_PORT` sets the port; `telemetry config` shows all settings"
            }
            Self::Unauthorized { .. } => {
                "`CLICKHOUSE_USER` and `CLICKHOUSE_PASSWORD` set the credentials; `telemetry config` shows where their values come from"
            }
            Self::Query(exception) => match exception.name.as_deref()? {
                "UNKNOWN_TABLE" => "`telemetry query 'SHOW TABLES'` lists the tables",
                "UNKNOWN_IDENTIFIER" => {
                    "`telemetry query 'DESCRIBE TABLE traces'` lists the columns of a table"
                }
                "UNKNOWN_QUERY_PARAMETER" => "`--param NAME=VALUE` binds a value",
                "MEMORY_LIMIT_EXCEEDED" => {
                    "`TELEMETRY_MEMORY_LIMIT` sets the limit at `telemetry start`"
                }
                _ => return None,
            },
            Self::Malformed(_) | Self::NoRow => return None,
        };
        Some(hint.to_owned())
    }
}
