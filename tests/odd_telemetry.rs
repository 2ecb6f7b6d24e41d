//! Telemetry that is odd and yet to be stored, through a real stack: however it comes, its row says
//! what it can.

mod support;

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{ArrayValue, KeyValue, any_value::Value},
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use prost::Message;
use serde_json::json;
use support::{
    otlp::{JSON, LIMIT, LOGS, METRICS, PROTOBUF, Sender, TRACES},
    spans::{NOW, SECOND, any, attribute, good, request, text},
    stack::Stack,
};

/// A span that is odd and yet to be stored, and what its row is to say.
struct Odd {
    name: &'static str,
    span: Span,
    resource: Vec<KeyValue>,
    sql: &'static str,
    row: &'static str,
}

fn odd(name: &'static str, span: Span, sql: &'static str, row: &'static str) -> Odd {
    Odd {
        name,
        span,
        resource: Vec::new(),
        sql,
        row,
    }
}

fn between(start: u64, end: u64) -> Span {
    Span {
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        ..good("")
    }
}

fn with_attributes(attributes: Vec<KeyValue>) -> Span {
    Span {
        attributes,
        ..good("")
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(text("core"), |inner, _| {
        Value::ArrayValue(ArrayValue {
            values: vec![any(inner)],
        })
    })
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn odd_spans() -> Vec<Odd> {
    const TIME: &str = "timestamp, duration_ms, duration_ns";
    const LATE: u64 = 9_214_646_400 * SECOND;
    let ten_thousand =
        (0..10_000).map(|number| attribute(&format!("k{number}"), Value::IntValue(number)));
    vec![
        odd(
            "an end before the start",
            between(NOW, NOW - SECOND),
            TIME,
            "2099-01-02 03:04:05.000000006\t0\t0",
        ),
        odd(
            "1970",
            between(1, 1 + SECOND),
            TIME,
            "1970-01-01 00:00:00.000000001\t1000\t1000000000",
        ),
        odd(
            "2262",
            between(LATE, LATE + SECOND),
            TIME,
            "2262-01-01 00:00:00.000000000\t1000\t1000000000",
        ),
        odd(
            "the last moment there is",
            between(u64::MAX, u64::MAX),
            TIME,
            "2262-04-11 23:47:16.854775807\t0\t0",
        ),
        odd(
            "no times",
            between(0, 0),
            TIME,
            "1970-01-01 00:00:00.000000000\t0\t0",
        ),
        odd(
            "no start",
            between(0, NOW),
            TIME,
            "2099-01-02 03:04:05.000000006\t0\t0",
        ),
        odd(
            "no end",
            between(NOW, 0),
            TIME,
            "2099-01-02 03:04:05.000000006\t0\t0",
        ),
        odd(
            "a duration of 100 days",
            between(NOW, NOW + 100 * 86_400 * SECOND),
            TIME,
            "2099-01-02 03:04:05.000000006\t4294967295\t8640000000000000",
        ),
        odd(
            "ten thousand attributes",
            with_attributes(ten_thousand.collect()),
            "length(attributes), attributes['k0'], attributes['k9999']",
            "10000\t0\t9999",
        ),
        odd(
            "an attribute of 64 KiB",
            with_attributes(vec![attribute("long", text("é".repeat(32 << 10)))]),
            "length(attributes['long']), replaceAll(attributes['long'], 'é', '')",
            "65536\t",
        ),
        odd(
            "a deep value",
            with_attributes(vec![attribute("deep", nested(20))]),
            "attributes['deep']",
            r#"[[[[[[[[[[[[[[[[[[[["core"]]]]]]]]]]]]]]]]]]]]"#,
        ),
        odd(
            "a key twice, one without a value and one without a name",
            with_attributes(vec![
                attribute("twice", text("one")),
                attribute("twice", text("two")),
                KeyValue {
                    key: "bare".into(),
                    ..KeyValue::default()
                },
                attribute("", text("nameless")),
            ]),
            "attributes['twice'] IN ('one', 'two'), attributes['bare'], attributes['']",
            "1\t\tnameless",
        ),
        odd(
            "NUL",
            Span {
                status: Some(Status {
                    message: "a\0b".into(),
                    code: 2,
                }),
                trace_state: "\0".into(),
                ..with_attributes(vec![attribute("n\0l", text("\0"))])
            },
            r"status_message = 'a\0b', trace_state = '\0', attributes['n\0l'] = '\0', status_code",
            "1\t1\t1\tERROR",
        ),
        odd(
            "a kind and a status that do not exist",
            Span {
                kind: 99,
                status: Some(Status {
                    code: -7,
                    ..Status::default()
                }),
                ..good("")
            },
            "span_kind, status_code",
            "INTERNAL\tOK",
        ),
        odd(
            "no ids",
            Span {
                trace_id: Vec::new(),
                span_id: Vec::new(),
                ..good("")
            },
            "trace_id, span_id, parent_span_id",
            "\t\t",
        ),
        Odd {
            resource: vec![attribute("service.name", text(""))],
            ..odd(
                "an empty service name",
                good(""),
                "service_name, project_name",
                "unknown\tunknown",
            )
        },
        Odd {
            resource: vec![attribute("service.name", Value::IntValue(5))],
            ..odd(
                "a service name that is a number",
                good(""),
                "service_name, resource_attributes['service.name']",
                "5\t5",
            )
        },
        odd(
            "an event and a link from nowhere",
            Span {
                events: vec![Event {
                    time_unix_nano: u64::MAX,
                    ..Event::default()
                }],
                links: vec![Link::default()],
                ..good("")
            },
            "events.timestamp, events.name, links.trace_id, links.span_id",
            "['2262-04-11 23:47:16.854775807']\t['']\t['']\t['']",
        ),
    ]
}

#[test]
fn odd_spans_are_stored_alike_however_they_come() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    for odd in odd_spans() {
        let named = |way: &str| {
            let name = format!("{} {way}", odd.name);
            let span = Span {
                name,
                ..odd.span.clone()
            };
            request(odd.resource.clone(), vec![span])
        };
        let protobuf = named("in protobuf").encode_to_vec();
        let answer = sender.post("/v1/traces", PROTOBUF, protobuf);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", odd.name);
        let json = serde_json::to_vec(&named("in JSON")).expect("it can be written");
        let answer = sender.post("/v1/traces", JSON, json);
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, &b"{}"[..]),
            "{}",
            odd.name
        );
        let answer = sender.call(TRACES, &named("over gRPC").encode_to_vec());
        assert_eq!(
            (answer.code, answer.message.len()),
            (Some(0), 0),
            "{}",
            odd.name
        );

        for way in ["in protobuf", "in JSON", "over gRPC"] {
            let sql = format!(
                "SELECT {} FROM traces WHERE span_name = '{} {way}'",
                odd.sql, odd.name
            );
            assert_eq!(stack.query(&sql), odd.row, "{sql}");
        }
    }
}

#[test]
fn json_is_read_as_it_is_written_in_the_world() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let id = "0AF7651916CD43DD8448EB211C80319C";
    for (name, fields, sql, row) in [
        (
            "a trace id of 64 digits",
            json!({"traceId": format!("{id}{id}"), "spanId": "b7ad6b7169203331"}),
            "trace_id, span_id",
            "0af7651916cd43dd8448eb211c80319c\tb7ad6b7169203331",
        ),
        (
            "numbers as strings",
            json!({"startTimeUnixNano": NOW.to_string(), "endTimeUnixNano": (NOW + SECOND).to_string(), "kind": "3"}),
            "timestamp, duration_ms, span_kind",
            "2099-01-02 03:04:05.000000006\t1000\tCLIENT",
        ),
        (
            "numbers as numbers",
            json!({"startTimeUnixNano": NOW, "endTimeUnixNano": NOW + SECOND, "kind": 3}),
            "timestamp, duration_ms, span_kind",
            "2099-01-02 03:04:05.000000006\t1000\tCLIENT",
        ),
        (
            "times as floats",
            json!({"startTimeUnixNano": 4.071_006_245e18, "endTimeUnixNano": "4.071006246e18"}),
            "timestamp, duration_ms",
            "2099-01-02 03:04:05.000000000\t1000",
        ),
        (
            "strings as numbers",
            json!({"traceState": 5, "attributes": [{"key": 1, "value": {"stringValue": 2.5}}]}),
            "trace_state, attributes",
            "5\t{'1':'2.5'}",
        ),
        (
            "names of enums",
            json!({"kind": "SPAN_KIND_PRODUCER", "status": {"code": "STATUS_CODE_ERROR"}}),
            "span_kind, status_code",
            "PRODUCER\tERROR",
        ),
        (
            "unknown fields",
            json!({"resource": {"attributes": {"odd": [1]}}, "what": null, "kind": 2}),
            "span_kind",
            "SERVER",
        ),
        (
            "names in snake case",
            json!({"trace_id": id, "start_time_unix_nano": NOW, "status": {"code": 2}}),
            "trace_id, timestamp, status_code",
            "0af7651916cd43dd8448eb211c80319c\t2099-01-02 03:04:05.000000006\tERROR",
        ),
        (
            "nothing but null",
            json!({"traceId": null, "attributes": null, "events": [null], "status": null}),
            "trace_id, attributes, events.name, status_code",
            "\t{}\t[]\tOK",
        ),
        (
            "every kind of value",
            json!({"attributes": [
                {"key": "bool", "value": {"boolValue": "true"}},
                {"key": "bytes", "value": {"bytesValue": "-_8"}},
                {"key": "double", "value": {"doubleValue": "NaN"}},
                {"key": "int", "value": {"intValue": "-9223372036854775808"}},
                {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": 1}}]}}},
            ]}),
            "mapSort(attributes)",
            r#"{'bool':'true','bytes':'+/8=','double':'NaN','int':'-9223372036854775808','map':'{"k":1}'}"#,
        ),
    ] {
        let mut fields = fields;
        fields["name"] = name.into();
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]});
        let answer = sender.post("/v1/traces", JSON, body.to_string());
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, &b"{}"[..]),
            "{name}"
        );
        let sql = format!("SELECT {sql} FROM traces WHERE span_name = '{name}'");
        assert_eq!(stack.query(&sql), row, "{sql}");
    }
    let body = b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"caf\xe9\"}]}]}]}";
    assert_eq!(sender.post("/v1/traces", JSON, &body[..]).status, 200);
    let sql = "SELECT count() FROM traces WHERE span_name = 'caf\u{fffd}'";
    assert_eq!(stack.query(sql), "1");
}

#[test]
fn a_span_that_cannot_be_stored_is_left_out_of_its_request_and_counted() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let spans = |name: &str| {
        let bad = |trace_id, span_id| Span {
            trace_id,
            span_id,
            ..good(name)
        };
        let spans = vec![
            bad(vec![1; 3], vec![8; 8]),
            good(name),
            bad(vec![1; 16], vec![8; 9]),
        ];
        request(Vec::new(), spans)
    };
    let assert_partial = |message: &[u8]| {
        let partial = ExportTraceServiceResponse::decode(message).expect("it is one");
        let partial = partial.partial_success.expect("some were left out");
        assert_eq!(partial.rejected_spans, 2);
        assert!(partial.error_message.contains("16 bytes"), "{partial:?}");
    };
    let answer = sender.post("/v1/traces", PROTOBUF, spans("protobuf").encode_to_vec());
    assert_eq!(answer.status, 200);
    assert_partial(&answer.body);
    let answer = sender.call(TRACES, &spans("grpc").encode_to_vec());
    assert_eq!(answer.code, Some(0));
    assert_partial(&answer.message);
    let body = serde_json::to_vec(&spans("json")).expect("it can be written");
    let answer = sender.post("/v1/traces", JSON, body);
    assert_eq!(answer.status, 200);
    let partial: serde_json::Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    assert_eq!(partial["partialSuccess"]["rejectedSpans"], "2");

    let stored = "SELECT span_name, count() FROM traces GROUP BY 1 ORDER BY 1";
    assert_eq!(stack.query(stored), "grpc\t1\njson\t1\nprotobuf\t1");
}

#[test]
fn empty_requests_are_successes_and_the_largest_is_one_too() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let hollow = ExportTraceServiceRequest {
        resource_spans: vec![
            ResourceSpans::default(),
            ResourceSpans {
                scope_spans: vec![ScopeSpans::default()],
                ..ResourceSpans::default()
            },
        ],
    };
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        for body in ["", "{}", "null", r#"{"unknown":[{}]}"#] {
            let answer = sender.post(path, JSON, body);
            assert_eq!(
                (answer.status, &answer.body[..]),
                (200, &b"{}"[..]),
                "{path} {body}"
            );
        }
        for body in [Vec::new(), hollow.encode_to_vec()] {
            let answer = sender.post(path, PROTOBUF, body);
            assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
        }
    }
    for service in [TRACES, METRICS, LOGS] {
        let answer = sender.call(service, &[]);
        assert_eq!(
            (answer.code, answer.message.len()),
            (Some(0), 0),
            "{service}"
        );
    }
    assert_eq!(stack.query("SELECT count() FROM traces"), "0");

    let of_length = |length: usize| {
        let span = with_attributes(vec![attribute("long", text("x".repeat(length)))]);
        request(Vec::new(), vec![span]).encode_to_vec()
    };
    // Lengths are written before what is long, so a guess is corrected by what is over.
    let over = of_length(LIMIT - 1024).len() - (LIMIT - 1024);
    let largest = of_length(LIMIT - over);
    assert_eq!(largest.len(), LIMIT);
    let answer = sender.post("/v1/traces", PROTOBUF, largest);
    assert_eq!(answer.status, 200, "{answer:?}");
    let stored = stack.query("SELECT length(attributes['long']) FROM traces");
    assert_eq!(stored, (LIMIT - over).to_string());
}
