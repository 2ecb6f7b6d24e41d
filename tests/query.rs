//! What `query`, `query-traces` and `query-stats` show of a running stack.

mod support;

use insta::assert_snapshot;
use serde_json::Value;
use support::{sandbox::Run, stack::Stack};

/// Compares output that holds times and sizes.
macro_rules! assert_query_snapshot {
    ($stack:expr, $($snapshot:tt)*) => {{
        let mut settings = $stack.snapshot_settings();
        for (pattern, replacement) in [
            (r"in \d+(\.\d+)? (µs|ms|s)\b", "in [TIME]"),
            (r#""elapsed_seconds":[0-9.e-]+"#, r#""elapsed_seconds":[SECONDS]"#),
            (r" +\d+\.\d\d KiB", "  [SIZE]"),
            (r#""bytes_on_disk":[1-9]\d*"#, r#""bytes_on_disk":[BYTES]"#),
        ] {
            settings.add_filter(pattern, replacement);
        }
        settings.bind(|| assert_snapshot!($($snapshot)*))
    }};
}

/// One trace of three services, with an orphan and a failure, and another of one span.
const SPANS: &str = "
INSERT INTO traces (trace_id, span_id, parent_span_id, timestamp, duration_ns, span_name, span_kind, service_name, project_name, status_code, status_message, attributes, `events.timestamp`, `events.name`, `events.attributes`)
SELECT c1, c2, c3, toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + toIntervalMillisecond(c4), c5, c6, c7, c8, 'shop', c9, c10, map('n', c2),
    if(c9 = 'ERROR', [toDateTime64('2026-01-01 00:00:00.150', 9, 'UTC')], []), if(c9 = 'ERROR', ['exception'], []), if(c9 = 'ERROR', [map('exception.type', 'Declined')], [])
FROM VALUES(
    ('4bf92f3577b34da6a3ce929d0e0e4736', 'a1', '', 0, 250000000, 'POST /orders', 'SERVER', 'gateway', 'OK', ''),
    ('4bf92f3577b34da6a3ce929d0e0e4736', 'a2', 'a1', 20, 200000000, 'place order', 'INTERNAL', 'orders', 'OK', ''),
    ('4bf92f3577b34da6a3ce929d0e0e4736', 'a3', 'a2', 50, 100000000, 'charge card', 'CLIENT', 'orders', 'ERROR', 'card declined'),
    ('4bf92f3577b34da6a3ce929d0e0e4736', 'a4', 'b9', 60, 1500, 'charge', 'SERVER', 'payments', 'OK', ''),
    ('4bf92f3577b34da6a3ce929d0e0e4737', 'c1', '', 1000, 4200000, 'GET /health', 'SERVER', 'gateway', 'OK', ''))";

/// A stack that keeps these old spans; `None` where there is no engine.
fn stack() -> Option<Stack> {
    let stack = Stack::prepare()?;
    let ended = stack.start_with("--retention-days 30000").output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(query(&stack, SPANS).output().status, Some(0));
    Some(stack)
}

fn query<'s>(stack: &'s Stack, sql: &str) -> Run<'s> {
    stack.telemetry("query").arg(sql)
}

#[test]
fn spans_are_listed_and_a_trace_is_shown_as_a_tree() {
    let Some(stack) = stack() else {
        return;
    };
    let run = |arguments: &str| stack.telemetry(&format!("query-traces {arguments}"));
    assert_query_snapshot!(stack, run("").snapshot(), @"
    exit status: 0
    --- stdout ---
    Time (UTC)               Service   Span          Kind      Duration  Status  Trace
    2026-01-01 00:00:01.000  gateway   GET /health   SERVER     4.20 ms  OK      4bf92f3577b34da6a3ce929d0e0e4737
    2026-01-01 00:00:00.060  payments  charge        SERVER     1.50 µs  OK      4bf92f3577b34da6a3ce929d0e0e4736
    2026-01-01 00:00:00.050  orders    charge card   CLIENT      100 ms  ERROR   4bf92f3577b34da6a3ce929d0e0e4736
    2026-01-01 00:00:00.020  orders    place order   INTERNAL    200 ms  OK      4bf92f3577b34da6a3ce929d0e0e4736
    2026-01-01 00:00:00.000  gateway   POST /orders  SERVER      250 ms  OK      4bf92f3577b34da6a3ce929d0e0e4736
    ");
    assert_query_snapshot!(stack, run("--errors --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"query-traces","status":"ok","data":{"spans":[{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"a3","parent_span_id":"a2","start":"2026-01-01T00:00:00.05Z","duration_ns":100000000,"span_name":"charge card","span_kind":"CLIENT","status_code":"ERROR","status_message":"card declined","service_name":"orders","project_name":"shop","project_version":"","environment":"development","attributes":{"n":"a3"},"resource_attributes":{},"events":[{"time":"2026-01-01T00:00:00.15Z","name":"exception","attributes":{"exception.type":"Declined"}}],"links":[]}]},"warnings":[],"error":null}
    "#);
    assert_query_snapshot!(stack, run("--service nobody").snapshot(), @"
    exit status: 0
    --- stderr ---
    no span passes these filters
    ");
    assert_query_snapshot!(stack, run("--trace 4BF92F3577b34da6a3ce929d0e0e4736").snapshot(), @"
    exit status: 0
    --- stdout ---
    Trace 4bf92f3577b34da6a3ce929d0e0e4736: 4 spans, 250 ms, from 2026-01-01 00:00:00.000 UTC
    Span                     Service   Kind         After  Duration  Status                Events
    POST /orders             gateway   SERVER       +0 ns    250 ms  OK
      place order            orders    INTERNAL  +20.0 ms    200 ms  OK
        charge card          orders    CLIENT    +50.0 ms    100 ms  ERROR: card declined       1
    charge (parent missing)  payments  SERVER    +60.0 ms   1.50 µs  OK
    ");
    assert_query_snapshot!(stack, run("--trace 4bf92f").snapshot(), @"
    exit status: 2
    --- stderr ---
    error[usage]: several traces begin with `4bf92f`: 4bf92f3577b34da6a3ce929d0e0e4736, 4bf92f3577b34da6a3ce929d0e0e4737

    hint: give more of the id
    ");
    assert_query_snapshot!(stack, run("--trace 4bf92f3577b34da6a3ce929d0e0e4737 --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"query-traces","status":"ok","data":{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4737","spans":[{"depth":0,"place":"root","trace_id":"4bf92f3577b34da6a3ce929d0e0e4737","span_id":"c1","parent_span_id":"","start":"2026-01-01T00:00:01Z","duration_ns":4200000,"span_name":"GET /health","span_kind":"SERVER","status_code":"OK","status_message":"","service_name":"gateway","project_name":"shop","project_version":"","environment":"development","attributes":{"n":"c1"},"resource_attributes":{},"events":[],"links":[]}]},"warnings":[],"error":null}
    "#);
    assert_query_snapshot!(stack, run("--trace 99").snapshot(), @"
    exit status: 2
    --- stderr ---
    error[usage]: there is no trace whose id is or begins with `99`

    hint: `telemetry query-traces` lists recent spans with their trace ids
    ");
    assert_query_snapshot!(stack, run("--trace http").snapshot(), @"
    exit status: 2
    --- stderr ---
    error[usage]: `http` is not a trace id, which has hex digits only

    hint: `telemetry query-traces` lists recent spans with their trace ids
    ");
}

#[test]
fn figures_are_shown_by_service_and_table() {
    let Some(stack) = stack() else {
        return;
    };
    let run = |arguments: &str| stack.telemetry(&format!("query-stats {arguments}"));
    assert_query_snapshot!(stack, run("").snapshot(), @"
    exit status: 0
    --- stdout ---
    Project  Service   Spans  Errors  Error rate  p50 ms  p95 ms  p99 ms
    shop     gateway       2       0      0.00 %    4.22    4.22    4.22
    shop     orders        2       1     50.00 %  100.45  100.45  100.45
    shop     payments      1       0      0.00 %    0.00    0.00    0.00
    all                    5       1     20.00 %  100.45  200.26  200.26

    Table    Rows   On disk  Oldest
    traces      5  [SIZE]  2026-01-01 00:00:00 UTC
    logs        0       0 B  -
    metrics     0       0 B  -
    ");
    assert_query_snapshot!(stack, run("--service orders --since 2026-01-01T00:00:00Z --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"query-stats","status":"ok","data":{"since":"2026-01-01T00:00:00Z","total":{"spans":2,"errors":1,"error_rate":0.5,"p50_ms":100.44702618038887,"p95_ms":100.44702618038887,"p99_ms":100.44702618038887},"services":[{"project":"shop","service":"orders","spans":2,"errors":1,"error_rate":0.5,"p50_ms":100.44702618038887,"p95_ms":100.44702618038887,"p99_ms":100.44702618038887}],"tables":[{"table":"traces","rows":5,"bytes_on_disk":[BYTES],"oldest":"2026-01-01T00:00:00Z"},{"table":"logs","rows":0,"bytes_on_disk":0,"oldest":null},{"table":"metrics","rows":0,"bytes_on_disk":0,"oldest":null}]},"warnings":[],"error":null}
    --- stderr ---
    counted in whole hours, from 2026-01-01 00:00:00 UTC
    "#);
    assert_query_snapshot!(stack, run("--project nobody").snapshot(), @"
    exit status: 0
    --- stdout ---
    Project  Service  Spans  Errors  Error rate  p50 ms  p95 ms  p99 ms
    all                   0       0      0.00 %       -       -       -

    Table    Rows   On disk  Oldest
    traces      5  [SIZE]  2026-01-01 00:00:00 UTC
    logs        0       0 B  -
    metrics     0       0 B  -
    ");
}

#[test]
fn any_statement_is_answered() {
    let Some(stack) = stack() else {
        return;
    };
    let run = |sql: &str| query(&stack, sql);
    assert_query_snapshot!(stack, run("SELECT span_name, count(), max(duration_ns) FROM traces GROUP BY 1 ORDER BY 1 LIMIT 3").snapshot(), @"
    exit status: 0
    --- stdout ---
    span_name     count()  max(duration_ns)
    GET /health         1           4200000
    POST /orders        1         250000000
    charge              1              1500
    --- stderr ---
    3 rows in [TIME]
    ");
    assert_query_snapshot!(stack, run("SELECT 18446744073709551615 AS n, NULL AS nothing, ['a'] AS list").arg("--format").arg("json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"query","status":"ok","data":{"columns":[{"name":"n","type":"UInt64"},{"name":"nothing","type":"Nullable(Nothing)"},{"name":"list","type":"Array(String)"}],"row_count":1,"rows":[[18446744073709551615, null, ["a"]]],"written_rows":0,"elapsed_seconds":[SECONDS]},"warnings":[],"error":null}
    "#);
    assert_query_snapshot!(stack, run("SELECT {x:String} AS x").arg("--param").arg("x=it's\ta \\ 'quote'").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    x
    it's\ta \ 'quote'
    --- stderr ---
    1 row in [TIME]
    "#);
    assert_query_snapshot!(stack, run("SELECT span_id FROM traces ORDER BY 1 LIMIT 2").arg("--output-format").arg("CSV").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    "a1"
    "a2"
    "#);
    assert_query_snapshot!(stack, run("SELECT 1\nFROM traces WHER 1").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[query]: Syntax error: failed at position 27 (1) (line 2, col 18): 1 (SYNTAX_ERROR)

    2 | FROM traces WHER 1
                         ^
    ");
    assert_query_snapshot!(stack, run("SELECT nothing FROM traces").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[query]: Unknown expression identifier `nothing` in scope SELECT nothing FROM traces (UNKNOWN_IDENTIFIER)

    hint: `telemetry query 'DESCRIBE TABLE traces'` lists the columns of a table
    ");
    assert_query_snapshot!(stack, stack.telemetry("query -").stdin("SELECT 1 AS one").snapshot(), @"
    exit status: 0
    --- stdout ---
    one
      1
    --- stderr ---
    1 row in [TIME]
    ");
    assert_query_snapshot!(stack, run(" ").snapshot(), @"
    exit status: 2
    --- stderr ---
    error[usage]: the statement is empty
    ");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let Some(stack) = stack() else {
        return;
    };
    let script = "set -o pipefail; telemetry query --output-format TSV 'SELECT number FROM numbers(10000000)' | head -n 1";
    let ended = stack.shell(script).output();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (Some(0), "0\n"),
        "{}",
        ended.stderr
    );
    let answer: Value = query(&stack, "SELECT 1").arg("--format").arg("json").json();
    assert_eq!(answer["status"], "ok");
}
