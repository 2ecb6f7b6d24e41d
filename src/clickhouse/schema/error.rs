//! Why a database is not brought to the schema.

use super::{Migration, VERSION};
use crate::clickhouse::ClickHouseError;
use crate::error::{Code, Failure};

/// Why a database is not brought to the schema.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer program made it, or migrated it.
    #[error(
        "the database has schema version {found}, and this `telemetry` knows no later one than {VERSION}"
    )]
    Newer {
        /// The version of its schema.
        found: u32,
    },
    /// It has tables of these names that are not of this program.
    #[error("the database `telemetry` is there, and is none that this program made")]
    Foreign,
    /// Another process is at it and does not come to an end.
    #[error("another `telemetry` changes the schema of this database, and does not finish")]
    Locked,
    /// A migration fails. It is not recorded, so the next start tries it again.
    #[error("cannot migrate the database to schema version {} ({})", .migration.version, .migration.name)]
    Migration {
        /// Which.
        migration: Migration,
        /// Why.
        source: ClickHouseError,
    },
    /// Another statement fails.
    #[error("cannot apply the schema")]
    Statement(#[from] ClickHouseError),
}

impl Failure for SchemaError {
    fn code(&self) -> Code {
        match self {
            Self::Newer { .. } => Code::SchemaNewer,
            Self::Foreign => Code::DataExists,
            Self::Locked => Code::StackBusy,
            Self::Migration { source, .. } | Self::Statement(source) => source.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Newer { .. } => Some(
                "use the newer `telemetry`; or, with it, `telemetry backup`, and start this one on a database of its own with `--project`"
                    .to_owned(),
            ),
            Self::Foreign => Some(
                "start with another `--project`; `telemetry migrate --from-url URL` then brings the rows over"
                    .to_owned(),
            ),
            Self::Locked => Some("`telemetry start` again, once the other has ended".to_owned()),
            Self::Migration { source, .. } | Self::Statement(source) => source.hint(),
        }
    }
}
