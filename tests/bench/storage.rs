//! Compares what the same spans take on disk in this schema, in the one that the OpenTelemetry
//! Collector's exporter makes by default, and in that of the Makefile project:
//!
//! ```text
//! cargo bench --bench storage
//! ```
//!
//! The spans come over OTLP into a stack of its own, and are copied from there. `TELEMETRY_BENCH_SPANS`
//! is how many there are. Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used, reason = "whatever fails ends the benchmark")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
#![allow(
    dead_code,
    reason = "it uses a part of what is shared with the other benchmark"
)]

mod figures;
mod load;
mod process;
mod stack;

use figures::Figures;
use load::Load;
use stack::Stack;
use telemetry::clickhouse::schema::statements;

const EXPORTER: &str = include_str!("../fixtures/exporter/schema.sql");
const MAKEFILE_PROJECT: &str = include_str!("../fixtures/makefile-project/schema.sql");

/// Copies in small blocks: the exporter's indices take much memory to make.
const IN_SMALL_BLOCKS: &str = "\
SETTINGS max_threads = 1, max_block_size = 8192, min_insert_block_size_rows = 32768, min_insert_block_size_bytes = 0";

/// What the Makefile project keeps of a span: its attributes and those of its resource in one map,
/// and neither events nor links.
const AS_THE_MAKEFILE_PROJECT: &str = "\
INSERT INTO makefile_project.traces
SELECT
    trace_id, span_id, parent_span_id, toDateTime(timestamp) AS timestamp,
    toUnixTimestamp64Nano(traces.timestamp) AS timestamp_ns, duration_ms, service_name, span_name,
    span_kind, status_code, status_message, project_name, project_version, environment, hostname,
    mapUpdate(resource_attributes, attributes) AS attributes, user_id, session_id, os_type,
    os_version, runtime_name, runtime_version, cloud_provider, cloud_region,
    cloud_availability_zone, instrumentation_library_name, instrumentation_library_version
FROM telemetry.traces AS traces";

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == load::COMMAND => load::run(rest),
        _ if arguments.iter().any(|argument| argument == "--bench") => compare(),
        // `cargo test --all-targets` comes here too, and has no time for it.
        _ => {}
    }
}

fn compare() {
    let spans = std::env::var("TELEMETRY_BENCH_SPANS").map_or(300_000, |text| {
        text.parse().expect("`TELEMETRY_BENCH_SPANS` is a number")
    });
    let mut stack = Stack::new();
    stack.start();
    Load::stream(&stack, "http", spans, 1).go();
    for statement in statements(EXPORTER) {
        stack.execute(statement);
    }
    for statement in statements(MAKEFILE_PROJECT) {
        let statement = statement.replace("telemetry.", "makefile_project.");
        stack.execute(&statement.replace("EXISTS telemetry", "EXISTS makefile_project"));
    }
    for table in ["otel_traces", "otel_traces_before_26_2"] {
        let copy = format!(
            "INSERT INTO exporter.{table} SELECT * FROM telemetry.otel_traces {IN_SMALL_BLOCKS}"
        );
        stack.execute(&copy);
    }
    stack.execute(&format!("{AS_THE_MAKEFILE_PROJECT} {IN_SMALL_BLOCKS}"));

    let ours = bytes_per_span(&stack, "telemetry.traces");
    let mut figures = Figures::default();
    figures.add("this schema", format!("{ours:.1} bytes/span"), "");
    for (name, table, aim) in [
        ("the exporter's", "exporter.otel_traces", "<= 0.7"),
        (
            "the exporter's, before ClickHouse 26.2",
            "exporter.otel_traces_before_26_2",
            "",
        ),
        (
            "the Makefile project's",
            "makefile_project.traces",
            "<= 0.6",
        ),
    ] {
        let theirs = bytes_per_span(&stack, table);
        figures.add(name, format!("{theirs:.1} bytes/span"), "");
        figures.add(
            &format!("as a share of {name}"),
            format!("{:.2}", ours / theirs),
            aim,
        );
    }
    stack.stop();
    figures.print();
}

/// What a span takes in a table that has all of them.
fn bytes_per_span(stack: &Stack, table: &str) -> f64 {
    let count = |table: &str| stack.number(&format!("SELECT toFloat64(count()) AS n FROM {table}"));
    let (spans, all) = (count(table), count("telemetry.traces"));
    assert!(
        (spans - all).abs() < 0.5,
        "{table} has {spans} of {all} spans"
    );
    let (database, table) = table.split_once('.').unwrap();
    stack.bytes_per_row(database, table)
}
