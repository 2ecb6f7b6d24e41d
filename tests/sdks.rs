//! The published SDKs, unmodified, against a real stack: what they send is found by SQL, in the
//! right columns.

mod support;

use std::{collections::BTreeMap, process::Command};

use support::{
    clients::{self, Clients},
    stack::Stack,
};

/// What `telemetry env` prints, with these arguments.
fn variables(stack: &Stack, arguments: &str) -> BTreeMap<String, String> {
    let printed = stack.telemetry(&format!("env --as json {arguments}"));
    serde_json::from_str(&printed.output().stdout).expect("it prints a JSON object")
}

/// Runs `client` as the service of its own name.
fn run(stack: &Stack, mut client: Command, service: &str, env: &str) -> String {
    client.arg(service);
    clients::run(client, stack.sandbox().home(), &variables(stack, env))
        .trim()
        .to_owned()
}

fn python(clients: &Clients, program: &str) -> Command {
    let mut python = clients.python();
    python.arg(clients::program(program));
    python
}

fn node(clients: &Clients, program: &str) -> Command {
    let mut node = clients.node();
    node.arg(clients::program(program));
    node
}

/// Asserts what the rows of an answer are; their columns are separated by ` | `.
fn assert_rows(stack: &Stack, sql: &str, expected: &[&str]) {
    let answer = stack.query(sql).replace('\t', " | ");
    let rows: Vec<_> = answer.lines().collect();
    assert_eq!(rows, expected, "{sql}");
}

/// Asserts that the trace of the `otel` programs is there, with all that belongs to it.
fn assert_trace(stack: &Stack, trace_id: &str) {
    assert!(
        trace_id.len() == 32 && trace_id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{trace_id}"
    );
    let spans = "SELECT span_name, span_kind, status_code, status_message,
            duration_ms, duration_ns, parent_span_id = '' AS is_root
        FROM traces ORDER BY span_name";
    assert_rows(
        stack,
        spans,
        &[
            "POST /checkout | SERVER | OK |  | 1500 | 1500250000 | 1",
            "charge card | CLIENT | ERROR | card declined | 5 | 5000000 | 0",
            "orders process | CONSUMER | OK |  | 7 | 7000000 | 0",
            "orders publish | PRODUCER | OK |  | 1 | 1000000 | 0",
            "price cart | INTERNAL | OK |  | 0 | 999999 | 0",
        ],
    );
    let of_all = "SELECT DISTINCT service_name, project_name, project_version, environment,
            instrumentation_library_name, instrumentation_library_version
        FROM traces";
    assert_rows(
        stack,
        of_all,
        &["shop-api | shop | 1.2.3 | staging | shop.tracer | 1.0.0"],
    );
    let ids = "SELECT DISTINCT trace_id, lower(hex(unhex(span_id))) = span_id, length(span_id)
        FROM traces";
    assert_eq!(stack.query(ids), format!("{trace_id}\t1\t16"));
    let family = "WITH (SELECT span_id FROM traces WHERE span_kind = 'SERVER') AS root
        SELECT count() FROM traces WHERE parent_span_id = root";
    assert_eq!(stack.query(family), "4");
    let attributes = "SELECT attributes['http.request.method'],
            attributes['http.response.status_code'], attributes['cart.items'],
            attributes['cart.total'], attributes['customer.known']
        FROM traces WHERE span_kind = 'SERVER'";
    assert_rows(
        stack,
        attributes,
        &[r#"POST | 502 | ["tea","milk"] | 12.5 | true"#],
    );
    let event = "SELECT events.name, events.attributes,
            toUnixTimestamp64Nano(events.timestamp[1]) - toUnixTimestamp64Nano(timestamp)
        FROM traces WHERE notEmpty(events.name)";
    assert_rows(
        stack,
        event,
        &["['declined'] | [{'reason':'funds'}] | 2000000"],
    );
    let link = "WITH (SELECT span_id FROM traces WHERE span_kind = 'PRODUCER') AS producer
        SELECT links.trace_id = [trace_id], links.span_id = [producer], links.attributes
        FROM traces WHERE notEmpty(links.span_id)";
    assert_rows(stack, link, &["1 | 1 | [{'queue':'orders'}]"]);
}

/// Asserts that their log record is there.
fn assert_log(stack: &Stack) {
    let record = "SELECT body, body_type, severity_text, severity_number,
            attributes, service_name, project_name, project_version, environment
        FROM logs";
    assert_rows(
        stack,
        record,
        &[
            "card declined | STRING | WARN | 13 | {'order.id':'42'} | shop-api | shop | 1.2.3 | staging",
        ],
    );
    let with_its_span = "SELECT count() FROM logs JOIN traces USING (trace_id, span_id)
        WHERE span_kind = 'SERVER' AND logs.timestamp = traces.timestamp";
    assert_eq!(stack.query(with_its_span), "1");
}

/// Asserts that their metrics are there, of every type that the API can make.
fn assert_metrics(stack: &Stack) {
    let values = "SELECT metric_name, metric_type, value, is_monotonic, aggregation_temporality,
            metric_unit, metric_description, attributes
        FROM metrics ORDER BY metric_name";
    assert_rows(
        stack,
        values,
        &[
            "carts | SUM | -2 | 0 | CUMULATIVE |  |  | {}",
            "latency | HISTOGRAM | 0 | 0 | CUMULATIVE | ms |  | {}",
            "orders | SUM | 3 | 1 | CUMULATIVE | {order} | Orders taken | {'shop':'tea'}",
            "queue.depth | GAUGE | 7.5 | 0 | UNSPECIFIED |  |  | {}",
            "size | EXPONENTIAL_HISTOGRAM | 0 | 0 | CUMULATIVE | By |  | {}",
        ],
    );
    let histograms = "SELECT metric_name, histogram_count, histogram_sum, histogram_min,
            histogram_max, histogram_bucket_counts, histogram_explicit_bounds,
            arraySum(exponential_positive_bucket_counts)
        FROM metrics WHERE metric_type LIKE '%HISTOGRAM' ORDER BY metric_name";
    assert_rows(
        stack,
        histograms,
        &[
            "latency | 3 | 555 | 5 | 500 | [1,1,1] | [10,100] | 0",
            "size | 3 | 555 | 5 | 500 | [] | [] | 3",
        ],
    );
    let of_all = "SELECT DISTINCT service_name, project_name, project_version, environment,
            instrumentation_library_name
        FROM metrics";
    assert_rows(
        stack,
        of_all,
        &["shop-api | shop | 1.2.3 | staging | shop.meter"],
    );
}

/// Sends by an `otel` program, and asserts that everything is there.
fn assert_shop(client: impl FnOnce(&Clients) -> Command, protocol: &str) {
    let (Some(clients), Some(stack)) = (Clients::installed(), Stack::start()) else {
        return;
    };
    let env = format!("--sdk otel --protocol {protocol}");
    let trace_id = run(&stack, client(&clients), "shop-api", &env);
    assert_trace(&stack, &trace_id);
    assert_log(&stack);
    assert_metrics(&stack);
}

#[test]
fn opentelemetry_for_python_sends_all_signals_over_http() {
    assert_shop(|clients| python(clients, "otel.py"), "http");
}

#[test]
fn opentelemetry_for_python_sends_all_signals_over_grpc() {
    assert_shop(|clients| python(clients, "otel.py"), "grpc");
}

#[test]
fn opentelemetry_for_node_sends_all_signals_in_protobuf() {
    assert_shop(|clients| node(clients, "otel.js"), "http");
}

#[test]
fn opentelemetry_for_node_sends_all_signals_in_json() {
    assert_shop(|clients| node(clients, "otel.js"), "http-json");
}

#[test]
fn opentelemetry_for_node_sends_all_signals_over_grpc() {
    assert_shop(|clients| node(clients, "otel.js"), "grpc");
}

#[test]
fn opentelemetry_for_go_sends_traces() {
    let (Some(clients), Some(stack)) = (Clients::installed(), Stack::start()) else {
        return;
    };
    let trace_id = run(&stack, clients.go("otel"), "shop-api", "--sdk otel");
    assert_trace(&stack, &trace_id);
}

/// A stack that has what an `automagik` program sent.
fn automagik(client: impl FnOnce(&Clients) -> Command, sdk: &str) -> Option<Stack> {
    let (clients, stack) = (Clients::installed()?, Stack::start()?);
    run(&stack, client(&clients), "omni", &format!("--sdk {sdk}"));
    Some(stack)
}

/// Asserts what arrives over OTLP is understood whichever SDK sent it: a trace's id is cut to
/// its length, the project is the service, and the environment is the stack's.
fn assert_automagik_events(stack: &Stack) {
    let spans = "SELECT span_name, span_kind, status_code, duration_ms, length(trace_id),
            length(span_id), service_name, project_name, project_version, environment,
            length(user_id), length(session_id)
        FROM traces ORDER BY span_name";
    assert_rows(
        stack,
        spans,
        &[
            "automagik.error | INTERNAL | OK | 0 | 32 | 16 | omni | omni | 1.2.3 | development | 36 | 36",
            "automagik.feature.used | INTERNAL | OK | 0 | 32 | 16 | omni | omni | 1.2.3 | development | 36 | 36",
        ],
    );
    let attributes = "SELECT attributes['feature_name'], attributes['items'],
            attributes['known'], attributes['system.project_name']
        FROM traces WHERE span_name = 'automagik.feature.used'";
    assert_rows(stack, attributes, &["checkout | 2 | true | omni"]);
}

fn assert_automagik_log(stack: &Stack) {
    let log = "SELECT body, severity_text, severity_number, attributes['order'], service_name,
            project_name, project_version, environment
        FROM logs";
    assert_rows(
        stack,
        log,
        &["card declined | WARN | 13 | 42 | omni | omni | 1.2.3 | development"],
    );
}

fn assert_automagik_metrics(stack: &Stack, unit: &str) {
    let metrics = "SELECT metric_name, metric_type, value, is_monotonic,
            aggregation_temporality, histogram_count, histogram_sum, attributes['queue'],
            project_name, environment
        FROM metrics ORDER BY metric_name";
    assert_rows(
        stack,
        metrics,
        &[
            "latency | HISTOGRAM | 0 | 0 | CUMULATIVE | 1 | 42.5 |  | omni | development",
            "orders | SUM | 3 | 1 | CUMULATIVE | 0 | 0 |  | omni | development",
            "queue.depth | GAUGE | 7.5 | 0 | UNSPECIFIED | 0 | 0 | orders | omni | development",
        ],
    );
    let units = "SELECT metric_unit FROM metrics WHERE metric_name = 'latency'";
    assert_eq!(stack.query(units), unit);
}

#[test]
fn automagik_for_python_sends_over_otlp() {
    let client = |clients: &Clients| python(clients, "automagik.py");
    let Some(stack) = automagik(client, "automagik") else {
        return;
    };
    assert_automagik_events(&stack);
    assert_automagik_log(&stack);
    assert_automagik_metrics(&stack, "");
}

#[test]
fn automagik_for_node_sends_over_otlp() {
    let client = |clients: &Clients| node(clients, "automagik.js");
    let Some(stack) = automagik(client, "automagik") else {
        return;
    };
    assert_automagik_events(&stack);
    assert_automagik_log(&stack);
    assert_automagik_metrics(&stack, "ms");
}

/// What the SDK itself writes into a row stays as it is: ids of 64 digits, `SPAN_KIND_` before
/// the kind, and `production` for an environment that it was not told.
#[test]
fn automagik_for_python_inserts_into_clickhouse() {
    let client = |clients: &Clients| python(clients, "automagik.py");
    let Some(stack) = automagik(client, "automagik-clickhouse") else {
        return;
    };
    let spans = "SELECT span_name, span_kind, status_code, duration_ms, length(trace_id),
            length(span_id), service_name, project_name, project_version, environment,
            attributes['feature_name'], instrumentation_library_name
        FROM traces ORDER BY span_name";
    assert_rows(
        &stack,
        spans,
        &[
            "automagik.error | SPAN_KIND_INTERNAL | OK | 0 | 64 | 16 | omni | omni | 1.2.3 | production |  | automagik-telemetry",
            "automagik.feature.used | SPAN_KIND_INTERNAL | OK | 0 | 64 | 16 | omni | omni | 1.2.3 | production | checkout | automagik-telemetry",
        ],
    );
    let log = "SELECT body, body_type, severity_text, severity_number, attributes, service_name,
            project_name, environment, length(log_id)
        FROM logs";
    assert_rows(
        &stack,
        log,
        &["card declined | STRING | WARN | 13 | {'order':'42'} | omni | omni | production | 36"],
    );
    let metrics = "SELECT metric_name, metric_type, value, is_monotonic,
            aggregation_temporality, attributes, project_name, environment, length(metric_id)
        FROM metrics ORDER BY metric_name";
    assert_rows(
        &stack,
        metrics,
        &[
            "latency | HISTOGRAM | 42.5 | 0 | UNSPECIFIED | {} | omni | production | 36",
            "orders | SUM | 3 | 1 | DELTA | {} | omni | production | 36",
            "queue.depth | GAUGE | 7.5 | 0 | UNSPECIFIED | {'queue':'orders'} | omni | production | 36",
        ],
    );
    let exact = "SELECT countIf(intDiv(timestamp_ns, 1000000000) != toUnixTimestamp(timestamp))
        FROM traces";
    assert_eq!(stack.query(exact), "0");
}

/// It inserts events only; metrics and logs go over OTLP, and must go to the same stack. Its
/// events name no project, so their rows have none.
#[test]
fn automagik_for_node_inserts_into_clickhouse() {
    let client = |clients: &Clients| node(clients, "automagik.js");
    let Some(stack) = automagik(client, "automagik-clickhouse") else {
        return;
    };
    let spans = "SELECT span_name, span_kind, status_code, duration_ms, length(trace_id),
            length(span_id), service_name, project_name, environment,
            attributes['feature_name'], attributes['system.project_name']
        FROM traces ORDER BY span_name";
    assert_rows(
        &stack,
        spans,
        &[
            "automagik.error | SPAN_KIND_INTERNAL | OK | 0 | 64 | 16 | omni |  | production |  | omni",
            "automagik.feature.used | SPAN_KIND_INTERNAL | OK | 0 | 64 | 16 | omni |  | production | checkout | omni",
        ],
    );
    assert_automagik_log(&stack);
    assert_automagik_metrics(&stack, "ms");
}
