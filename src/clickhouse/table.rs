//! The tables that telemetry is kept in.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClickHouseError, Client};

/// A table that telemetry is kept in. Everything else in the database is derived from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataTable {
    /// Spans; the hourly roll-up is a projection of it.
    Traces,
    /// Log records.
    Logs,
    /// Points of metrics.
    Metrics,
}

impl DataTable {
    /// Every table.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// How many rows it has.
    pub async fn rows(self, client: &Client) -> Result<u64, ClickHouseError> {
        #[derive(Deserialize)]
        struct Count {
            rows: u64,
        }
        let sql = format!("SELECT count() AS rows FROM telemetry.{self}");
        let count: Count = client.query(sql).row().await?;
        Ok(count.rows)
    }

    /// Deletes every row, whatever the size of the table.
    pub async fn empty(self, client: &Client) -> Result<(), ClickHouseError> {
        client
            .query(format!("TRUNCATE TABLE telemetry.{self}"))
            .setting("max_table_size_to_drop", 0)
            .execute()
            .await
            .map(drop)
    }
}

impl fmt::Display for DataTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
