//! Bringing a database to the schema, whatever carries the statements.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{MIGRATIONS, Migration, Parameters, STATE, SchemaError, TableState, VERSION};
use crate::clickhouse::{ClickHouseError, Client};

/// What the database is.
const FOUND: &str = "\
SELECT
    toUInt32(countIf(table = 'schema_migrations')) AS records,
    toUInt32(countIf(table = 'traces')) AS traces,
    toUInt32(countIf(table = 'traces' AND name = 'duration_ns')) AS durations
FROM system.columns
WHERE database = 'telemetry'";

/// Its version; 0 if it has none.
const RECORDED: &str = "SELECT max(version) AS version FROM telemetry.schema_migrations";

/// A ClickHouse that runs statements as a user with all rights.
pub trait Database {
    /// Runs a statement and gives its answer in format `JSONEachRow`. No database is selected, as
    /// it may have to be made.
    fn run(&mut self, sql: &str) -> impl Future<Output = Result<String, ClickHouseError>>;
}

/// A server behind ClickHouse's HTTP interface.
#[derive(Clone, Copy, Debug)]
pub struct OverHttp<'c>(pub &'c Client);

impl Database for OverHttp<'_> {
    async fn run(&mut self, sql: &str) -> Result<String, ClickHouseError> {
        let query = self.0.query(sql).database("default");
        let mut answer = query.answer("JSONEachRow").await?;
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            text.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// What there is to do to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The version of its schema; `None` if there is no database yet.
    pub from: Option<u32>,
    /// The migrations that it lacks, in order.
    pub migrations: &'static [Migration],
    /// What changed settings ask of it.
    pub adjustments: Vec<String>,
}

impl Plan {
    /// Whether the database is as it should be.
    pub fn is_empty(&self) -> bool {
        self.from == Some(VERSION) && self.adjustments.is_empty()
    }
}

/// What was done to a database.
pub type Applied = Plan;

/// Says what [`upgrade`] would do, and changes nothing.
///
/// # Errors
///
/// When the database cannot be brought to the schema.
pub async fn plan(
    database: &mut impl Database,
    parameters: &Parameters<'_>,
) -> Result<Plan, SchemaError> {
    let from = found(database).await?;
    let adjustments = match from {
        Some(_) => adjustments(database, parameters).await?,
        None => Vec::new(),
    };
    Ok(Plan {
        from,
        migrations: lacking(from),
        adjustments,
    })
}

/// Brings a database to the schema. Whoever breaks off in between goes on with the next call;
/// nobody else may be at it ([`super::apply`]).
///
/// # Errors
///
/// When a statement fails, and when the database is newer than this program or none of its own.
pub async fn upgrade(
    database: &mut impl Database,
    parameters: &Parameters<'_>,
) -> Result<Applied, SchemaError> {
    let from = found(database).await?;
    let migrations = lacking(from);
    for migration in migrations {
        migrate(database, migration)
            .await
            .map_err(|source| SchemaError::Migration {
                migration: *migration,
                source,
            })?;
    }
    for statement in parameters.init() {
        database.run(&statement).await?;
    }
    let adjustments = adjustments(database, parameters).await?;
    for statement in &adjustments {
        database.run(statement).await?;
    }
    Ok(Applied {
        from,
        migrations,
        adjustments,
    })
}

/// How many days telemetry is kept in a database that has the schema.
///
/// # Errors
///
/// When the database does not say.
pub(in crate::clickhouse) async fn retention_days(client: &Client) -> Result<u32, ClickHouseError> {
    let answer = OverHttp(client).run(STATE).await?;
    let line = answer.lines().next().ok_or(ClickHouseError::NoRow)?;
    let state: TableState = serde_json::from_str(line).map_err(ClickHouseError::Malformed)?;
    Ok(state.retention_days)
}

/// The version of the database; `None` if there is nothing, or only what an interrupted first
/// start has left.
async fn found(database: &mut impl Database) -> Result<Option<u32>, SchemaError> {
    #[derive(Deserialize)]
    struct Found {
        records: u32,
        traces: u32,
        durations: u32,
    }
    #[derive(Deserialize)]
    struct Recorded {
        version: u32,
    }
    let found: Found = row(database, FOUND).await?;
    if found.traces > 0 && found.durations == 0 {
        return Err(SchemaError::Foreign);
    }
    if found.records == 0 {
        return Ok(None);
    }
    match row(database, RECORDED).await? {
        Recorded { version: 0 } => Ok(None),
        Recorded { version } if version > VERSION => Err(SchemaError::Newer { found: version }),
        Recorded { version } => Ok(Some(version)),
    }
}

/// The migrations from a version to [`VERSION`]. A new database needs none.
fn lacking(from: Option<u32>) -> &'static [Migration] {
    let from = from.unwrap_or(VERSION);
    let done = MIGRATIONS.partition_point(|migration| migration.version <= from);
    &MIGRATIONS[done..]
}

async fn migrate(
    database: &mut impl Database,
    migration: &Migration,
) -> Result<(), ClickHouseError> {
    for statement in migration.statements() {
        database.run(statement).await?;
    }
    let Migration { version, name, .. } = migration;
    let record = format!(
        "INSERT INTO telemetry.schema_migrations (version, name) SELECT {version}, '{name}'"
    );
    database.run(&record).await.map(drop)
}

async fn adjustments(
    database: &mut impl Database,
    parameters: &Parameters<'_>,
) -> Result<Vec<String>, ClickHouseError> {
    let state = database.run(STATE).await?;
    parameters
        .adjustments(&state)
        .map_err(ClickHouseError::Malformed)
}

async fn row<T: DeserializeOwned>(
    database: &mut impl Database,
    sql: &str,
) -> Result<T, ClickHouseError> {
    let answer = database.run(sql).await?;
    let line = answer.lines().next().ok_or(ClickHouseError::NoRow)?;
    serde_json::from_str(line).map_err(ClickHouseError::Malformed)
}
