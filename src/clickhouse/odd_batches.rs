//! What the exporter may send and nobody should: stored sensibly, in one insert, on the real engine.
//!
//! Its inserts are retried until they succeed, so one that is refused would be in the way of all
//! that come after it.

use super::Client;
use super::real::RealClickHouse;

/// Inserts spans as the exporter does, with the settings of the user `ingest`.
async fn insert(client: &Client, columns: &str, select: &str) {
    let rows = format!("SELECT {select}");
    let mut answer = client.query(rows).answer("Native").await.unwrap();
    let mut block = Vec::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        block.extend_from_slice(&chunk);
    }
    let block = futures_util::stream::iter([Ok::<_, std::io::Error>(block.into())]);
    client
        .query(format!(
            "INSERT INTO telemetry.traces ({columns}) FORMAT Native"
        ))
        .setting("async_insert", 0)
        .setting("max_partitions_per_insert_block", 0)
        .insert(block)
        .await
        .unwrap();
}

async fn text(client: &Client, sql: &str) -> String {
    let mut answer = client.query(sql).answer("TabSeparated").await.unwrap();
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

#[tokio::test]
async fn a_batch_of_many_days_is_stored_whole() {
    let Some(server) = RealClickHouse::start().await else {
        return;
    };
    let client = server.client();
    let days = "toDateTime64('2025-01-01 12:00:00', 9, 'UTC') + toIntervalDay(number) AS Timestamp, \
                toString(number) AS SpanId FROM numbers(500)";
    insert(&client, "Timestamp, SpanId", days).await;
    let sql = "SELECT count(), uniqExact(toDate(timestamp)) FROM telemetry.traces";
    assert_eq!(text(&client, sql).await, "500\t500");
}

#[tokio::test]
async fn times_of_broken_clocks_are_stored_as_they_are_and_kept() {
    let Some(server) = RealClickHouse::start().await else {
        return;
    };
    let client = server.client();
    let times =
        "fromUnixTimestamp64Nano(arrayJoin([toInt64(1), 9223372036854775807]), 'UTC') AS Timestamp";
    insert(&client, "Timestamp", times).await;
    let merge = client.query("OPTIMIZE TABLE telemetry.traces FINAL");
    merge.execute().await.unwrap();
    let sql = "SELECT timestamp FROM telemetry.traces ORDER BY timestamp";
    assert_eq!(
        text(&client, sql).await,
        "1970-01-01 00:00:00.000000001\n2262-04-11 23:47:16.854775807"
    );
    let hours = "SELECT sum(total_count) FROM telemetry.metrics_hourly";
    assert_eq!(text(&client, hours).await, "2");
}

#[tokio::test]
async fn an_end_before_the_start_is_no_duration() {
    let Some(server) = RealClickHouse::start().await else {
        return;
    };
    let client = server.client();
    // The exporter subtracts unsigned.
    let before = "now64(9) AS Timestamp, toUInt64(18446744073709551615) AS Duration";
    insert(&client, "Timestamp, Duration", before).await;
    let sql = "SELECT duration_ms, duration_ns FROM telemetry.traces";
    assert_eq!(text(&client, sql).await, "0\t0");
}

#[tokio::test]
async fn long_nameless_and_malformed_text_is_stored() {
    let Some(server) = RealClickHouse::start().await else {
        return;
    };
    let client = server.client();
    let odd = "now64(9) AS Timestamp, '' AS ServiceName, unhex('6fff6b') AS SpanName, \
               map('long', repeat('x', 65536), unhex('ff'), unhex('fe'))::Map(LowCardinality(String), String) AS SpanAttributes";
    insert(
        &client,
        "Timestamp, ServiceName, SpanName, SpanAttributes",
        odd,
    )
    .await;
    let sql = "SELECT service_name, project_name, hex(span_name), length(attributes['long']), \
               hex(attributes[unhex('ff')]) FROM telemetry.traces";
    assert_eq!(
        text(&client, sql).await,
        "unknown\tunknown\t6FFF6B\t65536\tFE"
    );
    // What asks in JSON gets JSON.
    let rows: Vec<serde_json::Value> = client
        .query("SELECT span_name, attributes FROM telemetry.traces")
        .rows()
        .await
        .unwrap();
    assert_eq!(rows[0]["span_name"], "o\u{fffd}k");
}
