//! The requests that a table has lately got, as its rows tell.

use std::collections::HashMap;

use super::export::{Day, ExportId};
use crate::embedded::chdb::{Connection, Exception};

/// Seconds before the last change of a table in which a request counts as late. Clients give up
/// sooner: OpenTelemetry's SDKs after one minute, its Collector after five.
const LATE: u32 = 15 * 60;
/// The most requests that are recalled, and the most rows that are looked at for them: the last.
const MOST: u32 = 128 << 10;
const MOST_ROWS: u32 = 2 << 20;

/// The late requests, with the days of which they have rows in `table`.
pub fn recall(
    connection: &mut Connection,
    table: &str,
) -> Result<HashMap<ExportId, Vec<Day>>, Exception> {
    let parts =
        format!("FROM system.parts WHERE active AND concat(database, '.', table) = '{table}'");
    let sql = format!(
        "WITH (SELECT max(modification_time) {parts}) - {LATE} AS since \
         SELECT export_id, day FROM (\
             SELECT export_id, toUInt16(_partition_value.1) AS day, received_at FROM {table} \
             WHERE export_id != 0 AND received_at >= since \
             AND _part IN (SELECT name {parts} AND modification_time >= since) \
             ORDER BY received_at DESC LIMIT {MOST_ROWS}) \
         GROUP BY ALL ORDER BY max(received_at) DESC LIMIT {MOST}"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::chdb::testing::{self, text};

    /// A table with what a recall looks at; `None` where there is no engine.
    fn table(name: &str) -> Option<Connection> {
        let mut connection = testing::connection()?;
        text(&mut connection, "CREATE DATABASE IF NOT EXISTS recall");
        let sql = format!(
            "CREATE TABLE recall.{name} (time DateTime, export_id UInt64, received_at DateTime) \
             ENGINE = MergeTree PARTITION BY toDate(time) ORDER BY time"
        );
        text(&mut connection, &sql);
        Some(connection)
    }

    #[test]
    fn each_request_is_recalled_with_its_days() {
        let Some(mut connection) = table("days") else {
            return;
        };
        let sql = "INSERT INTO recall.days VALUES ('2025-11-26 01:00:00', 1, now()), \
                   ('2025-11-26 02:00:00', 1, now()), ('2025-11-27 01:00:00', 1, now()), \
                   ('2025-11-27 01:00:00', 2, now() - 60), ('2025-11-27 01:00:00', 0, 0), \
                   ('2025-11-27 01:00:00', 3, now() - 3600)";
        text(&mut connection, sql);
        let mut recalled = recall(&mut connection, "recall.days").unwrap();
        let days = recalled.get_mut(&ExportId(1)).unwrap();
        days.sort_unstable_by_key(|day| day.0);
        assert_eq!(days, &[Day(20_418), Day(20_419)]);
        assert_eq!(recalled[&ExportId(2)], [Day(20_419)]);
        assert_eq!(recalled.len(), 2);
    }

    #[test]
    fn the_last_requests_are_recalled_however_many_lie_in_their_part() {
        let Some(mut connection) = table("many") else {
            return;
        };
        let earlier = format!(
            "INSERT INTO recall.many SELECT '2025-11-26', number + 10, now() - 30 FROM numbers({})",
            3 * MOST
        );
        let last = "INSERT INTO recall.many SELECT '2025-11-26', number + 1, now() FROM numbers(3)";
        for sql in [&earlier, last, "OPTIMIZE TABLE recall.many FINAL"] {
            text(&mut connection, sql);
        }
        let recalled = recall(&mut connection, "recall.many").unwrap();
        assert_eq!(recalled.len(), MOST as usize);
        for id in 1..=3 {
            assert!(recalled.contains_key(&ExportId(id)), "{id}");
        }
    }
}
