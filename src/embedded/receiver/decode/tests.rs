//! Both encodings, and what is wrong with them in the world.

mod properties;

use std::fmt::Debug;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    metrics::v1::{metric::Data, number_data_point},
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::Link},
};
use prost::Message;
use serde_json::json;

use super::{Request, decode};
use crate::embedded::receiver::{Decoded, Encoding};

fn json<R: Request>(body: &serde_json::Value) -> Decoded<R> {
    let body = body.to_string();
    decode(body.as_bytes(), Encoding::Json).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it reads better")]
fn span(fields: serde_json::Value) -> Decoded<ExportTraceServiceRequest> {
    json(&json!({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}))
}

fn only_span(fields: serde_json::Value) -> Span {
    let decoded = span(fields);
    assert_eq!(decoded.acceptance.rejected, 0);
    decoded.request.resource_spans[0].scope_spans[0].spans[0].clone()
}

fn refusal<R: Request + Debug>(body: &[u8], encoding: Encoding) -> String {
    decode::<R>(body, encoding).expect_err("it is malformed")
}

#[test]
fn a_trace_id_of_twice_the_length_is_halved_and_counted() {
    let decoded = span(json!({
        "traceId": "0AF7651916CD43DD8448EB211C80319Cffffffffffffffffffffffffffffffff",
        "spanId": "b7ad6b7169203331",
    }));
    assert_eq!(decoded.fixes, 1);
    assert_eq!(decoded.acceptance.rejected, 0);
    let span = &decoded.request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(
        hex::encode(&span.trace_id),
        "0af7651916cd43dd8448eb211c80319c"
    );
}

#[test]
fn a_span_with_an_impossible_id_is_rejected_alone() {
    let good = json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"});
    let mut spans = vec![good.clone()];
    for (field, id) in [
        ("traceId", "0af7"),
        ("traceId", "not hexadecimal at all, but long"),
        ("spanId", "b7ad6b71692033311"),
        ("parentSpanId", "sixteen letters!"),
    ] {
        let mut bad = good.clone();
        bad[field] = id.into();
        spans.push(bad);
    }
    let decoded: Decoded<ExportTraceServiceRequest> =
        json(&json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}));
    assert_eq!(decoded.acceptance.rejected, 4);
    let reason = decoded.acceptance.reason.expect("there is one");
    assert!(reason.contains("32 hexadecimal digits"), "{reason}");
    assert_eq!(
        decoded.request.resource_spans[0].scope_spans[0].spans.len(),
        1
    );
}

#[test]
fn an_impossible_id_in_protobuf_is_rejected_alone() {
    let spans = vec![
        Span {
            trace_id: vec![1; 16],
            span_id: vec![1; 8],
            ..Span::default()
        },
        Span {
            trace_id: vec![1; 15],
            span_id: vec![1; 8],
            ..Span::default()
        },
    ];
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let decoded = decode::<ExportTraceServiceRequest>(&request.encode_to_vec(), Encoding::Protobuf);
    assert_eq!(decoded.expect("it can be read").acceptance.rejected, 1);
}

#[test]
fn what_refers_to_an_impossible_id_is_kept_without_it() {
    let decoded = span(json!({"links": [{"traceId": "12", "spanId": "b7ad6b7169203331"}]}));
    assert_eq!((decoded.acceptance.rejected, decoded.fixes), (0, 1));
    let links = &decoded.request.resource_spans[0].scope_spans[0].spans[0].links;
    let expected = Link {
        span_id: vec![0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31],
        ..Link::default()
    };
    assert_eq!(links, &[expected]);
    let logs: Decoded<ExportLogsServiceRequest> = json(&json!({
        "resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "?", "spanId": "?"}]}]}],
    }));
    assert_eq!((logs.acceptance.rejected, logs.fixes), (0, 2));
}

#[test]
fn times_are_integers_strings_or_floats() {
    for time in [
        json!(1_700_000_000_000_000_000_u64),
        json!("1700000000000000000"),
        json!(1.7e18),
        json!("1.7e18"),
    ] {
        let span = only_span(json!({"startTimeUnixNano": time, "end_time_unix_nano": time}));
        assert_eq!(
            span.start_time_unix_nano, 1_700_000_000_000_000_000,
            "{time}"
        );
        assert_eq!(span.end_time_unix_nano, 1_700_000_000_000_000_000, "{time}");
    }
    for (time, nearest) in [
        (json!(-1), 0),
        (json!(1e30), u64::MAX),
        (json!("18446744073709551615"), u64::MAX),
    ] {
        let span = only_span(json!({"startTimeUnixNano": time}));
        assert_eq!(span.start_time_unix_nano, nearest, "{time}");
    }
}

#[test]
fn enum_values_are_names_or_numbers() {
    for kind in [json!("SPAN_KIND_SERVER"), json!(2), json!("2"), json!(2.0)] {
        assert_eq!(only_span(json!({"kind": kind})).kind, 2, "{kind}");
    }
    for code in [json!("STATUS_CODE_ERROR"), json!(2)] {
        let status = only_span(json!({"status": {"code": code}})).status;
        assert_eq!(status.map(|status| status.code), Some(2), "{code}");
    }
    let error = refusal::<ExportTraceServiceRequest>(
        br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"BAD"}]}]}]}"#,
        Encoding::Json,
    );
    assert!(
        error.contains(
            "`kind` is to be one of its names or numbers, not `\"BAD\"` at line 1 column"
        ),
        "{error}"
    );
}

#[test]
fn null_stands_for_anything_and_unknown_fields_for_nothing() {
    let fields = [
        "traceId",
        "spanId",
        "parentSpanId",
        "traceState",
        "flags",
        "name",
        "kind",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "events",
        "links",
        "status",
    ];
    let mut object: serde_json::Map<_, _> = fields
        .into_iter()
        .map(|field| (field.to_owned(), json!(null)))
        .collect();
    object.insert(
        "resource".into(),
        json!({"attributes": {"service.name": ["odd"]}}),
    );
    assert_eq!(only_span(object.into()), Span::default());
    let decoded: Decoded<ExportMetricsServiceRequest> =
        json(&json!({"resourceMetrics": [null, {"resource": null, "scopeMetrics": null}]}));
    assert_eq!(decoded.request.resource_metrics.len(), 1);
    json::<ExportLogsServiceRequest>(&json!(null));
}

#[test]
fn names_are_in_camel_or_snake_case() {
    let decoded: Decoded<ExportMetricsServiceRequest> = json(&json!({
        "resource_metrics": [{"scope_metrics": [{"metrics": [{
            "gauge": {"data_points": [{"as_int": "7", "time_unix_nano": 5}]},
        }]}]}],
    }));
    let metric = &decoded.request.resource_metrics[0].scope_metrics[0].metrics[0];
    let Some(Data::Gauge(gauge)) = &metric.data else {
        panic!("{metric:?}");
    };
    assert_eq!(
        gauge.data_points[0].value,
        Some(number_data_point::Value::AsInt(7))
    );
    assert_eq!(gauge.data_points[0].time_unix_nano, 5);
}

#[test]
fn values_of_each_kind_are_read() {
    let values = json!([
        {"stringValue": "text"}, {"boolValue": true}, {"boolValue": "false"}, {"intValue": "-5"},
        {"intValue": 5}, {"doubleValue": 1.5}, {"doubleValue": "NaN"}, {"doubleValue": 3},
        {"bytesValue": "AP8="}, {"bytesValue": "AP8"}, {"bytesValue": "-_8="}, null, {},
        {"intValue": null, "stringValue": "kept"},
    ]);
    let span = only_span(json!({"attributes": [
        {"key": "all", "value": {"arrayValue": {"values": values}}},
    ]}));
    let Some(Value::ArrayValue(ArrayValue { values })) =
        span.attributes[0].value.clone().and_then(|it| it.value)
    else {
        panic!("{span:?}");
    };
    let shown: Vec<String> = values
        .iter()
        .map(|value| {
            value
                .value
                .as_ref()
                .map_or("-".into(), |value| format!("{value:?}"))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "StringValue(\"text\")",
            "BoolValue(true)",
            "BoolValue(false)",
            "IntValue(-5)",
            "IntValue(5)",
            "DoubleValue(1.5)",
            "DoubleValue(NaN)",
            "DoubleValue(3.0)",
            "BytesValue([0, 255])",
            "BytesValue([0, 255])",
            "BytesValue([251, 255])",
            "-",
            "-",
            "StringValue(\"kept\")",
        ]
    );
}

#[test]
fn malformed_json_is_refused_with_its_position() {
    for (body, reason) in [
        ("{\"resourceSpans\":\n[}", "at line 2 column 2"),
        (
            "{\"resourceSpans\": 5}",
            "expected a list at line 1 column 19",
        ),
        ("[]", "expected an export request (an object)"),
        ("{} {}", "trailing characters"),
        ("", "EOF while parsing"),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"soon"}]}]}]}"#,
            "`startTimeUnixNano` is to be an integer, not `\"soon\"` at line 1 column 71",
        ),
    ] {
        let error = refusal::<ExportTraceServiceRequest>(body.as_bytes(), Encoding::Json);
        assert!(
            error.starts_with("the body is not this signal's OTLP in JSON: "),
            "{error}"
        );
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn json_that_is_not_utf_8_is_read_with_replacements() {
    let body = b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"caf\xe9\"}]}]}]}";
    let decoded = decode::<ExportTraceServiceRequest>(body, Encoding::Json).expect("it is read");
    assert_eq!(decoded.fixes, 1);
    assert_eq!(
        decoded.request.resource_spans[0].scope_spans[0].spans[0].name,
        "caf\u{fffd}"
    );
}

#[test]
fn truncated_protobuf_is_refused() {
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            schema_url: "https://example.com".into(),
            ..ResourceSpans::default()
        }],
    };
    let body = request.encode_to_vec();
    let error = refusal::<ExportTraceServiceRequest>(&body[..body.len() - 1], Encoding::Protobuf);
    assert!(
        error.starts_with("the body is not this signal's OTLP in protobuf: "),
        "{error}"
    );
}

#[test]
fn values_nested_without_end_are_refused() {
    const DEPTH: usize = 100_000;
    let body = format!(
        "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{}",
        "{\"arrayValue\":{\"values\":[".repeat(DEPTH)
    );
    let error = refusal::<ExportLogsServiceRequest>(body.as_bytes(), Encoding::Json);
    assert!(error.contains("recursion limit"), "{error}");

    // Each level is in a message of the one above; 0xff breaks a text in the innermost.
    let mut message = vec![0x0a, 1, 0xff];
    for level in 0..1000 {
        let mut outer = vec![if level % 2 == 0 { 0x0a } else { 0x2a }];
        prost::encoding::encode_varint(message.len() as u64, &mut outer);
        outer.append(&mut message);
        message = outer;
    }
    for tag in [0x2a, 0x12, 0x12, 0x0a] {
        let mut outer = vec![tag];
        prost::encoding::encode_varint(message.len() as u64, &mut outer);
        outer.append(&mut message);
        message = outer;
    }
    let error = refusal::<ExportLogsServiceRequest>(&message, Encoding::Protobuf);
    assert!(error.contains("recursion limit"), "{error}");
}

#[test]
fn ten_thousand_attributes_are_read_in_both_encodings() {
    let attributes = (0..10_000).map(|number| KeyValue {
        key: format!("key.{number}"),
        value: Some(AnyValue {
            value: Some(Value::IntValue(number)),
        }),
        ..KeyValue::default()
    });
    let span = Span {
        attributes: attributes.collect(),
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    properties::same_in_both(&request);
}
