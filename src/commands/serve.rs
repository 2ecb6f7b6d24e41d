//! `telemetry serve`: the server process, run by the supervisor.

use std::path::PathBuf;

use futures_util::FutureExt as _;

use crate::clickhouse::schema::{self, Database, Parameters};
use crate::clickhouse::{ClickHouseError, Exception};
use crate::embedded::chdb::Connection;
use crate::embedded::{Directory, ServerSpec, server};
use crate::error::Result;

/// Serves the project in `directory` until it is asked to stop, and ends the process.
pub fn run(directory: PathBuf) -> ! {
    server::run(&Directory::new(directory), apply_schema)
}

/// Needs no lock: the data is that of this process alone.
fn apply_schema(spec: &ServerSpec, connection: &mut Connection) -> Result<()> {
    let parameters = Parameters {
        retention_days: spec.retention_days,
        environment: &spec.environment,
    };
    let applied = schema::upgrade(&mut InProcess(connection), &parameters)
        .now_or_never()
        .expect("statements in process are done when they return")?;
    for migration in applied.migrations {
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "migrated"
        );
    }
    if !applied.adjustments.is_empty() {
        tracing::info!(statements = ?applied.adjustments, "changed settings are applied");
    }
    Ok(())
}

/// The engine of this process.
struct InProcess<'c>(&'c mut Connection);

impl Database for InProcess<'_> {
    async fn run(&mut self, sql: &str) -> Result<String, ClickHouseError> {
        let answer = self.0.execute(sql.as_bytes(), "JSONEachRow", &[]);
        let answer = answer.map_err(|error| ClickHouseError::Query(exception(error)))?;
        Ok(String::from_utf8_lossy(answer.data()).into_owned())
    }
}

/// An exception of the library as one of its HTTP interface.
fn exception(error: crate::embedded::chdb::Exception) -> Exception {
    Exception::parse(&error.message).unwrap_or(Exception {
        code: error.code,
        name: error.name,
        message: error.message,
    })
}
