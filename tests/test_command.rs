//! `telemetry test`, as people and CI meet it when there is no stack that could take it.

mod support;

use std::net::TcpListener;
use std::thread;

use insta::{assert_snapshot, with_settings};
use support::sandbox::{Run, Sandbox};

/// The stack's ports: free ones where nothing listens, but for those that are held on to.
struct Ports {
    grpc: u16,
    http: u16,
    clickhouse: u16,
}

impl Ports {
    fn free() -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let held = [listen(), listen(), listen()];
        let [grpc, http, clickhouse] = held.each_ref().map(|listener| {
            let address = listener.local_addr();
            address.expect("it listens").port()
        });
        Self {
            grpc,
            http,
            clickhouse,
        }
    }

    fn give<'s>(&self, run: Run<'s>) -> Run<'s> {
        run.env("TELEMETRY_OTLP_GRPC_PORT", &self.grpc.to_string())
            .env("TELEMETRY_OTLP_HTTP_PORT", &self.http.to_string())
            .env("TELEMETRY_CLICKHOUSE_PORT", &self.clickhouse.to_string())
    }
}

/// Answers every HTTP request on a port of its own with this status line, these headers and body.
fn answering(head: &'static str, body: &'static str) -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            // The head, and as much of the body as it announces.
            while let Ok(length @ 1..) = stream.read(&mut chunk) {
                request.extend_from_slice(&chunk[..length]);
                if is_complete(&request) {
                    break;
                }
            }
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    port
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let announced = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    request.len() >= head.len() + 4 + announced
}

fn snapshot_with_ports(run: Run<'_>, check: impl FnOnce(String)) {
    let filters = vec![
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
        (r"[0-9a-f]{32}", "[TRACE]"),
        (r"\d+ ms", "[TIME]"),
    ];
    with_settings!({ filters => filters }, { check(run.snapshot()) });
}

const EMPTY: &str = "200 OK\r\nX-ClickHouse-Format: JSONEachRow";

#[test]
fn without_a_stack_it_says_how_to_start_one() {
    let sandbox = Sandbox::new();
    let run = Ports::free().give(sandbox.telemetry("test"));
    snapshot_with_ports(run, |text| assert_snapshot!(text));
}

#[test]
fn a_wrong_password_is_told_before_anything_is_sent() {
    let head = "403 Forbidden\r\nX-ClickHouse-Exception-Code: 516";
    let body = "Code: 516. DB::Exception: telemetry: Authentication failed. (AUTHENTICATION_FAILED) (version 26.7.2.1)";
    let mut ports = Ports::free();
    ports.clickhouse = answering(head, body);
    let sandbox = Sandbox::new();
    let run = ports.give(sandbox.telemetry("test"));
    snapshot_with_ports(run, |text| assert_snapshot!(text));
}

#[test]
fn without_a_receiver_each_protocol_names_its_endpoint() {
    for protocol in ["http", "grpc"] {
        let mut ports = Ports::free();
        ports.clickhouse = answering(EMPTY, "");
        let sandbox = Sandbox::new();
        let run = ports.give(sandbox.telemetry("test --protocol").arg(protocol));
        snapshot_with_ports(run, |text| {
            assert_snapshot!(format!("without_a_receiver_{protocol}"), text);
        });
    }
}

#[test]
fn refused_telemetry_is_counted_and_a_failure() {
    let mut ports = Ports::free();
    ports.clickhouse = answering(EMPTY, "");
    ports.http = answering(
        "400 Bad Request\r\nContent-Type: application/json",
        r#"{"code":3,"message":"not like this"}"#,
    );
    let sandbox = Sandbox::new();
    let line = "test --protocol http-json --traces 2 --seed 7 --timeout 1s";
    let run = ports.give(sandbox.telemetry(line));
    snapshot_with_ports(run, |text| assert_snapshot!(text));
}

#[test]
fn telemetry_that_never_becomes_visible_is_counted_in_json_too() {
    let mut ports = Ports::free();
    ports.clickhouse = answering(EMPTY, "");
    ports.http = answering("200 OK\r\nContent-Type: application/x-protobuf", "");
    let sandbox = Sandbox::new();
    let line = "test --traces 2 --seed 7 --timeout 0 --format json";
    let json = ports.give(sandbox.telemetry(line)).json();
    assert_eq!(json["error"]["code"], "telemetry_lost");
    assert_eq!(json["status"], "error");
    let spans = &json["data"]["signals"]["traces"];
    assert!(
        spans["sent"].as_u64().is_some_and(|sent| sent > 2),
        "{json}"
    );
    assert_eq!(
        (&spans["missing"], &spans["rejected"]),
        (&spans["sent"], &0.into())
    );
}
