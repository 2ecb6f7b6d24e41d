use std::io::Write;

use flate2::write::GzEncoder;
use reqwest::{Client, RequestBuilder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::embedded::receiver::{
    Limits,
    fake::{FakeTable, Fate, POISON, Running, body},
};

const PROTOBUF: &str = "application/x-protobuf";

async fn running() -> Running {
    Running::start(Running::small(), FakeTable::default()).await
}

fn post(running: &Running, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    Client::new()
        .post(running.url("/v1/traces"))
        .header("content-type", content_type)
        .body(body)
}

/// Status, content type and body of the answer.
async fn answer(request: RequestBuilder) -> (u16, String, Bytes) {
    let response = request.send().await.unwrap();
    let content_type = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().unwrap().to_owned());
    (
        response.status().as_u16(),
        content_type.unwrap_or_default(),
        response.bytes().await.unwrap(),
    )
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn protobuf_status(body: &[u8]) -> Status {
    Status::decode(body).unwrap()
}

#[tokio::test]
async fn protobuf_and_json_are_stored_and_answered_in_kind() {
    let running = running().await;
    let protobuf = answer(post(&running, PROTOBUF, body(&[1]))).await;
    assert_eq!(protobuf, (200, PROTOBUF.to_owned(), Bytes::new()));
    let json = answer(post(&running, "application/json; charset=utf-8", "[2]")).await;
    assert_eq!(json, (200, "application/json".to_owned(), "{}".into()));
    assert_eq!(running.table.numbers(), [1, 2]);
}

#[tokio::test]
async fn an_empty_body_is_a_success() {
    let running = running().await;
    assert_eq!(answer(post(&running, PROTOBUF, "")).await.0, 200);
    assert_eq!(answer(post(&running, "application/json", "")).await.0, 200);
}

#[tokio::test]
async fn a_compressed_body_is_stored() {
    let running = running().await;
    let many: Vec<u32> = (1..50_000).collect();
    for (encoding, number) in [("gzip", 60_001), ("GZIP", 60_002)] {
        let request = post(&running, PROTOBUF, gzip(&body(&[number])));
        assert_eq!(
            answer(request.header("content-encoding", encoding)).await.0,
            200
        );
    }
    let request = post(&running, PROTOBUF, gzip(&body(&many)));
    assert_eq!(
        answer(request.header("content-encoding", "gzip")).await.0,
        200
    );
    assert_eq!(running.table.numbers().len(), many.len() + 2);
}

#[tokio::test]
async fn a_partial_success_counts_what_was_left_out() {
    let running = running().await;
    let (status, _, protobuf) = answer(post(&running, PROTOBUF, body(&[1, 0, 0]))).await;
    assert_eq!(status, 200);
    let partial = ExportResponse::decode(protobuf)
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(
        (partial.rejected, &*partial.error_message),
        (2, "zero is nothing")
    );
    let (status, _, json) = answer(post(&running, "application/json", "[2,0]")).await;
    assert_eq!(status, 200);
    assert_eq!(
        json,
        r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"zero is nothing"}}"#
    );
    assert_eq!(running.table.numbers(), [1, 2]);
}

#[tokio::test]
async fn what_is_malformed_is_refused_in_the_encoding_of_the_request() {
    let running = running().await;
    let (status, content_type, error) = answer(post(&running, PROTOBUF, vec![0x0a, 0xff])).await;
    assert_eq!((status, &*content_type), (400, PROTOBUF));
    assert_eq!(
        protobuf_status(&error).code,
        tonic::Code::InvalidArgument as i32
    );

    let (status, content_type, error) =
        answer(post(&running, "application/json", &b"[\"\xff\"]"[..])).await;
    assert_eq!((status, &*content_type), (400, "application/json"));
    let error: serde_json::Value = serde_json::from_slice(&error).unwrap();
    assert_eq!(error["code"], 3);

    let mut truncated = gzip(&body(&[1, 2, 3]));
    truncated.truncate(truncated.len() - 3);
    let request = post(&running, PROTOBUF, truncated).header("content-encoding", "gzip");
    assert_eq!(answer(request).await.0, 400);
}

#[tokio::test]
async fn what_is_no_export_request_is_told_what_would_be() {
    let running = running().await;
    let client = Client::new();
    let status = async |request: RequestBuilder| request.send().await.unwrap();
    assert_eq!(
        status(client.post(running.url("/v1/spans"))).await.status(),
        404
    );
    let refused = status(client.get(running.url("/v1/traces"))).await;
    assert_eq!(refused.status(), 405);
    assert_eq!(refused.headers()["allow"], "POST, OPTIONS");
    assert_eq!(
        status(post(&running, "text/plain", "hello")).await.status(),
        415
    );
    let untyped = client.post(running.url("/v1/traces")).body("hello");
    assert_eq!(status(untyped).await.status(), 415);
    let refused = status(post(&running, PROTOBUF, "x").header("content-encoding", "br")).await;
    assert_eq!(refused.status(), 415);
    assert_eq!(refused.headers()["accept-encoding"], Compression::NAMES);
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_connection_goes_on() {
    let running = running().await;
    let client = Client::builder().pool_max_idle_per_host(1).build().unwrap();
    let post = |body: Vec<u8>| {
        let request = client.post(running.url("/v1/traces"));
        request.header("content-type", PROTOBUF).body(body)
    };
    let large = answer(post(vec![0; 100 << 20])).await;
    assert_eq!(large.0, 413);
    assert_eq!(
        protobuf_status(&large.2).code,
        tonic::Code::ResourceExhausted as i32
    );
    let bomb = gzip(&vec![0; 64 << 20]);
    assert_eq!(
        answer(post(bomb).header("content-encoding", "gzip"))
            .await
            .0,
        413
    );
    assert_eq!(answer(post(body(&[1]))).await.0, 200);
}

#[tokio::test]
async fn a_large_body_of_unknown_length_is_refused() {
    let running = running().await;
    let chunks = futures_util::stream::iter((0..64).map(|_| Ok::<_, Infallible>(vec![0; 1 << 20])));
    let request = post(&running, PROTOBUF, reqwest::Body::wrap_stream(chunks));
    assert_eq!(answer(request).await.0, 413);
}

#[tokio::test]
async fn trouble_is_retryable_and_bad_data_is_not() {
    let table = FakeTable::scripted([Fate::Trouble]);
    let running = Running::start(Running::small(), table).await;
    let response = post(&running, PROTOBUF, body(&[1])).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let status = protobuf_status(&response.bytes().await.unwrap());
    assert_eq!(status.code, tonic::Code::Unavailable as i32);
    assert!(status.details[0].type_url.ends_with("RetryInfo"));

    assert_eq!(answer(post(&running, PROTOBUF, body(&[1]))).await.0, 200);
    assert_eq!(
        answer(post(&running, PROTOBUF, body(&[POISON]))).await.0,
        400
    );
}

#[tokio::test]
async fn more_than_can_be_held_is_told_to_come_back() {
    let limits = Limits {
        memory: 1 << 20,
        ..Running::small()
    };
    let running = Running::start(limits, FakeTable::default()).await;
    running.table.hold();
    let requests: Vec<_> = (1..64)
        .map(|number| tokio::spawn(answer(post(&running, PROTOBUF, body(&vec![number; 5000])))))
        .collect();
    while !requests.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    running.table.release();
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.unwrap().0);
    }
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses, [200, 503]);
}

#[tokio::test]
async fn a_page_from_anywhere_may_send() {
    let running = running().await;
    let preflight = Client::new()
        .request(Method::OPTIONS, running.url("/v1/traces"))
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-tenant")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 204);
    let headers = preflight.headers();
    assert_eq!(
        headers["access-control-allow-origin"],
        "https://shop.example"
    );
    assert_eq!(headers["access-control-allow-methods"], "POST");
    assert_eq!(
        headers["access-control-allow-headers"],
        "content-type,x-tenant"
    );
    assert_eq!(headers["access-control-max-age"], "7200");

    for content_type in [PROTOBUF, "text/plain"] {
        let request = post(&running, content_type, body(&[1]));
        let request = request.header("origin", "https://shop.example");
        let response = request.send().await.unwrap();
        let headers = response.headers();
        assert_eq!(
            headers["access-control-allow-origin"],
            "https://shop.example"
        );
        assert_eq!(headers["vary"], "origin");
    }
}

#[tokio::test]
async fn http2_by_prior_knowledge_is_spoken() {
    let running = running().await;
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let request = client
        .post(running.url("/v1/traces"))
        .header("content-type", PROTOBUF);
    let response = request.body(body(&[1])).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.version(), http::Version::HTTP_2);
}

/// A request as bytes.
fn raw(body: &[u8], announced: usize) -> Vec<u8> {
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\n\
         content-length: {announced}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn pipelined_requests_are_all_answered() {
    let running = running().await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    let requests: Vec<u8> = (1..=3)
        .flat_map(|number| {
            let body = body(&[number]);
            raw(&body, body.len())
        })
        .collect();
    stream.write_all(&requests).await.unwrap();
    let mut answers = String::new();
    while answers.matches("HTTP/1.1 200 OK").count() < 3 {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{answers}");
        answers.push_str(str::from_utf8(&buffer[..read]).unwrap());
    }
    assert_eq!(running.table.numbers(), [1, 2, 3]);
}

#[tokio::test]
async fn a_client_that_breaks_off_in_its_body_leaves_nothing_behind() {
    let running = running().await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    stream.write_all(&raw(&body(&[1]), 5000)).await.unwrap();
    drop(stream);
    assert_eq!(answer(post(&running, PROTOBUF, body(&[2]))).await.0, 200);
    assert_eq!(running.table.numbers(), [2]);
    running.shut_down();
    running.stopped().await.unwrap();
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let limits = Limits {
        body_time: std::time::Duration::from_millis(20),
        ..Running::small()
    };
    let running = Running::start(limits, FakeTable::default()).await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    stream.write_all(&raw(b"", 5000)).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let limits = Limits {
        head_time: std::time::Duration::from_millis(20),
        ..Running::small()
    };
    let running = Running::start(limits, FakeTable::default()).await;
    for said in ["", "P", "PRI * HTT", "POST /v1/traces HTTP/1.1\r\nhost"] {
        let mut stream = TcpStream::connect(running.http).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // Closed or reset, but not kept.
        let _ = stream.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_receiver_stops() {
    let running = running().await;
    running.table.hold();
    let request = tokio::spawn(answer(post(&running, PROTOBUF, body(&[1]))));
    let table = running.table.clone();
    tokio::task::spawn_blocking(move || table.wait_until_busy())
        .await
        .unwrap();
    running.shut_down();
    while TcpStream::connect(running.http).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let table = running.table.clone();
    table.release();
    assert_eq!(request.await.unwrap().0, 200);
    running.stopped().await.unwrap();
    assert_eq!(table.numbers(), [1]);
}

#[tokio::test]
async fn a_lost_writer_ends_the_receiver() {
    let table = FakeTable::scripted([Fate::Panic]);
    let running = Running::start(Running::small(), table).await;
    assert_eq!(answer(post(&running, PROTOBUF, body(&[1]))).await.0, 503);
    assert!(running.stopped().await.is_err());
}
