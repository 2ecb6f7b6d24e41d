//! How fast a core decodes spans and builds their columns, and how that compares with what the
//! engine needs to store them:
//!
//! ```text
//! cargo bench --bench columns
//! ```
//!
//! Spans are as an instrumented web service sends them: a request of 512 from one process, eight
//! attributes of the resource and ten of the span, an event on every tenth. The engine is measured
//! where `TELEMETRY_ENGINE_LIBRARY` names its library.
#![expect(clippy::print_stdout, reason = "that is how it reports")]

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::Event},
};
use prost::Message;
use serde_json::json;
use telemetry::{
    clickhouse::schema::Parameters,
    embedded::{
        chdb::{Engine, EngineOptions, Library},
        receiver::{BlockWriter, Encoding, EngineWriter, Export, Rows, TraceRows},
    },
};

const SPANS: usize = 512;
const BLOCK_ROWS: usize = 16 * SPANS;
const TIME: Duration = Duration::from_secs(2);

fn main() {
    // `cargo test --all-targets` comes here too, and has no time for it.
    if std::env::args().any(|argument| argument == "--bench") {
        measure();
    }
}

fn measure() {
    let request = request();
    let protobuf = request.encode_to_vec();
    let json = json_of(&request);
    println!("{} spans, {} bytes in protobuf", SPANS, protobuf.len());

    let decode = |body: &[u8], encoding| {
        let decoded = TraceRows::decode(body, encoding).expect("it is well-formed");
        black_box(decoded.request)
    };
    report("decode protobuf", SPANS, || {
        decode(&protobuf, Encoding::Protobuf);
    });
    report("decode JSON", SPANS, || {
        decode(&json, Encoding::Json);
    });
    report("build and encode columns", BLOCK_ROWS, || {
        black_box(block(&request).encode());
    });
    report("protobuf to block", BLOCK_ROWS, || {
        let mut rows = TraceRows::default();
        while rows.rows() < BLOCK_ROWS {
            rows.push(&decode(&protobuf, Encoding::Protobuf), &Export::default());
        }
        black_box(rows.encode());
    });

    match std::env::var_os("TELEMETRY_ENGINE_LIBRARY") {
        Some(library) => with_engine(Path::new(&library), &request),
        None => println!("TELEMETRY_ENGINE_LIBRARY is not set: the engine is not measured"),
    }
}

fn with_engine(library: &Path, request: &ExportTraceServiceRequest) {
    let dir = std::env::temp_dir().join(format!("telemetry-bench-{}", std::process::id()));
    let options = EngineOptions {
        data_dir: dir.join("data"),
        config_dir: dir.join("config"),
        memory_limit: 2 << 30,
    };
    let library = Library::load(library).expect("the library loads");
    let engine = Engine::boot(library, &options).expect("the engine boots");
    let mut connection = engine.connect().expect("the engine accepts a connection");
    let parameters = Parameters {
        retention_days: 90,
        environment: "bench",
    };
    for statement in parameters.init() {
        connection
            .execute(statement.as_bytes(), "Null", &[])
            .unwrap_or_else(|exception| panic!("{statement}: {exception}"));
    }
    let mut writer = EngineWriter::new(engine.clone());
    let encoded = block(request).encode();
    report("insert a block", BLOCK_ROWS, || {
        let written = writer.write(TraceRows::INSERT, &encoded);
        written.expect("the engine accepts the block");
    });
    drop((writer, connection, engine));
    let _ = std::fs::remove_dir_all(dir);
}

/// Repeats `work` on `items` items for a while and prints how many it does in a second of the
/// process's time on all cores, and of the clock's.
fn report(name: &str, items: usize, mut work: impl FnMut()) {
    work();
    let (started, processor) = (Instant::now(), processor_time());
    let mut rounds = 0;
    while started.elapsed() < TIME {
        work();
        rounds += 1;
    }
    let done = f64::from(rounds) * f64::from(u32::try_from(items).expect("few"));
    let wall = done / started.elapsed().as_secs_f64();
    let core = done / processor_time().saturating_sub(processor).as_secs_f64();
    println!("{name:<26} {core:>12.0} spans/s per core {wall:>12.0} spans/s");
}

/// Time that the process has spent on processors.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("it is not negative"),
        u32::try_from(time.tv_nsec).expect("it is below 10^9"),
    )
}

fn block(request: &ExportTraceServiceRequest) -> TraceRows {
    let mut rows = TraceRows::default();
    while rows.rows() < BLOCK_ROWS {
        rows.push(request, &Export::default());
    }
    rows
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn request() -> ExportTraceServiceRequest {
    let resource = Resource {
        attributes: vec![
            text("service.name", "checkout"),
            text("service.version", "1.42.0"),
            text(
                "service.instance.id",
                "627cc493-f310-47de-96bd-71410b7dec09",
            ),
            text("deployment.environment.name", "production"),
            text("host.name", "web-7"),
            text("telemetry.sdk.language", "python"),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.version", "1.38.0"),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "opentelemetry.instrumentation.flask".to_owned(),
        version: "0.59b0".to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = (0..SPANS as u64).map(span).collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn span(number: u64) -> Span {
    let start = 1_790_000_000_000_000_000 + number * 1_000_003;
    // Any bijection without a pattern does for an id.
    let id = (number + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_be_bytes();
    let event = Event {
        time_unix_nano: start + 1000,
        name: "exception".to_owned(),
        attributes: vec![text("exception.type", "ValueError")],
        ..Event::default()
    };
    Span {
        trace_id: [id, id].concat(),
        span_id: id.to_vec(),
        parent_span_id: id.to_vec(),
        name: format!("GET /orders/{{id}}/{}", number % 7),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 12_345_678,
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/orders/{id}"),
            attribute("http.response.status_code", Value::IntValue(200)),
            text("network.protocol.version", "1.1"),
            text("server.address", "shop.example.com"),
            attribute("server.port", Value::IntValue(443)),
            text("url.path", format!("/orders/{number}")),
            text("url.scheme", "https"),
            text("user.id", format!("user-{}", number % 100)),
            text(
                "user_agent.original",
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)",
            ),
        ],
        events: if number.is_multiple_of(10) {
            vec![event]
        } else {
            vec![]
        },
        ..Span::default()
    }
}

/// The request in JSON, without its events.
fn json_of(request: &ExportTraceServiceRequest) -> Vec<u8> {
    let value = |value: &KeyValue| {
        let inner = value.value.as_ref().and_then(|value| value.value.as_ref());
        let inner = match inner {
            Some(Value::StringValue(text)) => json!({"stringValue": text}),
            Some(Value::IntValue(number)) => json!({"intValue": number.to_string()}),
            other => panic!("{other:?} does not occur"),
        };
        json!({"key": value.key, "value": inner})
    };
    let of_resource = &request.resource_spans[0];
    let of_scope = &of_resource.scope_spans[0];
    let resource = of_resource.resource.as_ref().expect("it has one");
    let spans: Vec<_> = of_scope
        .spans
        .iter()
        .map(|span| {
            json!({
                "traceId": hex::encode(&span.trace_id),
                "spanId": hex::encode(&span.span_id),
                "parentSpanId": hex::encode(&span.parent_span_id),
                "name": span.name,
                "kind": span.kind,
                "startTimeUnixNano": span.start_time_unix_nano.to_string(),
                "endTimeUnixNano": span.end_time_unix_nano.to_string(),
                "attributes": span.attributes.iter().map(value).collect::<Vec<_>>(),
            })
        })
        .collect();
    let attributes: Vec<_> = resource.attributes.iter().map(value).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes},
        "scopeSpans": [{"scope": {"name": "opentelemetry"}, "spans": spans}],
    }]})
    .to_string()
    .into_bytes()
}
