//! Requests that are not what they should be, or do not end, against a real stack: each is refused
//! clearly, and the stack goes on.

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use flate2::write::GzEncoder;
use prost::Message;
use support::{
    eventually,
    otlp::{Answer, JSON, LIMIT, LOGS, METRICS, PROTOBUF, Sender, TRACES, framed},
    spans::{good, request},
    stack::Stack,
};

/// Bytes that the server may have resident after everything here: what the engine takes for
/// itself, and the receiver's whole budget.
const RESIDENT: u64 = 900 << 20;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("there is room");
    encoder.finish().expect("there is room")
}

/// Gzip of so many zeros, made without having them all.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..megabytes {
        encoder.write_all(&zeros).expect("there is room");
    }
    encoder.finish().expect("there is room")
}

/// Asserts that a good span is taken and found.
fn assert_takes_spans(stack: &Stack, sender: &Sender<'_>, name: &str) {
    let body = request(Vec::new(), vec![good(name)]).encode_to_vec();
    let answer = sender.post("/v1/traces", PROTOBUF, body);
    assert_eq!(answer.status, 200, "{name}: {answer:?}");
    let found = format!("SELECT count() FROM traces WHERE span_name = '{name}'");
    assert_eq!(stack.query(&found), "1", "{name}");
}

/// A metric of the stack's own that has no labels.
fn metric(stack: &Stack, sender: &Sender<'_>, name: &str) -> u64 {
    let page = sender.send(|http, _| http.get(stack.health_url("/metrics")));
    let page = String::from_utf8(page.body.into()).expect("it is text");
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|it| it.parse().ok()).expect("a number")
}

/// Bytes that the serving process has resident.
fn resident(pid: u64) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.and_then(|it| it.parse().ok()).expect("a number");
    kilobytes << 10
}

/// A body that is refused, how it is sent, and the status of HTTP and of `google.rpc.Status`.
type Refused = (&'static str, Option<&'static str>, Vec<u8>, u16, i32);

fn refused_protobuf() -> Vec<Refused> {
    let sound = request(Vec::new(), vec![good("never stored")]).encode_to_vec();
    let compressed = gzip(&sound);
    let truncated = compressed[..compressed.len() - 6].to_vec();
    let mut damaged = compressed.clone();
    *damaged.last_mut().expect("it is not empty") ^= 1;
    vec![
        ("no protobuf", None, b"hello, world".to_vec(), 400, 3),
        ("JSON", None, b"{\"resourceSpans\":[]}".to_vec(), 400, 3),
        (
            "a broken length",
            None,
            vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
            400,
            3,
        ),
        (
            "a message that breaks off",
            None,
            sound[..sound.len() - 1].to_vec(),
            400,
            3,
        ),
        ("a field of the wrong type", None, vec![0x08, 0x01], 400, 3),
        (
            "bytes that are not gzip",
            Some("gzip"),
            sound.clone(),
            400,
            3,
        ),
        ("truncated gzip", Some("gzip"), truncated, 400, 3),
        ("gzip with a wrong checksum", Some("gzip"), damaged, 400, 3),
        ("a gzip bomb", Some("gzip"), bomb(1024), 413, 8),
        ("a byte too much", None, vec![0; LIMIT + 1], 413, 8),
        ("a body of 100 MB", None, vec![0; 100_000_000], 413, 8),
    ]
}

fn refused_json() -> Vec<Refused> {
    let nested = "{\"arrayValue\":{\"values\":[".repeat(100_000);
    let deep =
        format!("{{\"resourceSpans\":[{{\"resource\":{{\"attributes\":[{{\"value\":{nested}");
    vec![
        ("no JSON", None, b"hello, world".to_vec(), 400, 3),
        (
            "protobuf",
            None,
            request(Vec::new(), vec![good("no")]).encode_to_vec(),
            400,
            3,
        ),
        (
            "JSON that breaks off",
            None,
            b"{\"resourceSpans\":[{".to_vec(),
            400,
            3,
        ),
        ("a list", None, b"[]".to_vec(), 400, 3),
        ("two values", None, b"{}{}".to_vec(), 400, 3),
        (
            "a field of the wrong type",
            None,
            br#"{"resourceSpans":5,"resourceMetrics":5,"resourceLogs":5}"#.to_vec(),
            400,
            3,
        ),
        ("values nested without end", None, deep.into_bytes(), 400, 3),
        (
            "truncated gzip",
            Some("gzip"),
            gzip(b"{}")[..12].to_vec(),
            400,
            3,
        ),
        ("a gzip bomb", Some("gzip"), bomb(1024), 413, 8),
        ("a byte too much", None, vec![b' '; LIMIT + 1], 413, 8),
    ]
}

/// Asserts that an answer says, in the encoding of the request, that the same body will never do.
fn assert_refused(what: &str, answer: &Answer, content_type: &str, status: u16, code: i32) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some(content_type), "{what}");
    assert_eq!(answer.header("retry-after"), None, "{what}");
    let error = answer.error();
    assert_eq!(error.code, code, "{what}: {error:?}");
    assert!(!error.message.is_empty(), "{what}");
    assert!(error.details.is_empty(), "{what}: {error:?}");
}

#[test]
fn what_cannot_be_read_is_refused_for_good_and_the_stack_goes_on() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let server = stack.server().expect("it runs");

    let bodies = [(PROTOBUF, refused_protobuf()), (JSON, refused_json())];
    for (content_type, refused) in &bodies {
        for (what, encoding, body, status, code) in refused {
            for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
                let answer = sender.send(|http, url| {
                    let request = http.post(url(path)).header("content-type", *content_type);
                    let request = match encoding {
                        Some(encoding) => request.header("content-encoding", *encoding),
                        None => request,
                    };
                    request.body(body.clone())
                });
                let what = format!("{what} as {content_type} to {path}");
                assert_refused(&what, &answer, content_type, *status, *code);
            }
        }
    }
    for (what, encoding, body, _, code) in refused_protobuf() {
        for service in [TRACES, METRICS, LOGS] {
            let path = format!("/opentelemetry.proto.collector.{service}/Export");
            let mut headers = vec![("content-type", "application/grpc")];
            headers.extend(encoding.map(|encoding| ("grpc-encoding", encoding)));
            let message = framed(u8::from(encoding.is_some()), &body);
            let answer = sender.call_raw(&path, &headers, message);
            assert_eq!(answer.code, Some(code), "{what}: {answer:?}");
            // With details it might say that the call can be repeated.
            assert!(!has_retry_info(&answer.headers), "{what}: {answer:?}");
        }
    }

    assert_takes_spans(&stack, &sender, "still here");
    assert_eq!(stack.query("SELECT count() FROM traces"), "1");
    assert_eq!(stack.server(), Some(server), "it is the same process");
    let resident = resident(server);
    assert!(resident < RESIDENT, "{} MiB", resident >> 20);
}

/// Whether a status of gRPC has details that say when to try again.
fn has_retry_info(headers: &http::HeaderMap) -> bool {
    let details = headers.get("grpc-status-details-bin");
    details.is_some_and(|details| {
        let details = details.to_str().expect("it is text").trim_end_matches('=');
        let details = BASE64_STANDARD_NO_PAD
            .decode(details)
            .expect("it is base64");
        String::from_utf8_lossy(&details).contains("RetryInfo")
    })
}

#[test]
fn what_is_no_export_request_is_told_what_would_be() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let sound = || request(Vec::new(), vec![good("never stored")]).encode_to_vec();

    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/grpc",
        "",
    ] {
        let answer = sender.post("/v1/traces", content_type, sound());
        assert_eq!(answer.status, 415, "{content_type}");
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(said.contains("application/x-protobuf"), "{said}");
    }
    let untyped = sender.send(|http, url| http.post(url("/v1/traces")).body(sound()));
    assert_eq!(untyped.status, 415);
    for encoding in ["br", "gzip, gzip", "nonsense"] {
        let answer = sender.send(|http, url| {
            http.post(url("/v1/traces"))
                .header("content-type", PROTOBUF)
                .header("content-encoding", encoding)
                .body(sound())
        });
        assert_eq!(answer.status, 415, "{encoding}");
        assert_eq!(
            answer.header("accept-encoding"),
            Some("gzip, deflate, zstd, identity")
        );
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "BREW"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("it is a method");
        let answer = sender.send(|http, url| http.request(method.clone(), url("/v1/traces")));
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"), "{method}");
    }
    for path in [
        "/",
        "/v1",
        "/v1/spans",
        "/v1/traces/",
        "/v1/traces/x",
        "//v1/traces",
    ] {
        assert_eq!(sender.post(path, PROTOBUF, sound()).status, 404, "{path}");
    }
    assert_eq!(stack.query("SELECT count() FROM traces"), "0");
    assert_takes_spans(&stack, &sender, "still here");
}

#[test]
fn what_is_no_call_of_an_export_method_is_told_so() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let sound = request(Vec::new(), vec![good("never stored")]).encode_to_vec();
    let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let grpc = ("content-type", "application/grpc");
    let one = framed(0, &sound);
    for (what, path, headers, body, code) in [
        (
            "a method of its own",
            "/a.B/C",
            vec![grpc],
            one.clone(),
            Some(12),
        ),
        (
            "an unknown encoding",
            export,
            vec![grpc, ("grpc-encoding", "br")],
            one.clone(),
            Some(12),
        ),
        (
            "compressed with nothing",
            export,
            vec![grpc],
            framed(1, &sound),
            Some(13),
        ),
        (
            "an unknown flag",
            export,
            vec![grpc],
            framed(7, &sound),
            Some(13),
        ),
        ("no message", export, vec![grpc], Vec::new(), Some(13)),
        ("half a prefix", export, vec![grpc], vec![0, 0], Some(13)),
        (
            "half a message",
            export,
            vec![grpc],
            one[..one.len() - 3].to_vec(),
            Some(13),
        ),
        (
            "two messages",
            export,
            vec![grpc],
            [one.clone(), one.clone()].concat(),
            Some(13),
        ),
        (
            "a promise of 4 GiB",
            export,
            vec![grpc],
            vec![0, 0xff, 0xff, 0xff, 0xff, 1],
            Some(13),
        ),
        (
            "no gRPC",
            export,
            vec![("content-type", JSON)],
            one.clone(),
            None,
        ),
    ] {
        let answer = sender.call_raw(path, &headers, body);
        assert_eq!(answer.code, code, "{what}: {answer:?}");
    }
    assert_eq!(stack.query("SELECT count() FROM traces"), "0");
    assert_takes_spans(&stack, &sender, "still here");
}

#[test]
fn a_page_from_anywhere_may_send() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let preflight = sender.send(|http, url| {
        http.request(reqwest::Method::OPTIONS, url("/v1/traces"))
            .header("origin", "https://shop.example.com")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-custom")
    });
    assert_eq!(preflight.status, 204);
    let said = |answer: &Answer, name: &str| answer.header(name).map(str::to_owned);
    let allowed = |name: &str| said(&preflight, &format!("access-control-allow-{name}"));
    assert_eq!(
        allowed("origin").as_deref(),
        Some("https://shop.example.com")
    );
    assert_eq!(allowed("methods").as_deref(), Some("POST"));
    assert_eq!(allowed("headers").as_deref(), Some("content-type,x-custom"));

    for (what, body, status) in [("sound", "{}", 200), ("malformed", "{", 400)] {
        let answer = sender.send(|http, url| {
            http.post(url("/v1/traces"))
                .header("origin", "https://shop.example.com")
                .header("content-type", JSON)
                .body(body)
        });
        assert_eq!(answer.status, status, "{what}");
        let origin = said(&answer, "access-control-allow-origin");
        assert_eq!(
            origin.as_deref(),
            Some("https://shop.example.com"),
            "{what}"
        );
        assert_eq!(said(&answer, "vary").as_deref(), Some("origin"), "{what}");
    }
    let elsewhere = sender.post("/v1/traces", JSON, "{}");
    assert_eq!(said(&elsewhere, "access-control-allow-origin"), None);
}

/// A client that has sent the beginning of a request and goes on no further.
fn stalled(stack: &Stack, beginning: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", stack.ports.otlp_http)).expect("it listens");
    stream.write_all(beginning).expect("it is read");
    stream
}

#[test]
fn clients_that_never_finish_keep_nobody_else_waiting() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    // They are more than the files that a process may open unless it asks for more.
    let start = format!("ulimit -Sn 400 && telemetry start {}", stack.ports.flags());
    let started = stack.shell(&start).output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let sender = Sender::new(&stack);
    let beginnings = [
        "",
        "P",
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n{",
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    ];
    let _slow: Vec<_> = (0..100)
        .flat_map(|_| beginnings)
        .map(|beginning| stalled(&stack, beginning.as_bytes()))
        .collect();
    assert_takes_spans(&stack, &sender, "beside the slow");

    // Nonsense is answered or hung up on, at once.
    for nonsense in [
        "\r\n\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
        "GET\r\n\r\n",
        "POST /v1/traces HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = stalled(&stack, nonsense.as_bytes());
        // The server may have hung up first.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{nonsense:?}: {answer}"
        );
    }
    assert_takes_spans(&stack, &sender, "after the nonsense");
}

#[test]
fn when_memory_is_short_clients_are_told_when_to_come_back() {
    const BODY: usize = 16 << 20;
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {BODY}\r\n\r\n"
    );
    let most = vec![0; BODY - 1];
    // Together they hold all 256 MiB that the receiver may use for requests.
    let mut holding: Vec<_> = (0..16).map(|_| stalled(&stack, head.as_bytes())).collect();
    std::thread::scope(|scope| {
        for stream in &mut holding {
            scope.spawn(|| stream.write_all(&most).expect("it is read"));
        }
    });
    // What was written may be on its way still.
    eventually("all memory is held", || {
        metric(&stack, &sender, "otelcol_exporter_queue_size")
            == metric(&stack, &sender, "otelcol_exporter_queue_capacity")
    });
    let large = vec![1; 1 << 20];
    let answer = sender.post("/v1/traces", PROTOBUF, large.clone());
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let error = answer.error();
    assert_eq!(error.code, 14, "{error:?}");
    assert!(!error.details.is_empty(), "it has a RetryInfo");
    let answer = sender.call(TRACES, &large);
    assert_eq!(answer.code, Some(14), "{answer:?}");
    assert!(has_retry_info(&answer.headers), "{answer:?}");

    drop(holding);
    eventually("there is room again", || {
        sender.post("/v1/traces", PROTOBUF, large.clone()).status == 400
    });
    assert_takes_spans(&stack, &sender, "afterwards");
    let resident = resident(stack.server().expect("it runs"));
    assert!(resident < RESIDENT, "{} MiB", resident >> 20);
}
