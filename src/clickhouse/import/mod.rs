//! Bringing over the telemetry of another ClickHouse, such as that of the Makefile project which
//! this program replaces, whatever columns its tables have.
//!
//! A table comes in days, which are the partitions here. The rows of a day are streamed into a
//! [`Scratch`] table beside the telemetry; those that are here already are taken out again; the
//! rest is linked in, in one step. So whoever breaks off leaves whole days, and whoever does it
//! twice doubles nothing.

mod error;
mod mapping;
mod source;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use error::ImportError;
pub use source::{PASSWORD, Source, SourceUrlError, USER};

use self::mapping::Mapping;
use self::source::Day;
use super::backup::Scratch;
use super::{ClickHouseError, Client, DataTable, schema};

/// What came of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The table.
    pub table: DataTable,
    /// Rows that the source has.
    pub source_rows: u64,
    /// Of these, those that were brought over now.
    pub brought: u64,
    /// Those that were here already.
    pub present: u64,
    /// Those that are older than telemetry is kept here, and were left where they are.
    pub expired: u64,
    /// Columns of the source that have no place here.
    pub left_out: Vec<String>,
}

/// A table that is about to be brought over.
#[derive(Debug)]
pub struct Pending {
    table: DataTable,
    mapping: Mapping,
    days: Vec<Day>,
    expired: u64,
}

impl Pending {
    /// What there would be to do, for a dry run.
    pub fn rows(&self) -> u64 {
        self.days.iter().map(|day| day.rows).sum()
    }

    /// The table.
    pub const fn table(&self) -> DataTable {
        self.table
    }

    /// Rows that are older than telemetry is kept here.
    pub const fn expired(&self) -> u64 {
        self.expired
    }

    /// Columns of the source that have no place here.
    pub fn left_out(&self) -> &[String] {
        &self.mapping.left_out
    }
}

/// Looks at what there is to bring over.
///
/// # Errors
///
/// When either database does not answer, and when the source has no telemetry.
pub async fn survey(source: &Source, client: &Client) -> Result<Vec<Pending>, ImportError> {
    let kept = Kept::of(client).await?;
    let mut pending = Vec::new();
    for table in DataTable::ALL {
        let here = super::backup::schema::COLUMNS;
        let here = super::backup::schema::columns(client.query(here), table).await?;
        let there = source.columns(table).await?;
        let Some(mapping) = Mapping::new(table, &there, &here) else {
            continue;
        };
        let days = source.days(table, &mapping).await?;
        let (days, expired): (Vec<_>, Vec<_>) = days.into_iter().partition(|day| kept.holds(*day));
        pending.push(Pending {
            table,
            mapping,
            days,
            expired: expired.iter().map(|day| day.rows).sum(),
        });
    }
    if pending.is_empty() {
        return Err(source.nothing());
    }
    Ok(pending)
}

/// Brings a table over. `progress` is told the number of rows that are dealt with.
///
/// # Errors
///
/// When either database fails, and when less came than was there. Whole days of it may be here by
/// then.
pub async fn bring_over(
    source: &Source,
    scratch: &Scratch,
    pending: &Pending,
    progress: impl Fn(u64),
) -> Result<Imported, ImportError> {
    let Pending { table, mapping, .. } = pending;
    let mut imported = Imported {
        table: *table,
        source_rows: pending.expired,
        brought: 0,
        present: 0,
        expired: pending.expired,
        left_out: mapping.left_out.clone(),
    };
    scratch.stage(*table).await?;
    let mut done = 0;
    for day in &pending.days {
        let truncate = format!("TRUNCATE TABLE {table}");
        scratch.query(truncate).execute().await?;
        let select = source.select(*table, mapping, *day).await?;
        // Blocks that are alike are not repeats: nothing is sent twice.
        let insert = format!(
            "INSERT INTO {table} ({}) FORMAT Native",
            mapping.column_list()
        );
        scratch
            .query(insert)
            .setting("deduplicate_insert", "disable")
            .setting("max_partitions_per_insert_block", 0)
            .insert(select)
            .await?;
        let arrived = rows(scratch, &format!("SELECT count() AS rows FROM {table}")).await?;
        if arrived < day.rows {
            return Err(ImportError::Incomplete {
                table: *table,
                day: day.partition,
                counted: day.rows,
                arrived,
            });
        }
        let present = take_out_present(scratch, *table, mapping, *day).await?;
        scratch.add(*table).await?;
        imported.source_rows += arrived;
        imported.present += present;
        imported.brought += arrived - present;
        done += day.rows;
        progress(done);
    }
    let drop = format!("DROP TABLE {table} SYNC");
    scratch.query(drop).execute().await?;
    Ok(imported)
}

/// Takes out of a scratch table what the telemetry has already, and says how many rows that were.
async fn take_out_present(
    scratch: &Scratch,
    table: DataTable,
    mapping: &Mapping,
    day: Day,
) -> Result<u64, ClickHouseError> {
    let hash = format!("cityHash64({})", mapping.column_list());
    let is_present = format!(
        "{hash} IN (SELECT {hash} FROM telemetry.{table} WHERE _partition_id = '{}')",
        day.partition
    );
    let count = format!("SELECT count() AS rows FROM {table} WHERE {is_present}");
    let present = rows(scratch, &count).await?;
    if present > 0 {
        let delete = format!("ALTER TABLE {table} DELETE WHERE {is_present}");
        scratch
            .query(delete)
            .setting("mutations_sync", 1)
            .setting("allow_nondeterministic_mutations", 1)
            .execute()
            .await?;
    }
    Ok(present)
}

async fn rows(scratch: &Scratch, sql: &str) -> Result<u64, ClickHouseError> {
    #[derive(Deserialize)]
    struct Row {
        rows: u64,
    }
    let row: Row = scratch.query(sql).row().await?;
    Ok(row.rows)
}

/// The days that are kept here.
struct Kept {
    /// The last that is not.
    expired: u32,
}

impl Kept {
    async fn of(client: &Client) -> Result<Self, ClickHouseError> {
        #[derive(Deserialize)]
        struct Row {
            day: u32,
        }
        let days = schema::retention_days(client).await?;
        let sql = "SELECT toYYYYMMDD(toDate(now('UTC')) - {days:UInt32}) AS day";
        let row: Row = client.query(sql).param("days", days).row().await?;
        Ok(Self { expired: row.day })
    }

    /// What bears a time that is none, before 2000, is kept: see the schema.
    const fn holds(&self, day: Day) -> bool {
        day.partition <= Day::FIRST || day.partition > self.expired
    }
}
