//! The requests that a table has lately got, as its rows tell.

use std::collections::HashMap;

use super::export::{Day, ExportId};
use crate::embedded::chdb::{Connection, Exception};

/// Seconds before the last change of a table in which a request counts as late. Clients give up
/// sooner: OpenTelemetry's SDKs after one minute, its Collector after five.
const LATE: u32 = 15 * 60;
/// The most requests that are recalled.
const MOST: u32 = 128 << 10;

/// The late requests, with the days of which they have rows in `table`. A part that was merged
/// lately counts as late with all that is in it.
pub fn recall(
    connection: &mut Connection,
    table: &str,
) -> Result<HashMap<ExportId, Vec<Day>>, Exception> {
    let parts =
        format!("FROM system.parts WHERE active AND concat(database, '.', table) = '{table}'");
    let sql = format!(
        "SELECT export_id, toUInt16(_partition_value.1) FROM {table} \
         WHERE export_id != 0 AND _part IN (\
             SELECT name {parts} AND modification_time + {LATE} >= \
                 (SELECT max(modification_time) {parts})) \
         GROUP BY ALL \
         SETTINGS max_rows_to_group_by = {MOST}, group_by_overflow_mode = 'any'"
    );
    let answer = connection.execute(sql.as_bytes(), "RowBinary", &[])?;
    let mut recalled = HashMap::<_, Vec<_>>::new();
    for row in answer.data().chunks_exact(10) {
        let (id, day) = row.split_at(8);
        let id = ExportId(u64::from_le_bytes(id.try_into().expect("eight bytes")));
        let day = Day(u16::from_le_bytes(day.try_into().expect("two bytes")));
        recalled.entry(id).or_default().push(day);
    }
    Ok(recalled)
}
