use std::collections::VecDeque;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, StatusCode};
use axum::{Router, body::to_bytes, extract::Request, response::Response};
use bytes::Bytes;
use flate2::read::GzDecoder;
use tokio::{net::TcpListener, task::JoinHandle};

use super::*;
use crate::otlp::{Encoding, Scenario, Signal};

/// `{partial_success: {rejected: 3, error_message: "old"}}`, and `{}`, in protobuf.
const PARTIAL: &[u8] = b"\x0a\x07\x08\x03\x12\x03old";
/// `{code: 3, message: "bad"}` of `google.rpc.Status` in protobuf.
const STATUS: &[u8] = b"\x08\x03\x12\x03bad";

#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static [u8],
}

fn reply(status: u16, body: &'static [u8]) -> Reply {
    Reply {
        status,
        headers: vec![("content-type", "application/x-protobuf")],
        body,
    }
}

type Seen = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// An endpoint that answers as it is told to.
struct Fake {
    address: SocketAddr,
    seen: Seen,
    server: JoinHandle<()>,
}

impl Fake {
    async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Seen::default();
        let replies: VecDeque<_> = replies.into_iter().collect();
        let (replies, requests) = (Arc::new(Mutex::new(replies)), Arc::clone(&seen));
        let router = Router::new().fallback(move |request: Request| {
            let (replies, requests) = (Arc::clone(&replies), Arc::clone(&requests));
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let path = head.uri.path().to_owned();
                requests.lock().unwrap().push((path, head.headers, body));
                let reply = replies.lock().unwrap().pop_front().unwrap();
                let mut response = Response::builder().status(reply.status);
                for (name, value) in reply.headers {
                    response = response.header(name, value);
                }
                response.body(axum::body::Body::from(reply.body)).unwrap()
            }
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            seen,
            server,
        }
    }

    async fn exporter(&self, protocol: Protocol) -> Exporter {
        let url = format!("http://{}", self.address);
        let exporter = Exporter::connect(protocol, &url, Duration::from_secs(5)).await;
        exporter.unwrap()
    }

    fn requests(&self) -> Vec<(String, HeaderMap, Bytes)> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn payload(signal: Signal, encoding: Encoding) -> Payload {
    let scenario = Scenario {
        seed: 1,
        traces: 12,
        now: 1_800_000_000_000_000_000,
        spread: Duration::from_mins(1),
        run_id: "run".to_owned(),
        environment: "test".to_owned(),
    };
    Payload::of(&scenario.batch(0), signal, encoding).unwrap()
}

async fn send_over_http(replies: impl IntoIterator<Item = Reply>) -> Result<Accepted, ExportError> {
    let fake = Fake::start(replies).await;
    let exporter = fake.exporter(Protocol::HttpProtobuf).await;
    exporter
        .send(&payload(Signal::Traces, Encoding::Protobuf))
        .await
}

#[tokio::test]
async fn a_request_over_http_is_compressed_and_says_what_it_is() {
    let fake = Fake::start([reply(200, b""), reply(200, b"")]).await;
    let exporter = fake.exporter(Protocol::HttpProtobuf).await;
    let sent = payload(Signal::Metrics, Encoding::Protobuf);
    assert_eq!(exporter.send(&sent).await.unwrap(), Accepted::default());
    exporter.clone().uncompressed().send(&sent).await.unwrap();

    let requests = fake.requests();
    let (path, headers, body) = &requests[0];
    assert_eq!(path, "/v1/metrics");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["content-encoding"], "gzip");
    let mut plain = Vec::new();
    GzDecoder::new(&**body).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, sent.body);
    let (_, headers, body) = &requests[1];
    assert_eq!((headers.get("content-encoding"), body), (None, &sent.body));
}

#[tokio::test]
async fn a_partial_success_is_counted_with_its_reason() {
    let accepted = send_over_http([reply(200, PARTIAL)]).await.unwrap();
    assert_eq!(accepted.rejected, 3);
    assert_eq!(accepted.remark.as_deref(), Some("old"));
}

#[tokio::test]
async fn answers_in_json_are_understood_too() {
    let mut partial = reply(200, br#"{"partialSuccess":{"rejectedLogRecords":"2"}}"#);
    partial.headers = vec![("content-type", "application/json")];
    let mut refusal = reply(400, br#"{"code":3,"message":"not like this"}"#);
    refusal.headers.clone_from(&partial.headers);
    let fake = Fake::start([partial, refusal]).await;
    let exporter = fake.exporter(Protocol::HttpJson).await;
    let sent = payload(Signal::Logs, Encoding::Json);
    assert_eq!(exporter.send(&sent).await.unwrap().rejected, 2);
    let error = exporter.send(&sent).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "logs are refused over OTLP/HTTP in JSON (HTTP status 400 Bad Request): not like this"
    );
}

#[tokio::test]
async fn a_refusal_is_final_and_its_reason_is_told() {
    let error = send_over_http([reply(400, STATUS)]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "traces are refused over OTLP/HTTP (HTTP status 400 Bad Request): bad"
    );
}

#[tokio::test]
async fn who_is_turned_away_comes_back_no_sooner_than_asked() {
    let mut busy = reply(503, STATUS);
    busy.headers.push(("retry-after", "1"));
    let start = Instant::now();
    let accepted = send_over_http([reply(429, b""), busy, reply(200, b"")]).await;
    assert_eq!(accepted.unwrap(), Accepted::default());
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn patience_ends() {
    let mut busy = reply(503, STATUS);
    busy.headers.push(("retry-after", "3600"));
    let error = send_over_http([reply(503, b""), busy]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "traces were turned away over OTLP/HTTP 2 times: HTTP status 503 Service Unavailable: bad"
    );
}

#[tokio::test]
async fn what_does_not_speak_otlp_is_told_apart() {
    let mut page = reply(200, b"<html>");
    page.headers = vec![("content-type", "text/html")];
    let mut missing = page.clone();
    missing.status = StatusCode::NOT_FOUND.as_u16();
    for reply in [page, missing] {
        let error = send_over_http([reply]).await.unwrap_err();
        assert!(matches!(error, ExportError::NotOtlp { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_there_is_unreachable_at_once() {
    let fake = Fake::start([]).await;
    let url = format!("http://{}", fake.address);
    let listening = fake.exporter(Protocol::HttpProtobuf).await;
    fake.server.abort();
    drop(fake);
    let patience = Duration::from_mins(1);
    let sent = payload(Signal::Traces, Encoding::Protobuf);
    // The listener goes away with the task, which may take a moment.
    let error = loop {
        match listening.send(&sent).await {
            Err(error @ ExportError::Unreachable { .. }) => break error,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(
        error.to_string(),
        format!("nothing answers at {url} (OTLP/HTTP)")
    );
    let error = Exporter::connect(Protocol::Grpc, &url, patience).await;
    assert!(
        matches!(error, Err(ExportError::Unreachable { .. })),
        "{error:?}"
    );
}

fn grpc(status: &'static str, details: Option<&'static str>, body: &'static [u8]) -> Reply {
    let mut headers = vec![
        ("content-type", "application/grpc"),
        ("grpc-status", status),
        ("grpc-message", "because"),
    ];
    headers.extend(details.map(|details| ("grpc-status-details-bin", details)));
    Reply {
        status: 200,
        headers,
        body,
    }
}

async fn send_over_grpc(replies: Vec<Reply>) -> Result<Accepted, ExportError> {
    let fake = Fake::start(replies).await;
    let exporter = fake.exporter(Protocol::Grpc).await;
    let answer = exporter
        .send(&payload(Signal::Logs, Encoding::Protobuf))
        .await;
    let (path, headers, _) = fake.requests().remove(0);
    assert_eq!(
        path,
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
    );
    assert_eq!(headers["grpc-encoding"], "gzip");
    answer
}

#[tokio::test]
async fn a_refusal_over_grpc_is_final() {
    let error = send_over_grpc(vec![grpc("3", None, b"")])
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "logs are refused over OTLP/gRPC (gRPC status InvalidArgument): because"
    );
}

#[tokio::test]
async fn exhausted_resources_are_retried_only_if_there_is_a_time_for_it() {
    let error = send_over_grpc(vec![grpc("8", None, b"")])
        .await
        .unwrap_err();
    assert!(matches!(error, ExportError::Refused { .. }), "{error:?}");

    // {code: 8, details: [{"type.googleapis.com/google.rpc.RetryInfo", {retry_delay: {}}}]}
    let details = "CAgaLgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxICCgA";
    let busy = grpc("8", Some(details), b"");
    let error = send_over_grpc(vec![busy.clone(), busy, grpc("3", None, b"")]).await;
    assert!(
        matches!(error, Err(ExportError::Refused { .. })),
        "{error:?}"
    );
}
