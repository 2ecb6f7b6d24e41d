//! The schema: `assets/clickhouse/init-db.sql`, and what of it follows the stack's settings.
//!
//! Everything here is a pure function over text, so that both engines apply the schema alike,
//! whatever carries the statements:
//!
//! 1. run [`Parameters::init`], in order;
//! 2. ask [`STATE`] in format `JSONEachRow`;
//! 3. run what [`Parameters::adjustments`] makes of the answer: nothing, unless a setting changed.

use serde::Deserialize;

mod statements;

pub use statements::statements;

/// The complete current schema, with `{retention_days}` and `{environment}` to be filled in.
pub const INIT_DB: &str = include_str!("../../assets/clickhouse/init-db.sql");

/// The longest retention, in days: what is left of a ClickHouse `Date` after the year 2100, where
/// the schema ends the calendar.
pub const MAX_RETENTION_DAYS: u32 = 18_000;

/// What an existing database was made with, one row per data table.
pub const STATE: &str = "\
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
    pub fn adjustments(&self, state: &str) -> Result<Vec<String>, serde_json::Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: Parameters<'static> = Parameters {
        retention_days: 90,
        environment: "dev",
    };

    fn state(retention_days: u32, environment: &str) -> String {
        format!(
            r#"{{"table":"traces","retention_days":{retention_days},"environment":"coalesce(x, {environment})"}}"#
        )
    }

    #[test]
    fn every_placeholder_is_filled_in() {
        for statement in DEV.init() {
            assert!(!statement.contains("{retention_days}"), "{statement}");
            assert!(!statement.contains("{environment}"), "{statement}");
        }
    }

    #[test]
    fn the_lines_that_settings_change_are_the_same_in_every_table() {
        for start in ["TTL ", "environment "] {
            let lines: Vec<_> = INIT_DB
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with(start))
                .collect();
            assert_eq!(lines.len(), 3, "{start}");
            assert!(lines.iter().all(|line| *line == lines[0]), "{lines:?}");
        }
    }

    #[test]
    fn unchanged_settings_alter_nothing() {
        let alterations = DEV.adjustments(&state(90, "'dev'")).expect("it parses");
        assert_eq!(alterations, Vec::<String>::new());
    }

    #[test]
    fn a_changed_retention_alters_the_ttl_alone() {
        let alterations = DEV.adjustments(&state(7, "'dev'")).expect("it parses");
        let [alteration] = alterations.as_slice() else {
            panic!("{alterations:?}");
        };
        assert!(alteration.starts_with("ALTER TABLE telemetry.traces MODIFY TTL "));
        assert!(alteration.ends_with("+ toIntervalDay(90)"));
    }

    #[test]
    fn an_environment_cannot_leave_its_quotes() {
        let parameters = Parameters {
            environment: r"it's \ here",
            ..DEV
        };
        let alterations = parameters
            .adjustments(&state(90, "'dev'"))
            .expect("it parses");
        assert!(alterations[0].contains(r", 'it\'s \\ here') CODEC"));
    }
}
