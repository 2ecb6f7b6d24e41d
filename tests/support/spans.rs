//! Spans to send, one message at a time.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};

/// 2099-01-02 03:04:05.000000006 UTC: no retention ends before it.
pub const NOW: u64 = 4_071_006_245_000_000_006;
/// In nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

pub fn text(value: impl Into<String>) -> Value {
    Value::StringValue(value.into())
}

pub fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}

/// A span with nothing wrong with it.
pub fn good(name: &str) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: vec![8; 8],
        name: name.to_owned(),
        start_time_unix_nano: NOW,
        end_time_unix_nano: NOW + SECOND,
        ..Span::default()
    }
}

pub fn request(resource: Vec<KeyValue>, spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: resource,
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}
