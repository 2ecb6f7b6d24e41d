//! From OTLP through the real OpenTelemetry Collector to ClickHouse, when things go wrong on the
//! way: what the collector acknowledged is found.
//!
//! In CI it is a hundred thousand spans and an outage of twenty seconds. A million spans and six
//! minutes are
//!
//! ```sh
//! TELEMETRY_TEST_SPANS=1000000 TELEMETRY_TEST_OUTAGE=360 \
//!     cargo test --test data_path -- --nocapture killed
//! ```

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use support::{collector::Collector, stack::Stack};
use tokio::{runtime::Runtime, time::sleep};

/// How many send at once, each the next request as soon as the last is acknowledged.
const CLIENTS: u64 = 4;
/// Spans of a request.
const ROWS: u64 = 500;
/// How often the collector is killed.
const KILLS: u64 = 2;
/// Batches that the collector sends at once, and the spans at which it closes one:
/// `num_consumers` and `min_size` of its sending queue.
const BATCHES: u64 = 4;
const BATCH: u64 = 8192;

/// The number in an environment variable.
fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("it is a number"))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = since.expect("it is after 1970").as_nanos();
    u64::try_from(nanoseconds).expect("it is before 2554")
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// A span of a millisecond, whose id is its number.
fn span(number: u64, start: u64) -> Span {
    Span {
        trace_id: u128::from(number).to_be_bytes().to_vec(),
        span_id: number.to_be_bytes().to_vec(),
        name: "work".to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start.saturating_add(1_000_000),
        attributes: vec![text("http.route", "/orders/{id}")],
        ..Span::default()
    }
}

/// The body of a request.
fn body(service: &str, spans: Vec<Span>) -> Vec<u8> {
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", service)],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

/// The status that a request is answered with; nothing if no whole answer comes.
async fn post(client: &reqwest::Client, port: u16, body: Vec<u8>) -> Option<u16> {
    let sent = client
        .post(format!("http://127.0.0.1:{port}/v1/traces"))
        .header("content-type", "application/x-protobuf")
        .body(body)
        .send();
    let answer = sent.await.ok()?;
    let status = answer.status().as_u16();
    answer.bytes().await.ok()?;
    Some(status)
}

/// Sends spans as fast as they are acknowledged, each request until it is, as SDKs do.
async fn send(port: u16, total: u64, next: Arc<AtomicU64>, acknowledged: Arc<AtomicU64>) {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .expect("nothing in it depends on the system");
    loop {
        let first = next.fetch_add(ROWS, Ordering::Relaxed);
        if first > total {
            return;
        }
        let last = total.min(first + ROWS - 1);
        let start = now();
        let body = body(
            "load",
            (first..=last).map(|number| span(number, start)).collect(),
        );
        loop {
            match post(&client, port, body.clone()).await {
                Some(200) => break,
                Some(503) | None => sleep(Duration::from_millis(20)).await,
                Some(status) => panic!("answered with {status}"),
            }
        }
        acknowledged.fetch_add(last + 1 - first, Ordering::Relaxed);
    }
}

/// Waits until `condition` holds, which must be before `patience` is over.
fn wait(what: &str, patience: Duration, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made")
}

/// Spans that are stored, and how many of them differ.
fn counts(stack: &Stack) -> (u64, u64) {
    let counts =
        stack.query("SELECT count(), uniqExact(span_id) FROM traces WHERE service_name = 'load'");
    let (rows, different) = counts.split_once('\t').expect("there are two columns");
    let number = |text: &str| text.parse().expect("it is a number");
    (number(rows), number(different))
}

/// The first kill comes while ClickHouse takes what is sent, where it can double most; the second
/// while ClickHouse is away and everything is in the queue, where it could lose most.
///
/// What a kill can double is what was on its way then and finished by the other side. A request
/// of a client may be in the queue without the client's having been told, so that it is sent
/// again; and a batch may be in ClickHouse without the queue's having been told. ClickHouse would
/// know that very batch, but the collector makes new ones of what it finds in its queue. So it is
/// a request for each client and a batch for each of the collector's consumers, per kill.
/// Nothing else doubles: a batch that is tried again is the same batch, which ClickHouse takes
/// once.
#[test]
fn every_acknowledged_span_is_found_although_clickhouse_stops_and_the_collector_is_killed() {
    let Some(program) = Collector::program() else {
        return;
    };
    let Some(stack) = Stack::start() else {
        return;
    };
    let total = number("TELEMETRY_TEST_SPANS", 100_000);
    let outage = Duration::from_secs(number("TELEMETRY_TEST_OUTAGE", 20));
    let mut collector = Collector::start(&program, stack.ports.clickhouse);
    let runtime = runtime();
    let (next, acknowledged) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (next, acknowledged) = (Arc::clone(&next), Arc::clone(&acknowledged));
            runtime.spawn(send(collector.ports.otlp_http, total, next, acknowledged))
        })
        .collect();
    let quarter = |n: u64| {
        wait("it is acknowledged", Duration::from_mins(10), || {
            acknowledged.load(Ordering::Relaxed) >= total * n / 4
        });
    };

    quarter(1);
    collector.crash();
    quarter(2);
    let stopped = stack.telemetry("stop").output();
    assert_eq!(stopped.status, Some(0), "{}", stopped.stderr);
    let down = Instant::now();
    quarter(3);
    collector.crash();
    for client in clients {
        runtime.block_on(client).expect("it does not panic");
    }
    let sent = began.elapsed();
    assert_eq!(acknowledged.load(Ordering::Relaxed), total);
    let queued = collector.queued().expect("it says so");
    assert!(queued > 0, "what was sent since is in the queue");

    std::thread::sleep(outage.saturating_sub(down.elapsed()));
    let started = stack.start_with("").output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let up = Instant::now();
    wait("all spans are found", Duration::from_mins(5), || {
        counts(&stack).1 == total
    });
    wait("the queue is empty", Duration::from_mins(5), || {
        collector.queued() == Some(0)
    });
    let drained = up.elapsed();

    let (rows, different) = counts(&stack);
    let in_flight = KILLS * (CLIENTS * ROWS + BATCHES * (BATCH + ROWS));
    eprintln!(
        "{total} spans acknowledged in {sent:.1?}; {queued} bytes in the queue when the last was; \
         drained {drained:.1?} after an outage of {outage:?}; {different} found, {} of them twice, \
         where {in_flight} could be",
        rows - different
    );
    assert_eq!(different, total);
    assert!(rows - different <= in_flight, "{rows} rows");
}

/// Requests that no well-kept SDK sends, each with how it is answered.
fn odd_requests() -> Vec<(&'static str, u16, Vec<u8>)> {
    const DAY: u64 = 86_400_000_000_000;
    let now = now();
    // After a prefix that keeps them apart from others.
    let id = |number: u64| (1 << 48) + number;
    let named = |name: &str, span: Span| Span {
        name: name.to_owned(),
        ..span
    };
    let days = (0..500)
        .map(|day| named("500 days", span(id(day), now + day * DAY)))
        .collect();
    let backwards = Span {
        end_time_unix_nano: now - 1,
        ..span(id(1002), now)
    };
    let large = Span {
        attributes: (0..4)
            .map(|n| text(&format!("large.{n}"), &"x".repeat(65_536)))
            .collect(),
        ..span(id(1003), now)
    };
    // As long as what it is replaced with, so that the lengths in the message stay right.
    let broken = body("odd", vec![named("??? not UTF-8", span(id(1005), now))]);
    let at = broken.windows(3).position(|bytes| bytes == b"???");
    let at = at.expect("the name is in it");
    let broken = [&broken[..at], b"\xff\xfe\x80", &broken[at + 3..]].concat();
    // 2262-04-11 is the last day that fits into 64 bits of nanoseconds.
    let last = u64::try_from(i64::MAX).expect("it is positive");
    vec![
        ("500 days", 200, body("odd", days)),
        (
            "1970",
            200,
            body("odd", vec![named("1970", span(id(1000), 1))]),
        ),
        (
            "2262",
            200,
            body("odd", vec![named("2262", span(id(1001), last - 1_000_000))]),
        ),
        (
            "beyond 64 bits",
            200,
            body("odd", vec![named("beyond", span(id(1006), u64::MAX))]),
        ),
        (
            "end before start",
            200,
            body("odd", vec![named("backwards", backwards)]),
        ),
        (
            "64 KB attributes",
            200,
            body("odd", vec![named("large", large)]),
        ),
        (
            "empty service name",
            200,
            body("", vec![named("nameless", span(id(1004), now))]),
        ),
        ("not UTF-8", 200, broken),
        ("not a message", 400, b"not a message".to_vec()),
    ]
}

/// They are sent at once, so that they come to ClickHouse in one batch, and again alone.
#[test]
fn odd_spans_are_stored_or_refused_and_hold_up_nothing() {
    let Some(program) = Collector::program() else {
        return;
    };
    let Some(stack) = Stack::start() else {
        return;
    };
    let collector = Collector::start(&program, stack.ports.clickhouse);
    let runtime = runtime();
    let client = reqwest::Client::new();
    let deliver = |body| runtime.block_on(post(&client, collector.ports.otlp_http, body));
    let stored = |name: &str| {
        stack.query(&format!(
            "SELECT count() FROM traces WHERE span_name = '{name}'"
        ))
    };
    for (what, status, body) in odd_requests() {
        assert_eq!(deliver(body), Some(status), "{what}");
    }
    for (number, (what, status, body)) in (1_u64..).zip(odd_requests()) {
        assert_eq!(deliver(body), Some(status), "{what}");
        let good = format!("good {number}");
        let span = Span {
            name: good.clone(),
            ..span(number, now())
        };
        assert_eq!(deliver(self::body("good", vec![span])), Some(200));
        wait(
            &format!("the span behind {what}"),
            Duration::from_secs(30),
            || stored(&good) == "1",
        );
    }
    wait("the queue is empty", Duration::from_secs(30), || {
        collector.queued() == Some(0)
    });
    // Twice each. What does not fit into 64 bits turns up before 1970; what is not UTF-8 is kept as
    // it came.
    let answer = stack.query(
        "SELECT toValidUTF8(span_name), service_name, count(), uniqExact(span_id),
            uniqExact(toDate(timestamp)), toYear(min(timestamp)) BETWEEN 1971 AND 2261,
            max(duration_ns), max(length(attributes['large.3']))
        FROM traces WHERE service_name != 'good' GROUP BY ALL ORDER BY ALL",
    );
    let rows: Vec<_> = answer.lines().map(|row| row.replace('\t', " | ")).collect();
    assert_eq!(
        rows,
        [
            "1970 | odd | 2 | 1 | 1 | 0 | 1000000 | 0",
            "2262 | odd | 2 | 1 | 1 | 0 | 1000000 | 0",
            "500 days | odd | 1000 | 500 | 500 | 1 | 1000000 | 0",
            "backwards | odd | 2 | 1 | 1 | 1 | 0 | 0",
            "beyond | odd | 2 | 1 | 1 | 0 | 0 | 0",
            "large | odd | 2 | 1 | 1 | 1 | 1000000 | 65536",
            "nameless | unknown | 2 | 1 | 1 | 1 | 1000000 | 0",
            "\u{fffd} not UTF-8 | odd | 2 | 1 | 1 | 1 | 1000000 | 0",
        ]
    );
}
