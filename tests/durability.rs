//! What was acknowledged is there, once, however the process that acknowledged it died.

mod support;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        metrics::v1::ExportMetricsServiceRequest,
        trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
        number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use support::stack::Stack;
use tokio::time::sleep;

/// How often the server is killed.
const ROUNDS: usize = 20;
/// Rows of a request.
const ROWS: u64 = 50;
const DAY: u64 = 86_400_000_000_000;

/// Numbers the rows of all clients.
static NEXT: AtomicU64 = AtomicU64::new(1);

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = since.expect("it is after 1970").as_nanos();
    u64::try_from(nanoseconds).expect("it is before 2554")
}

/// What a client sends, and through what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SpansOverHttp,
    SpansOverGrpc,
    /// Spans of two days, which are stored in two steps.
    SpansOfTwoDays,
    Logs,
    Metrics,
}

const KINDS: [Kind; 5] = [
    Kind::SpansOverHttp,
    Kind::SpansOverGrpc,
    Kind::SpansOfTwoDays,
    Kind::Logs,
    Kind::Metrics,
];

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::SpansOverHttp | Self::SpansOverGrpc | Self::SpansOfTwoDays => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
        }
    }

    fn resource(self) -> Resource {
        let text = Value::StringValue(format!("{self:?}"));
        Resource {
            attributes: vec![KeyValue {
                key: "service.name".into(),
                value: Some(AnyValue { value: Some(text) }),
                ..KeyValue::default()
            }],
            ..Resource::default()
        }
    }

    fn spans(self, first: u64) -> ExportTraceServiceRequest {
        let span = |number: u64| {
            let days = u64::from(self == Self::SpansOfTwoDays && number.is_multiple_of(2));
            let start = now() - days * DAY;
            Span {
                trace_id: u128::from(number).to_be_bytes().to_vec(),
                span_id: number.to_be_bytes().to_vec(),
                name: "work".into(),
                start_time_unix_nano: start,
                end_time_unix_nano: start + 1_000_000,
                ..Span::default()
            }
        };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource()),
                scope_spans: vec![ScopeSpans {
                    spans: (first..first + ROWS).map(span).collect(),
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        }
    }

    /// The body of a request with the rows from `first` on.
    fn body(self, first: u64) -> Vec<u8> {
        let numbers = first..first + ROWS;
        match self {
            Self::SpansOverHttp | Self::SpansOverGrpc | Self::SpansOfTwoDays => {
                self.spans(first).encode_to_vec()
            }
            Self::Logs => {
                let record = |number: u64| LogRecord {
                    time_unix_nano: now(),
                    body: Some(AnyValue {
                        value: Some(Value::StringValue(number.to_string())),
                    }),
                    ..LogRecord::default()
                };
                let scope_logs = vec![ScopeLogs {
                    log_records: numbers.map(record).collect(),
                    ..ScopeLogs::default()
                }];
                let resource_logs = vec![ResourceLogs {
                    resource: Some(self.resource()),
                    scope_logs,
                    ..ResourceLogs::default()
                }];
                ExportLogsServiceRequest { resource_logs }.encode_to_vec()
            }
            Self::Metrics => {
                let point = |number: u64| NumberDataPoint {
                    time_unix_nano: now(),
                    value: Some(number_data_point::Value::AsInt(number.cast_signed())),
                    ..NumberDataPoint::default()
                };
                let data = Data::Gauge(Gauge {
                    data_points: numbers.map(point).collect(),
                });
                let metrics = vec![Metric {
                    name: "number".into(),
                    data: Some(data),
                    ..Metric::default()
                }];
                let scope_metrics = vec![ScopeMetrics {
                    metrics,
                    ..ScopeMetrics::default()
                }];
                let resource_metrics = vec![ResourceMetrics {
                    resource: Some(self.resource()),
                    scope_metrics,
                    ..ResourceMetrics::default()
                }];
                ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
            }
        }
    }

    /// Rows of the table, and how many of them differ.
    fn counts(self, stack: &Stack) -> (u64, u64) {
        let (number, table) = match self {
            Self::SpansOverHttp | Self::SpansOverGrpc | Self::SpansOfTwoDays => {
                ("span_id", "traces")
            }
            Self::Logs => ("body", "logs"),
            Self::Metrics => ("value", "metrics"),
        };
        let counts = stack.query(&format!(
            "SELECT count(), uniqExact({number}) FROM {table} WHERE service_name = '{self:?}'"
        ));
        let (rows, different) = counts.split_once('\t').expect("there are two columns");
        let number = |text: &str| text.parse().expect("it is a number");
        (number(rows), number(different))
    }
}

/// Sends one request after the other, each until it is acknowledged, as SDKs do. Gives the rows
/// that were acknowledged.
async fn client(kind: Kind, http: String, grpc: String, done: Arc<AtomicBool>) -> u64 {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .expect("nothing in it depends on the system");
    let mut acknowledged = 0;
    while !done.load(Ordering::Relaxed) {
        let first = NEXT.fetch_add(ROWS, Ordering::Relaxed);
        let body = kind.body(first);
        while !attempt(kind, &client, &http, &grpc, &body).await {
            sleep(Duration::from_millis(5)).await;
        }
        acknowledged += ROWS;
    }
    acknowledged
}

async fn attempt(
    kind: Kind,
    client: &reqwest::Client,
    http: &str,
    grpc: &str,
    body: &[u8],
) -> bool {
    if kind == Kind::SpansOverGrpc {
        let request = ExportTraceServiceRequest::decode(body).expect("it was encoded here");
        let Ok(mut client) = TraceServiceClient::connect(grpc.to_owned()).await else {
            return false;
        };
        return client.export(request).await.is_ok();
    }
    let sent = client
        .post(format!("{http}{}", kind.path()))
        .header("content-type", "application/x-protobuf")
        .body(body.to_vec())
        .send();
    match sent.await {
        Ok(answer) => {
            let status = answer.status();
            assert!(
                status.is_success() || status.as_u16() == 503,
                "{kind:?}: {status}"
            );
            // The answer counts only once it has come whole.
            status.is_success() && answer.bytes().await.is_ok()
        }
        Err(_) => false,
    }
}

#[test]
fn what_was_acknowledged_is_there_once_however_often_the_server_is_killed() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let done = Arc::new(AtomicBool::new(false));
    let clients = KINDS.map(|kind| {
        let (http, grpc) = (stack.otlp_http_url(""), stack.otlp_grpc_url());
        (
            kind,
            runtime.spawn(client(kind, http, grpc, Arc::clone(&done))),
        )
    });

    for round in 0..ROUNDS {
        std::thread::sleep(Duration::from_millis(random.random_range(50..600)));
        if round % 5 >= 3 {
            // Nobody is left to start it again. A server that is not killed too drains and ends by
            // itself, which it may have begun before it is killed.
            let server = stack.server().filter(|_| round % 5 == 4);
            Stack::signal("KILL", stack.supervisor());
            if let Some(server) = server {
                let kill = std::process::Command::new("kill")
                    .args(["-KILL", &server.to_string()])
                    .output();
                kill.expect("kill is there");
            }
            let ended = stack.start_with("").output();
            assert_eq!(ended.status, Some(0), "round {round}: {}", ended.stderr);
        } else {
            kill_server(&stack);
        }
    }
    done.store(true, Ordering::Relaxed);
    let acknowledged: HashMap<_, _> = clients
        .into_iter()
        .map(|(kind, client)| {
            let rows = runtime.block_on(client).expect("it does not panic");
            (format!("{kind:?}"), (kind, rows))
        })
        .collect();
    for (kind, rows) in acknowledged.into_values() {
        assert!(rows > 0, "{kind:?} got through");
        // Each client ends with an acknowledged request, so there are no other rows.
        assert_eq!(kind.counts(&stack), (rows, rows), "{kind:?}, seed {seed}");
        eprintln!("{kind:?}: {rows} rows acknowledged and there, once");
    }
}

/// Kills the server, and waits until another runs.
fn kill_server(stack: &Stack) {
    let before = stack.server().expect("it runs");
    Stack::signal("KILL", before);
    support::eventually("the server runs again", || {
        stack.state() == "running" && stack.server().is_some_and(|now| now != before)
    });
}

#[test]
fn a_request_whose_answer_was_lost_in_a_crash_is_not_stored_twice() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let (http, grpc) = (stack.otlp_http_url(""), stack.otlp_grpc_url());
    let bodies = KINDS.map(|kind| (kind, kind.body(NEXT.fetch_add(ROWS, Ordering::Relaxed))));
    // Connections do not outlive the server.
    let send_all = || {
        let client = reqwest::Client::new();
        for (kind, body) in &bodies {
            let sent = attempt(*kind, &client, &http, &grpc, body);
            assert!(runtime.block_on(sent), "{kind:?}");
        }
    };
    send_all();
    // Requests of the same time, more than are recalled, must not displace these.
    stack.query(
        "INSERT INTO traces (timestamp, service_name, export_id, received_at) \
         SELECT now(), 'others', number + 1, now() - 60 FROM numbers(400000)",
    );
    let day = stack.query("SELECT max(toDate(timestamp)) FROM traces");
    stack.query(&format!("OPTIMIZE TABLE traces PARTITION '{day}' FINAL"));
    kill_server(&stack);
    // As if the crash had come between the commits of the two days.
    stack.query(&format!(
        "ALTER TABLE traces DELETE WHERE service_name = 'SpansOfTwoDays' \
         AND toDate(timestamp) = '{day}' SETTINGS mutations_sync = 1"
    ));
    let left = Kind::SpansOfTwoDays.counts(&stack);
    assert_eq!(left, (ROWS / 2, ROWS / 2));
    kill_server(&stack);
    send_all();
    for kind in KINDS {
        assert_eq!(kind.counts(&stack), (ROWS, ROWS), "{kind:?}");
    }
}
