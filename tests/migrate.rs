//! `telemetry migrate`, and what `start` does of it by itself: the real binary and the real engine.

mod support;

use insta::assert_snapshot;
use support::stack::Stack;
use telemetry::clickhouse::schema::{VERSION, statements};

/// The schema of the first release.
const OLDEST: &str = include_str!("fixtures/schema/0001.sql");

/// The tables of the Makefile project.
const MAKEFILE_PROJECT: &str = include_str!("fixtures/makefile-project/schema.sql");

/// A stack whose database is as the first release made it, with a record of each kind in it.
fn with_the_oldest_schema() -> Option<Stack> {
    let stack = Stack::start()?;
    stack.query("DROP DATABASE telemetry SYNC");
    let query = |sql: &str| stack.query_in("default", sql);
    for statement in statements(OLDEST) {
        query(
            &statement
                .replace("{retention_days}", "90")
                .replace("{environment}", "'development'"),
        );
    }
    query("INSERT INTO telemetry.traces (Timestamp, SpanName) SELECT now64(9), 'old'");
    query(
        "INSERT INTO telemetry.logs (Timestamp, Body, LogAttributes) \
         SELECT now64(9), 'old', map('code.file.path', 'src/main.rs', 'code.line.number', '7')",
    );
    query("INSERT INTO telemetry.metrics (TimeUnix, MetricName) SELECT now64(9), 'old'");
    Some(stack)
}

#[test]
fn start_migrates_an_older_database_and_keeps_what_is_in_it() {
    let Some(stack) = with_the_oldest_schema() else {
        return;
    };
    let dry_run = stack.telemetry("migrate --dry-run").output();
    assert_eq!(dry_run.status, Some(0), "{}", dry_run.stderr);
    let expected = format!("Would migrate the database from schema version 1 to {VERSION}\n");
    assert!(dry_run.stdout.starts_with(&expected), "{}", dry_run.stdout);
    assert!(
        dry_run.stdout.contains("ALTER TABLE telemetry.logs"),
        "{}",
        dry_run.stdout
    );

    let restarted = stack.telemetry("restart").output();
    assert_eq!(restarted.status, Some(0), "{}", restarted.stderr);
    let again = stack.telemetry("migrate").output();
    let expected = format!("The database has schema version {VERSION}, the latest\n");
    assert_eq!(again.stdout, expected, "{}", again.stderr);
    assert_eq!(
        stack.query(
            "SELECT groupArray(version) = range(1, max(version) + 1) FROM schema_migrations"
        ),
        "1"
    );
    for (table, column) in [("traces", "span_name"), ("metrics", "metric_name")] {
        assert_eq!(stack.query(&format!("SELECT {column} FROM {table}")), "old");
    }
    let sql = "SELECT body, source_file, source_line FROM logs";
    assert_eq!(stack.query(sql), "old\tsrc/main.rs\t7");
}

#[test]
fn migrate_brings_a_running_stack_up() {
    let Some(stack) = with_the_oldest_schema() else {
        return;
    };
    let migrated = stack.telemetry("migrate").output();
    assert_eq!(migrated.status, Some(0), "{}", migrated.stderr);
    let expected = format!("Migrated the database from schema version 1 to {VERSION}\n");
    assert!(
        migrated.stdout.starts_with(&expected),
        "{}",
        migrated.stdout
    );
    assert_eq!(stack.query("SELECT source_line FROM logs"), "7");
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let Some(stack) = Stack::start() else { return };
    stack.query("INSERT INTO schema_migrations (version, name) VALUES (4294967295, 'later')");
    let ended = stack.telemetry("restart").output();
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("error[schema_newer]"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("schema version 4294967295"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
}

#[test]
fn another_retention_holds_from_the_next_start_for_what_is_there() {
    let Some(stack) = Stack::start() else { return };
    stack.query(
        "INSERT INTO traces (Timestamp) SELECT now64(9) - toIntervalDay(arrayJoin([1, 30]))",
    );
    stack.telemetry("stop").output();
    let started = stack.start_with("--retention-days 7").output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    support::eventually("the older span expires", || {
        stack.query("OPTIMIZE TABLE traces FINAL");
        stack.query("SELECT count() FROM traces") == "1"
    });
}

#[test]
fn the_makefile_projects_telemetry_is_brought_over_once() {
    let Some(stack) = Stack::start() else { return };
    for statement in statements(MAKEFILE_PROJECT) {
        stack.query(
            &statement
                .replace("telemetry.", "old.")
                .replace("EXISTS telemetry", "EXISTS old"),
        );
    }
    stack.query(
        "INSERT INTO old.traces (trace_id, timestamp, span_name) \
         SELECT hex(number), now() - toIntervalHour(number), 'x' FROM numbers(100)",
    );
    stack.query("INSERT INTO old.logs (timestamp, body) SELECT now(), 'x' FROM numbers(3)");
    let command = format!("migrate --from-url {}", stack.clickhouse_url("/old"));
    assert_snapshot!(stack.telemetry(&command).snapshot(), @"
    exit status: 0
    --- stdout ---
    table    source  brought over  already here  too old
    traces      100           100             0        0
    logs          3             3             0        0
    metrics       0             0             0        0
    --- stderr ---
    Bringing over traces
    Bringing over logs
    Bringing over metrics
    ");
    assert_snapshot!(stack.telemetry(&command).snapshot(), @"
    exit status: 0
    --- stdout ---
    table    source  brought over  already here  too old
    traces      100             0           100        0
    logs          3             0             3        0
    metrics       0             0             0        0
    --- stderr ---
    Bringing over traces
    Bringing over logs
    Bringing over metrics
    ");
    assert_eq!(stack.query("SELECT count() FROM traces"), "100");
    assert_eq!(stack.query("SELECT count() FROM old.traces"), "100");
}

#[test]
fn what_is_no_url_of_a_clickhouse_is_refused() {
    let sandbox = support::sandbox::Sandbox::new();
    let run = sandbox.telemetry("migrate --from-url tcp://localhost:9000");
    assert_snapshot!(run.snapshot(), @"
    exit status: 2
    --- stderr ---
    error[usage]: `--from-url` names no ClickHouse: expected the URL of its HTTP interface, such as `http://USER:PASSWORD@HOST:8123`
    ");
}
