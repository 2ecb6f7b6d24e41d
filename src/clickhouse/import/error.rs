//! Why telemetry is not brought over.

use super::super::{ClickHouseError, DataTable};
use crate::error::{Code, Failure};

/// Why telemetry is not brought over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The database that it should come from does not give it.
    #[error("cannot read telemetry from {url}")]
    Source {
        /// Where that is.
        url: String,
        /// Why.
        source: ClickHouseError,
    },
    /// There is none of it.
    #[error(
        "there is no telemetry at {url}: its database `{database}` has none of the tables `traces`, `logs`, `metrics`"
    )]
    Nothing {
        /// Where.
        url: String,
        /// The database.
        database: String,
    },
    /// This stack's database does not take it.
    #[error(transparent)]
    Target(#[from] ClickHouseError),
    /// Less came than was there.
    #[error("of the {counted} rows that `{table}` had on day {day}, {arrived} arrived")]
    Incomplete {
        /// The table.
        table: DataTable,
        /// The day, as a number such as 20261231.
        day: u32,
        /// How many there were.
        counted: u64,
        /// How many came.
        arrived: u64,
    },
}

impl Failure for ImportError {
    fn code(&self) -> Code {
        match self {
            Self::Source { source, .. } | Self::Target(source) => source.code(),
            Self::Nothing { .. } => Code::Usage,
            Self::Incomplete { .. } => Code::VerificationFailed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Source { url, source } => match source {
                ClickHouseError::Unauthorized { .. } => Some(format!(
                    "`telemetry migrate --from-url http://USER:PASSWORD@{}` gives other credentials",
                    url.trim_start_matches("http://")
                )),
                _ => None,
            },
            Self::Nothing { .. } => {
                Some("the URL can name another database: `http://HOST:PORT/DATABASE`".to_owned())
            }
            Self::Target(source) => source.hint(),
            Self::Incomplete { .. } => Some(
                "run the same command again: it brings over what is missing, and nothing twice"
                    .to_owned(),
            ),
        }
    }
}
