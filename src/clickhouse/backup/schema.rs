//! What an archive and a database have to agree on.

use serde::Deserialize;

use super::super::{ClickHouseError, Client, Column, DataTable, Query};

/// What runs, and the schema that it has.
#[derive(Deserialize)]
pub(super) struct Versions {
    pub(super) clickhouse_version: String,
    pub(super) schema_version: u32,
}

impl Versions {
    pub(super) async fn of(client: &Client) -> Result<Self, ClickHouseError> {
        let sql = "\
SELECT version() AS clickhouse_version, max(version) AS schema_version
FROM telemetry.schema_migrations";
        client.query(sql).row().await
    }
}

/// Asks for the columns that [`columns`] gives.
pub(in crate::clickhouse) const COLUMNS: &str = "\
SELECT name, type AS type_name
FROM system.columns
WHERE database = currentDatabase() AND table = {table:String} AND default_kind IN ('', 'DEFAULT')
ORDER BY position";

/// The columns of a table that are stored; `query` is [`COLUMNS`].
pub(in crate::clickhouse) async fn columns(
    query: Query<'_>,
    table: DataTable,
) -> Result<Vec<Column>, ClickHouseError> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
        type_name: String,
    }
    let rows: Vec<Row> = query.param("table", table).rows().await?;
    let columns = rows
        .into_iter()
        .map(|Row { name, type_name }| Column { name, type_name });
    Ok(columns.collect())
}

/// Columns as a list in a statement.
pub(in crate::clickhouse) fn column_list(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| quoted(&column.name)).collect();
    names.join(", ")
}

/// A name as ClickHouse reads it, whatever is in it.
pub(in crate::clickhouse) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}
