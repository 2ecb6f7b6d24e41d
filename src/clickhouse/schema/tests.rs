use serde::Deserialize;

use super::*;
use crate::clickhouse::Client;
use crate::clickhouse::real::RealClickHouse;
use crate::error::{Code, Failure as _};

/// The schema of the first release.
const OLDEST: &str = include_str!("../../../tests/fixtures/schema/0001.sql");

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

/// A server whose database is as the first release made it.
async fn oldest(parameters: &Parameters<'_>) -> Option<RealClickHouse> {
    let server = RealClickHouse::bare().await?;
    for statement in statements(OLDEST) {
        run(&server.client(), &parameters.fill_in(statement)).await;
    }
    Some(server)
}

async fn run(client: &Client, sql: &str) {
    let query = client.query(sql).database("default");
    query
        .execute()
        .await
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// The answer to a statement, as text.
async fn text(client: &Client, sql: &str) -> String {
    let query = client.query(sql).database("default");
    let mut answer = query.answer("TabSeparatedRaw").await.unwrap();
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).unwrap()
}

/// The definition of everything that there is.
async fn definitions(client: &Client) -> Vec<String> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
        definition: String,
    }
    let sql = "\
        SELECT name, replaceAll(create_table_query, database || '.', '') AS definition \
        FROM system.tables WHERE database = 'telemetry' ORDER BY name";
    let rows: Vec<Row> = client.query(sql).rows().await.unwrap();
    assert!(rows.len() > 5, "there is something to compare");
    rows.into_iter()
        .map(|row| format!("{}: {}", row.name, row.definition))
        .collect()
}

#[tokio::test]
async fn the_oldest_schema_and_every_migration_make_the_current_one() {
    let (Some(old), Some(new)) = (oldest(&DEV).await, RealClickHouse::bare().await) else {
        return;
    };
    let before = definitions(&old.client()).await;
    let applied = apply(&old.client(), &DEV).await.unwrap();
    assert_eq!(applied.from, Some(1));
    assert_eq!(applied.migrations, MIGRATIONS);
    apply(&new.client(), &DEV).await.unwrap();
    let (migrated, made) = (
        definitions(&old.client()).await,
        definitions(&new.client()).await,
    );
    assert_ne!(before, made);
    assert_eq!(migrated, made);
}

#[tokio::test]
async fn a_schema_that_is_in_place_is_left_alone() {
    let Some(server) = RealClickHouse::bare().await else {
        return;
    };
    let client = server.client();
    let planned = plan(&mut OverHttp(&client), &DEV).await.unwrap();
    assert_eq!(planned.from, None);
    assert!(!planned.is_empty());
    apply(&client, &DEV).await.unwrap();
    let before = definitions(&client).await;
    let planned = plan(&mut OverHttp(&client), &DEV).await.unwrap();
    assert!(planned.is_empty(), "{planned:?}");
    assert_eq!(apply(&client, &DEV).await.unwrap(), planned);
    assert_eq!(definitions(&client).await, before);
    let records = text(&client, "SELECT version FROM telemetry.schema_migrations").await;
    assert_eq!(records, format!("{VERSION}\n"));
}

#[tokio::test]
async fn an_upgrade_keeps_every_row_and_value() {
    let keeping = Parameters {
        retention_days: MAX_RETENTION_DAYS,
        ..DEV
    };
    let Some(server) = oldest(&keeping).await else {
        return;
    };
    let client = server.client();
    // Each day is a part, and thirty of them show as much as thousands.
    let time = "fromUnixTimestamp64Nano(toInt64(\
                1767225600000000000 + rand64() % (30 * 86400000000000)))";
    for (table, time_column, columns) in [
        (
            "traces",
            "Timestamp",
            "TraceId, SpanId, SpanName, Duration, StatusCode, ServiceName, SpanAttributes",
        ),
        (
            "logs",
            "Timestamp",
            "TraceId, Body, ServiceName, LogAttributes",
        ),
        (
            "metrics",
            "TimeUnix",
            "MetricName, Value, ServiceName, Attributes",
        ),
    ] {
        run(
            &client,
            &format!(
                "INSERT INTO telemetry.{table} ({time_column}, {columns}) \
                 SELECT {time}, {columns} FROM generateRandom(\
                 'TraceId String, SpanId String, SpanName String, Duration UInt64, \
                 StatusCode String, ServiceName String, SpanAttributes Map(String, String), Body String, \
                 LogAttributes Map(String, String), MetricName String, Value Float64, \
                 Attributes Map(String, String)', 1) LIMIT 1000 \
                 SETTINGS max_partitions_per_insert_block = 0"
            ),
        )
        .await;
    }
    let mut checksums = Vec::new();
    for table in ["traces", "logs", "metrics"] {
        let columns = format!(
            "SELECT arrayStringConcat(groupArray('`' || name || '`'), ', ') FROM system.columns \
             WHERE database = 'telemetry' AND table = '{table}' AND default_kind != 'EPHEMERAL'"
        );
        let columns = text(&client, &columns).await;
        checksums.push(format!(
            "SELECT count(), sum(cityHash64(toString(tuple({})))) FROM telemetry.{table}",
            columns.trim()
        ));
    }
    let sums = async || {
        let mut sums = Vec::new();
        for sql in &checksums {
            sums.push(text(&client, sql).await);
        }
        sums
    };
    let before = sums().await;
    assert!(
        before.iter().all(|sum| sum.starts_with("1000\t")),
        "{before:?}"
    );
    apply(&client, &keeping).await.unwrap();
    assert_eq!(sums().await, before);
}

#[tokio::test]
async fn a_migration_that_was_broken_off_is_finished_by_the_next_start() {
    let Some(server) = oldest(&DEV).await else {
        return;
    };
    let client = server.client();
    for migration in MIGRATIONS {
        for statement in migration.statements() {
            run(&client, statement).await;
        }
    }
    let applied = apply(&client, &DEV).await.unwrap();
    assert_eq!(applied.migrations, MIGRATIONS);
    let planned = plan(&mut OverHttp(&client), &DEV).await.unwrap();
    assert!(planned.is_empty(), "{planned:?}");
}

#[tokio::test]
async fn of_two_at_once_one_migrates() {
    let Some(server) = oldest(&DEV).await else {
        return;
    };
    let (one, other) = (server.client(), server.client());
    let (one, other) = tokio::join!(apply(&one, &DEV), apply(&other, &DEV));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(
        one.migrations.len() + other.migrations.len(),
        MIGRATIONS.len()
    );
    let names = text(
        &server.client(),
        "SELECT name FROM system.tables WHERE database = 'telemetry'",
    )
    .await;
    assert!(!names.contains("schema_lock"), "{names}");
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_alone() {
    let Some(server) = oldest(&DEV).await else {
        return;
    };
    let client = server.client();
    let newer = VERSION + 1;
    run(
        &client,
        &format!(
            "INSERT INTO telemetry.schema_migrations (version, name) VALUES ({newer}, 'later')"
        ),
    )
    .await;
    let before = definitions(&client).await;
    let error = apply(&client, &DEV).await.unwrap_err();
    assert_eq!(error.code(), Code::SchemaNewer);
    assert!(
        error.to_string().contains(&format!("version {newer}")),
        "{error}"
    );
    assert_eq!(definitions(&client).await, before);
}

#[tokio::test]
async fn tables_of_someone_else_are_refused_and_left_alone() {
    let Some(server) = RealClickHouse::bare().await else {
        return;
    };
    let client = server.client();
    run(&client, "CREATE DATABASE IF NOT EXISTS telemetry").await;
    run(
        &client,
        "CREATE TABLE telemetry.traces (trace_id String) ENGINE = Memory",
    )
    .await;
    let error = apply(&client, &DEV).await.unwrap_err();
    assert!(matches!(error, SchemaError::Foreign), "{error:?}");
    let tables = text(
        &client,
        "SELECT name FROM system.tables WHERE database = 'telemetry'",
    )
    .await;
    assert_eq!(tables, "traces\n");
}

#[tokio::test]
async fn a_changed_retention_holds_for_what_is_there() {
    let Some(server) = RealClickHouse::bare().await else {
        return;
    };
    let client = server.client();
    apply(&client, &DEV).await.unwrap();
    let tables = [
        ("traces", "Timestamp"),
        ("logs", "Timestamp"),
        ("metrics", "TimeUnix"),
    ];
    for (table, column) in tables {
        run(&client, &format!("INSERT INTO telemetry.{table} ({column}) SELECT now() - toIntervalDay(arrayJoin([1, 30]))")).await;
    }
    let days = async || {
        let mut days = Vec::new();
        for (table, _) in tables {
            run(&client, &format!("OPTIMIZE TABLE telemetry.{table} FINAL")).await;
            let sql = format!(
                "SELECT groupArray(dateDiff('day', timestamp, now())) FROM (SELECT timestamp FROM telemetry.{table} ORDER BY timestamp DESC)"
            );
            days.push(text(&client, &sql).await);
        }
        days
    };
    assert_eq!(days().await, ["[1,30]\n"; 3]);
    let shorter = Parameters {
        retention_days: 7,
        ..DEV
    };
    let applied = apply(&client, &shorter).await.unwrap();
    assert_eq!(applied.adjustments.len(), 3, "{applied:?}");
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while days().await != ["[1]\n"; 3] {
        assert!(std::time::Instant::now() < deadline, "{:?}", days().await);
    }
    assert!(
        plan(&mut OverHttp(&client), &shorter)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_changed_environment_is_that_of_later_telemetry() {
    let Some(server) = RealClickHouse::bare().await else {
        return;
    };
    let client = server.client();
    apply(&client, &DEV).await.unwrap();
    let insert = "INSERT INTO telemetry.traces (SpanName) VALUES ('x')";
    run(&client, insert).await;
    let staging = Parameters {
        environment: r"it's \ staging",
        ..DEV
    };
    apply(&client, &staging).await.unwrap();
    run(&client, &insert.replace('x', "y")).await;
    let sql = "SELECT environment FROM telemetry.traces ORDER BY span_name";
    assert_eq!(text(&client, sql).await, "dev\nit's \\ staging\n");
    assert!(
        plan(&mut OverHttp(&client), &staging)
            .await
            .unwrap()
            .is_empty()
    );
}
