//! A database beside that of the telemetry, in which tables do not change.

use std::{borrow::Cow, cell::Cell};

use serde::Deserialize;

use super::{
    super::{ClickHouseError, Client, Column, DataTable, Query},
    manifest::Contents,
    schema::{self, quoted},
};

/// What the name of every such database begins with; the time of its making follows.
const PREFIX: &str = "telemetry_scratch_";

/// After this long, in seconds, a database that is still there was left behind by a process that
/// was killed.
const LEFT_BEHIND: i64 = 24 * 3600;

/// A database beside that of the telemetry, with tables of the same definition.
///
/// **A backup** reads from one, because the tables themselves change under it: telemetry arrives,
/// parts are merged and expire. `ATTACH PARTITION ALL FROM` fills a table with what another holds
/// at that moment. It links files instead of copying them, which takes milliseconds and no space,
/// and since nobody inserts into the copy and its merges are stopped, the count, the checksum and
/// the data are of exactly the same rows, however long reading takes.
///
/// **A restore** writes into one, and telemetry stays as it is until everything is in and found to
/// be right. Then it is exchanged for what was there, or linked into tables that are empty.
#[derive(Debug)]
pub struct Scratch {
    client: Client,
    name: String,
    /// Whether it may be there.
    exists: Cell<bool>,
}

impl Scratch {
    /// One that has a name, and is not there yet.
    pub fn new(client: Client) -> Self {
        let now = jiff::Timestamp::now().as_second();
        Self {
            client,
            name: format!("{PREFIX}{now}_{:08x}", rand::random::<u32>()),
            exists: Cell::new(false),
        }
    }

    /// Makes it, and removes those that were left behind.
    pub async fn create(&self) -> Result<(), ClickHouseError> {
        let now = jiff::Timestamp::now().as_second();
        for name in databases(&self.client).await? {
            let made = name[PREFIX.len()..].split('_').next();
            let made = made.and_then(|made| made.parse::<i64>().ok());
            if made.is_none_or(|made| now - made > LEFT_BEHIND) {
                drop_database(&self.client, &name).await?;
            }
        }
        let sql = format!("CREATE DATABASE {}", self.name);
        // Broken off before the answer comes, it may have been made.
        self.exists.set(true);
        let created = self.client.query(sql).execute().await;
        self.exists.set(created.is_ok());
        created.map(drop)
    }

    /// Removes it with all that is in it, if it was made.
    pub async fn remove(self) -> Result<(), ClickHouseError> {
        if self.exists.get() {
            drop_database(&self.client, &self.name).await?;
        }
        Ok(())
    }

    /// Removes all there are, with the telemetry in them. A backup or a restore under way fails.
    pub async fn remove_all(client: &Client) -> Result<(), ClickHouseError> {
        for name in databases(client).await? {
            drop_database(client, &name).await?;
        }
        Ok(())
    }

    /// A client of the server that it is on.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// A statement in which a table without a database is one of this, and which may take its
    /// time.
    pub(in crate::clickhouse) fn query<'s>(&'s self, sql: impl Into<Cow<'s, str>>) -> Query<'s> {
        self.client
            .query(sql)
            .database(&self.name)
            .setting("max_execution_time", 0)
    }

    /// Makes a table that holds what that of the telemetry holds now, and goes on holding it.
    pub(super) async fn snapshot(&self, table: DataTable) -> Result<(), ClickHouseError> {
        for sql in [
            format!("CREATE TABLE {table} AS telemetry.{table}"),
            // Expiry is a merge as well.
            format!("SYSTEM STOP MERGES {table}"),
            format!("ALTER TABLE {table} ATTACH PARTITION ALL FROM telemetry.{table}"),
        ] {
            self.query(sql).execute().await?;
        }
        Ok(())
    }

    /// Makes an empty table from which nothing goes away.
    pub(in crate::clickhouse) async fn stage(
        &self,
        table: DataTable,
    ) -> Result<(), ClickHouseError> {
        for sql in [
            format!("CREATE TABLE {table} AS telemetry.{table}"),
            format!("SYSTEM STOP TTL MERGES {table}"),
        ] {
            self.query(sql).execute().await?;
        }
        Ok(())
    }

    /// How many rows of a table are so old that they would go away soon.
    pub(super) async fn expired_rows(&self, table: DataTable) -> Result<u64, ClickHouseError> {
        #[derive(Deserialize)]
        struct Row {
            rows: u64,
        }
        let sql = "\
SELECT sum(rows) AS rows
FROM system.parts
WHERE database = currentDatabase() AND table = {table:String} AND active
    AND delete_ttl_info_max > toDateTime(0) AND delete_ttl_info_max <= now()";
        let row: Row = self.query(sql).param("table", table).row().await?;
        Ok(row.rows)
    }

    /// Adds what a table here holds to that of the telemetry, in one step.
    pub(in crate::clickhouse) async fn add(&self, table: DataTable) -> Result<(), ClickHouseError> {
        let sql = format!("ALTER TABLE telemetry.{table} ATTACH PARTITION ALL FROM {table}");
        self.query(sql).execute().await.map(drop)
    }

    /// Puts a table of here in the place of that of the telemetry, and that one here, in one step.
    /// Another time, it undoes that.
    pub(super) async fn exchange(&self, table: DataTable) -> Result<(), ClickHouseError> {
        for sql in [
            // A stop stays with the table wherever it goes.
            format!("SYSTEM START TTL MERGES {table}"),
            format!("EXCHANGE TABLES telemetry.{table} AND {table}"),
        ] {
            self.query(sql).execute().await?;
        }
        Ok(())
    }

    /// The columns of a table that are stored.
    pub(in crate::clickhouse) async fn columns(
        &self,
        table: DataTable,
    ) -> Result<Vec<Column>, ClickHouseError> {
        schema::columns(self.query(schema::COLUMNS), table).await
    }

    /// How many rows a table has, and the sum of their hashes over these columns, each taken as
    /// of the type that is named with it.
    pub(super) async fn contents(
        &self,
        table: DataTable,
        columns: &[Column],
    ) -> Result<Contents, ClickHouseError> {
        #[derive(Deserialize)]
        struct Row {
            rows: u64,
            checksum: u64,
        }
        let actual = self.columns(table).await?;
        let mut hashed = Vec::new();
        let mut casts = Vec::new();
        for column in columns {
            let name = quoted(&column.name);
            if actual.contains(column) {
                hashed.push(name);
            } else {
                let cast = format!("type_{}", casts.len());
                hashed.push(format!("CAST({name}, {{{cast}:String}})"));
                casts.push((cast, &column.type_name));
            }
        }
        let sql = format!(
            "SELECT count() AS rows, sum(cityHash64({})) AS checksum FROM {table}",
            hashed.join(", ")
        );
        let mut query = self.query(sql);
        for (name, type_name) in casts {
            query = query.param(&name, type_name);
        }
        let Row { rows, checksum } = query.row().await?;
        Ok(Contents { rows, checksum })
    }
}

async fn databases(client: &Client) -> Result<Vec<String>, ClickHouseError> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    let sql = "SELECT name FROM system.databases WHERE startsWith(name, {prefix:String})";
    let rows: Vec<Row> = client.query(sql).param("prefix", PREFIX).rows().await?;
    // A name of ours has nothing that would have to be quoted.
    let is_ours = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = rows.into_iter().map(|row| row.name);
    Ok(names.filter(|name| name.chars().all(is_ours)).collect())
}

async fn drop_database(client: &Client, name: &str) -> Result<(), ClickHouseError> {
    client
        .query(format!("DROP DATABASE IF EXISTS {name} SYNC"))
        .setting("max_table_size_to_drop", 0)
        .execute()
        .await
        .map(drop)
}
