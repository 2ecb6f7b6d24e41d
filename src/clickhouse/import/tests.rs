//! The whole of it, between two databases of the real engine.

use std::cell::RefCell;

use super::*;
use crate::clickhouse::real::RealClickHouse;
use crate::clickhouse::schema::{Parameters, apply, statements};
use crate::error::{Code, Failure as _};

/// The tables of the Makefile project.
const MAKEFILE_PROJECT: &str = include_str!("../../../tests/fixtures/makefile-project/schema.sql");

/// A database to bring over from, and one to bring over to.
struct Databases {
    old: RealClickHouse,
    new: RealClickHouse,
}

impl Databases {
    async fn start() -> Option<Self> {
        let old = RealClickHouse::bare().await?;
        for statement in statements(MAKEFILE_PROJECT) {
            run(&old.client(), statement).await;
        }
        let new = RealClickHouse::bare().await?;
        let parameters = Parameters {
            retention_days: 90,
            environment: "test",
        };
        apply(&new.client(), &parameters).await.unwrap();
        Some(Self { old, new })
    }

    async fn in_old(&self, sql: &str) {
        run(&self.old.client(), sql).await;
    }

    async fn bring_over(&self) -> Vec<Imported> {
        let source = Source::new(reqwest::Client::new(), &self.old.url()).unwrap();
        let client = self.new.client();
        let scratch = Scratch::new(client.clone());
        scratch.create().await.unwrap();
        let mut imported = Vec::new();
        for pending in survey(&source, &client).await.unwrap() {
            let told = RefCell::new(0);
            let done = bring_over(&source, &scratch, &pending, |rows| {
                *told.borrow_mut() = rows;
            });
            imported.push(done.await.unwrap());
            assert_eq!(told.into_inner(), pending.rows());
        }
        scratch.remove().await.unwrap();
        imported
    }
}

async fn run(client: &Client, sql: &str) {
    let query = client.query(sql).database("default");
    let done = query.execute().await;
    done.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

async fn text(client: &Client, sql: &str) -> String {
    let mut answer = client.query(sql).answer("TabSeparatedRaw").await.unwrap();
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).unwrap().trim_end().to_owned()
}

/// Source rows, brought over, here already, too old.
fn counts(imported: &[Imported]) -> Vec<[u64; 4]> {
    imported
        .iter()
        .map(|it| [it.source_rows, it.brought, it.present, it.expired])
        .collect()
}

/// 1000 spans over three days, each two of which are alike but for nothing.
const SPANS: &str = "\
INSERT INTO telemetry.traces (trace_id, span_id, timestamp, duration_ms, service_name, span_name, attributes) \
SELECT hex(intDiv(number, 2)), hex(intDiv(number, 2)), now() - toIntervalDay(intDiv(number, 2) % 3), number % 7, \
'api', 'GET', map('n', toString(intDiv(number, 2))) FROM numbers(1000)";

#[tokio::test]
async fn spans_logs_and_metrics_come_over_as_what_they_are_here() {
    let Some(databases) = Databases::start().await else {
        return;
    };
    databases
        .in_old(
            "INSERT INTO telemetry.traces (trace_id, span_id, parent_span_id, timestamp, timestamp_ns, duration_ms, \
             service_name, span_name, span_kind, status_code, attributes, user_id) \
             SELECT 'aa', 'bb', '', toStartOfHour(now()), toUnixTimestamp(toStartOfHour(now())) * 1000000000 + 5, 12, \
             'api', 'GET', 'SPAN_KIND_SERVER', 'STATUS_CODE_ERROR', map('k', 'v'), 'u'",
        )
        .await;
    databases
        .in_old(
            "INSERT INTO telemetry.traces (trace_id, span_id, timestamp, span_kind, status_code) \
             SELECT 'cc', 'dd', toStartOfHour(now()), '', 'UNSET'",
        )
        .await;
    databases
        .in_old(
            "INSERT INTO telemetry.logs (log_id, timestamp, body, body_type, flags, source_file, source_line, project_name, service_name) \
             SELECT '61f0c404-5cb3-11e7-907b-a6006ad3dba0', now(), '{}', 'JSON', 1, 'a.rs', 7, 'shop', ''",
        )
        .await;
    databases
        .in_old(
            "INSERT INTO telemetry.metrics (metric_name, metric_type, timestamp, value_int, aggregation_temporality, quantile_values) \
             SELECT 'm', 'SUMMARY', now(), 42, 'DELTA', map('0.5', 1.5, 'p99', 9)",
        )
        .await;

    let imported = databases.bring_over().await;
    assert_eq!(
        counts(&imported),
        [[2, 2, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    );
    assert!(
        imported.iter().all(|it| it.left_out.is_empty()),
        "{imported:?}"
    );
    let new = databases.new.client();
    assert_eq!(
        text(
            &new,
            "SELECT trace_id, toUnixTimestamp64Nano(timestamp) % 1000000000, duration_ms, duration_ns, service_name, \
             project_name, span_name, span_kind, status_code, environment, attributes, user_id \
             FROM telemetry.traces ORDER BY trace_id"
        )
        .await,
        "aa\t5\t12\t12000000\tapi\tapi\tGET\tSERVER\tERROR\tproduction\t{'k':'v'}\tu\n\
         cc\t0\t0\t0\tunknown\tunknown\t\tINTERNAL\tOK\tproduction\t{}"
    );
    assert_eq!(
        text(
            &new,
            "SELECT log_id, body, body_type, trace_flags, source_file, source_line, project_name, service_name FROM telemetry.logs"
        )
        .await,
        "61f0c404-5cb3-11e7-907b-a6006ad3dba0\t{}\tJSON\t1\ta.rs\t7\tshop\tunknown"
    );
    assert_eq!(
        text(
            &new,
            "SELECT metric_type, value, aggregation_temporality, quantile_values FROM telemetry.metrics"
        )
        .await,
        "SUMMARY\t42\tDELTA\t{0.5:1.5,99:9}"
    );
}

#[tokio::test]
async fn twice_doubles_nothing_and_brings_what_is_new() {
    let Some(databases) = Databases::start().await else {
        return;
    };
    databases.in_old(SPANS).await;
    let new = databases.new.client();
    run(
        &new,
        "INSERT INTO telemetry.traces (SpanName, Timestamp) SELECT 'own', now64(9) FROM numbers(5)",
    )
    .await;
    assert_eq!(counts(&databases.bring_over().await)[0], [1000, 1000, 0, 0]);
    assert_eq!(counts(&databases.bring_over().await)[0], [1000, 0, 1000, 0]);
    databases
        .in_old("INSERT INTO telemetry.traces (trace_id, timestamp) SELECT 'later', now()")
        .await;
    assert_eq!(counts(&databases.bring_over().await)[0], [1001, 1, 1000, 0]);
    let sql =
        "SELECT count(), uniqExact(span_id), countIf(span_name = 'own') FROM telemetry.traces";
    assert_eq!(text(&new, sql).await, "1006\t501\t5");
}

#[tokio::test]
async fn what_was_broken_off_is_finished() {
    let Some(databases) = Databases::start().await else {
        return;
    };
    databases.in_old(SPANS).await;
    let client = databases.new.client();
    let source = Source::new(reqwest::Client::new(), &databases.old.url()).unwrap();
    let mut pending = survey(&source, &client).await.unwrap();
    assert_eq!(pending[0].rows(), 1000);
    pending[0].days.truncate(1);
    let some = pending[0].rows();
    // Its process dies: the scratch database stays behind.
    let scratch = Scratch::new(client.clone());
    scratch.create().await.unwrap();
    let ignored = |_| {};
    bring_over(&source, &scratch, &pending[0], ignored)
        .await
        .unwrap();

    let counts = counts(&databases.bring_over().await)[0];
    assert_eq!(counts, [1000, 1000 - some, some, 0]);
    assert_eq!(DataTable::Traces.rows(&client).await.unwrap(), 1000);
    scratch.remove().await.unwrap();
}

#[tokio::test]
async fn what_is_older_than_is_kept_here_is_counted_and_left_behind() {
    let Some(databases) = Databases::start().await else {
        return;
    };
    for table in DataTable::ALL {
        databases
            .in_old(&format!("ALTER TABLE telemetry.{table} REMOVE TTL"))
            .await;
    }
    databases
        .in_old(
            "INSERT INTO telemetry.logs (timestamp) SELECT now() - toIntervalDay(arrayJoin([1, 89, 90, 91, 400]))",
        )
        .await;
    databases
        .in_old("INSERT INTO telemetry.logs (timestamp) SELECT 0")
        .await;
    assert_eq!(counts(&databases.bring_over().await)[1], [6, 3, 0, 3]);
    let client = databases.new.client();
    run(&client, "OPTIMIZE TABLE telemetry.logs FINAL").await;
    assert_eq!(DataTable::Logs.rows(&client).await.unwrap(), 3);
}

#[tokio::test]
async fn a_stack_of_ours_can_be_the_source() {
    let (Some(databases), Some(old)) = (Databases::start().await, RealClickHouse::start().await)
    else {
        return;
    };
    let databases = Databases { old, ..databases };
    let old = databases.old.client();
    run(
        &old,
        "INSERT INTO telemetry.traces (Timestamp, TraceId, SpanName, Duration, StatusCode, `Events.Timestamp`, `Events.Name`, `Events.Attributes`) \
         SELECT now64(9), 'aa', 'x', 1234567, 'Error', [now64(9)], ['exception'], [map('a', 'b')]",
    )
    .await;
    assert_eq!(counts(&databases.bring_over().await)[0], [1, 1, 0, 0]);
    let sql = "SELECT * FROM telemetry.traces FORMAT JSONEachRow";
    assert_eq!(
        text(&databases.new.client(), sql).await,
        text(&old, sql).await
    );
}

#[tokio::test]
async fn the_source_is_not_changed() {
    let Some(databases) = Databases::start().await else {
        return;
    };
    databases.in_old(SPANS).await;
    let old = databases.old.client();
    let sql = "SELECT count(), sum(cityHash64(*)) FROM telemetry.traces";
    let tables = "SELECT groupArray(name) FROM system.tables WHERE database = 'telemetry'";
    let before = (text(&old, sql).await, text(&old, tables).await);
    databases.bring_over().await;
    assert_eq!((text(&old, sql).await, text(&old, tables).await), before);
}

#[tokio::test]
async fn a_database_without_telemetry_is_an_error_that_names_it() {
    let Some(databases) = Databases::start().await else {
        return;
    };
    let url = databases.old.url().replace("real_", "unreal_");
    let source = Source::new(reqwest::Client::new(), &url).unwrap();
    let error = survey(&source, &databases.new.client()).await.unwrap_err();
    assert!(matches!(error, ImportError::Nothing { .. }), "{error:?}");
    assert!(error.to_string().contains("unreal_"), "{error}");
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_an_error_that_names_it() {
    let Some(databases) = Databases::start().await else {
        return;
    };
    let url = "http://127.0.0.1:1";
    let source = Source::new(reqwest::Client::new(), url).unwrap();
    let error = survey(&source, &databases.new.client()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unreachable);
    assert!(error.to_string().contains(url), "{error}");
}
