//! The hourly percentiles against exact ones, on the real engine.

#![allow(clippy::print_stderr, reason = "a figure for whoever runs the test")]

use serde::Deserialize;

use super::Client;
use super::real::RealClickHouse;

/// Spans of a project, an hour and an insert.
const SPANS: u32 = 4000;

/// How far a percentile may be off, as a share of the exact one.
const TOLERANCE: f64 = 0.01;

/// Durations in milliseconds, from `u` and `v`, which are uniform between 0 and 1: a body with a
/// long tail, one span in fifty that runs into a time-out, and a tail without a mean.
const DISTRIBUTIONS: [(&str, &str); 3] = [
    ("lognormal", "exp(3 + normal)"),
    (
        "bimodal",
        "if(u < 0.02, 2000 + 50 * normal, 20 + 4 * normal)",
    ),
    ("pareto", "2 * pow(u, -1 / 1.1)"),
];

/// A percentile of the roll-up beside the exact one.
#[derive(Deserialize)]
struct Percentile {
    project: String,
    hour: u32,
    level: f64,
    rolled_up: f64,
    exact: f64,
}

/// Inserts spans of each distribution into each of so many hours, as one batch of telemetry.
async fn insert(client: &Client, hours: u32, seed: u32) {
    for (project, duration) in DISTRIBUTIONS {
        let sql = format!(
            "INSERT INTO telemetry.traces (Timestamp, SpanId, ServiceName, Duration) \
             WITH \
                 (cityHash64(number, {{seed:UInt32}}, 'u') + 1) / 18446744073709551616 AS u, \
                 (cityHash64(number, {{seed:UInt32}}, 'v') + 1) / 18446744073709551616 AS v, \
                 sqrt(-2 * log(cityHash64(number, {{seed:UInt32}}, 'w') / 18446744073709551616)) * cos(2 * pi() * v) AS normal \
             SELECT toDateTime64('2026-01-02 00:00:00', 9, 'UTC') + toIntervalMillisecond(number * 3600000 / {SPANS}), \
                 hex(number), '{project}', toUInt64({duration} * 1e6) \
             FROM numbers({})",
            SPANS * hours
        );
        let query = client.query(sql).param("seed", seed);
        query.execute().await.unwrap();
    }
}

/// Every percentile of every hour. The roll-up must be what answers: raw spans are always right.
async fn percentiles(client: &Client) -> Vec<Percentile> {
    let sql = "\
SELECT rolled.project_name AS project, toUInt32(toHour(rolled.timestamp)) AS hour,
    tupleElement(pair, 1) AS level, tupleElement(pair, 2) AS rolled_up, tupleElement(pair, 3) AS exact
FROM
(
    SELECT timestamp, project_name, total_count, p50_duration_ms, p95_duration_ms, p99_duration_ms
    FROM telemetry.metrics_hourly
    SETTINGS force_optimize_projection = 1
) AS rolled
INNER JOIN
(
    SELECT toStartOfHour(timestamp) AS hour, project_name, count() AS total_count,
        quantilesExact(0.5, 0.95, 0.99)(duration_ns / 1e6) AS exact
    FROM telemetry.traces
    GROUP BY hour, project_name
    SETTINGS optimize_use_projections = 0
) AS raw
ON rolled.project_name = raw.project_name AND rolled.timestamp = raw.hour AND rolled.total_count = raw.total_count
ARRAY JOIN arrayZip([0.5, 0.95, 0.99], [p50_duration_ms, p95_duration_ms, p99_duration_ms], raw.exact) AS pair";
    client.query(sql).rows().await.unwrap()
}

/// Asserts it, and says how far off the worst is.
async fn assert_accurate(client: &Client, hours: u32, when: &str) {
    let percentiles = percentiles(client).await;
    // Were one missing, or a count wrong, nothing would be compared.
    assert_eq!(percentiles.len(), 3 * 3 * hours as usize, "{when}");
    let mut worst = 0.0_f64;
    for percentile in &percentiles {
        let off = (percentile.rolled_up - percentile.exact).abs() / percentile.exact;
        let Percentile {
            project,
            hour,
            level,
            ..
        } = percentile;
        assert!(
            off <= TOLERANCE,
            "{when}: {level} of {project} in hour {hour} is off by {off}"
        );
        worst = worst.max(off);
    }
    eprintln!("{when}: at most {:.2} % off", worst * 100.0);
}

async fn merge(client: &Client) {
    let merge = client.query("OPTIMIZE TABLE telemetry.traces FINAL");
    merge.execute().await.unwrap();
}

#[tokio::test]
async fn hourly_percentiles_are_within_one_per_cent_before_and_after_merges_and_with_late_data() {
    let Some(server) = RealClickHouse::start().await else {
        return;
    };
    let client = server.client();
    let stop = client.query("SYSTEM STOP MERGES telemetry.traces");
    stop.execute().await.unwrap();
    for seed in 0..8 {
        insert(&client, 3, seed).await;
    }
    assert_accurate(&client, 3, "in parts").await;
    let start = client.query("SYSTEM START MERGES telemetry.traces");
    start.execute().await.unwrap();
    merge(&client).await;
    assert_accurate(&client, 3, "merged").await;
    // Only the first hour, and of other durations.
    insert(&client, 1, 100).await;
    assert_accurate(&client, 3, "with late data").await;
    merge(&client).await;
    assert_accurate(&client, 3, "with late data, merged").await;
}
