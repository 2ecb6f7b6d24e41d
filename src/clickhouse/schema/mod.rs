//! The schema: `assets/clickhouse/init-db.sql`, how an older database comes to be like it, and what
//! of it follows the stack's settings.
//!
//! Both engines apply it alike, whatever carries the statements ([`Database`]):
//!
//! 1. an older database is taken through the [`Migration`]s that it lacks, one after the other;
//! 2. [`INIT_DB`] makes whatever is missing, and every view anew;
//! 3. what a changed setting asks of existing tables is altered.
//!
//! [`apply`] does so over HTTP, under a lock; [`upgrade`] where nobody else can.

use serde::Deserialize;

mod error;
mod lock;
mod migration;
mod statements;
#[cfg(test)]
mod tests;
mod upgrade;

pub use error::SchemaError;
pub use lock::apply;
pub use migration::{MIGRATIONS, Migration, VERSION};
pub use statements::statements;
pub(in crate::clickhouse) use upgrade::retention_days;
pub use upgrade::{Applied, Database, OverHttp, Plan, plan, upgrade};

/// The complete current schema, with `{retention_days}` and `{environment}` to be filled in.
pub const INIT_DB: &str = include_str!("../../../assets/clickhouse/init-db.sql");

/// The longest retention, in days: what is left of a ClickHouse `Date` after the year 2100, where
/// the schema ends the calendar.
pub const MAX_RETENTION_DAYS: u32 = 18_000;

/// What an existing database was made with, one row per data table.
const STATE: &str = "\
SELECT
    tables.name AS table,
    toUInt32OrZero(extract(tables.engine_full, 'toIntervalDay\\\\((\\\\d+)\\\\)')) AS retention_days,
    columns.default_expression AS environment
FROM system.tables AS tables
INNER JOIN system.columns AS columns
    ON columns.database = tables.database AND columns.table = tables.name
WHERE tables.database = 'telemetry' AND columns.name = 'environment' AND tables.engine LIKE '%MergeTree'
ORDER BY table";

/// The settings of a stack that reach into its schema.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// Days that telemetry is kept, from its own time; held within 1 and [`MAX_RETENTION_DAYS`].
    pub retention_days: u32,
    /// The environment of telemetry that names none.
    pub environment: &'a str,
}

/// A row of [`STATE`].
#[derive(Deserialize)]
struct TableState {
    table: String,
    retention_days: u32,
    environment: String,
}

impl Parameters<'_> {
    /// The statements that make whatever is missing. Applied again, they change nothing.
    pub fn init(&self) -> Vec<String> {
        statements(INIT_DB)
            .into_iter()
            .map(|statement| self.fill_in(statement))
            .collect()
    }

    /// The statements that bring existing tables to these settings. `state` is the answer to
    /// [`STATE`] in format `JSONEachRow`.
    ///
    /// # Errors
    ///
    /// When `state` is not such an answer.
    fn adjustments(&self, state: &str) -> Result<Vec<String>, serde_json::Error> {
        let literal = string_literal(self.environment);
        let mut alterations = Vec::new();
        for row in state.lines() {
            let state: TableState = serde_json::from_str(row)?;
            let table = &state.table;
            if state.retention_days != self.retention_days() {
                let ttl = self.fill_in(line_of_init_db("TTL "));
                alterations.push(format!("ALTER TABLE telemetry.{table} MODIFY {ttl}"));
            }
            if !state.environment.ends_with(&format!(", {literal})")) {
                let column = self.fill_in(line_of_init_db("environment "));
                let column = column.trim_end_matches(',');
                alterations.push(format!(
                    "ALTER TABLE telemetry.{table} MODIFY COLUMN {column}"
                ));
            }
        }
        Ok(alterations)
    }

    fn retention_days(&self) -> u32 {
        self.retention_days.clamp(1, MAX_RETENTION_DAYS)
    }

    /// Definitions cannot have bound parameters: one is an integer, the other is quoted.
    fn fill_in(&self, sql: &str) -> String {
        sql.replace("{retention_days}", &self.retention_days().to_string())
            .replace("{environment}", &string_literal(self.environment))
    }
}

/// The line of a definition that is the same in every data table.
fn line_of_init_db(start: &str) -> &'static str {
    INIT_DB
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with(start))
        .expect("the schema defines it for each table")
}

/// `text` as ClickHouse writes a string: its own quoting, so that it can be compared.
fn string_literal(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{escaped}'")
}
