//! What is to be stored of a request: written for clarity, from the design's list of columns.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::Span,
};
use serde_json::{Map, Value, json};

use crate::embedded::receiver::arbitrary::NUMBERS;

mod metrics;

pub use metrics::{POINT_COLUMNS, points};

pub const SPAN_COLUMNS: &[&str] = &[
    "trace_id",
    "span_id",
    "parent_span_id",
    "trace_state",
    "toUnixTimestamp64Nano(timestamp) AS timestamp",
    "timestamp_ns",
    "duration_ms",
    "duration_ns",
    "span_name",
    "span_kind",
    "status_code",
    "status_message",
    "attributes",
    "arrayMap(time -> toUnixTimestamp64Nano(time), events.timestamp) AS `events.timestamp`",
    "events.name",
    "events.attributes",
    "links.trace_id",
    "links.span_id",
    "links.trace_state",
    "links.attributes",
];

pub const RECORD_COLUMNS: &[&str] = &[
    "toUnixTimestamp64Nano(timestamp) AS timestamp",
    "trace_id",
    "span_id",
    "trace_flags",
    "severity_text",
    "severity_number",
    "event_name",
    "body",
    "attributes",
    "exception_type",
    "is_exception",
    "resource_schema_url",
    "schema_url",
    "scope_attributes",
];

/// The columns of each table that say where its rows come from.
pub const ORIGIN_COLUMNS: &[&str] = &[
    "service_name",
    "project_name",
    "environment",
    "hostname",
    "user_id",
    "session_id",
    "instrumentation_library_name",
    "instrumentation_library_version",
    "mapFilter((key, _) -> key != 'service.instance.id', resource_attributes) AS resource_attributes",
];

type Row = Map<String, Value>;

pub fn spans(request: &ExportTraceServiceRequest) -> Vec<Value> {
    let mut rows = Vec::new();
    for of_resource in &request.resource_spans {
        for of_scope in &of_resource.scope_spans {
            let scope = of_scope.scope.clone().unwrap_or_default();
            for span in &of_scope.spans {
                let resource = of_resource.resource.as_ref();
                let mut row = origin(resource, &scope.name, &scope.version, &span.attributes);
                row.extend(object(span_row(span)));
                rows.push(row.into());
            }
        }
    }
    rows
}

fn span_row(span: &Span) -> Value {
    let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
    let (timestamp, duration) = match start {
        // Without a start a span is where it ended.
        0 if i64::try_from(end).is_ok() => (end, 0),
        0 => (0, 0),
        // What the exporter's unsigned difference can tell from an end before the start.
        _ => (
            start,
            i64::try_from(end.wrapping_sub(start))
                .unwrap_or(0)
                .unsigned_abs(),
        ),
    };
    let kinds = [
        "INTERNAL", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER",
    ];
    let kind = usize::try_from(span.kind)
        .ok()
        .and_then(|kind| kinds.get(kind));
    let status = span.status.clone().unwrap_or_default();
    json!({
        "trace_id": hexadecimal(&span.trace_id),
        "span_id": hexadecimal(&span.span_id),
        "parent_span_id": hexadecimal(&span.parent_span_id),
        "trace_state": span.trace_state,
        "timestamp": instant(timestamp),
        "timestamp_ns": "0",
        "duration_ms": (duration / 1_000_000).min(u32::MAX.into()),
        "duration_ns": duration.to_string(),
        "span_name": span.name,
        "span_kind": kind.unwrap_or(&"INTERNAL"),
        "status_code": if status.code == 2 { "ERROR" } else { "OK" },
        "status_message": status.message,
        "attributes": attributes(&span.attributes),
        "events.timestamp": list(&span.events, |event| instant(event.time_unix_nano)),
        "events.name": list(&span.events, |event| event.name.clone().into()),
        "events.attributes": list(&span.events, |event| attributes(&event.attributes)),
        "links.trace_id": list(&span.links, |link| hexadecimal(&link.trace_id).into()),
        "links.span_id": list(&span.links, |link| hexadecimal(&link.span_id).into()),
        "links.trace_state": list(&span.links, |link| link.trace_state.clone().into()),
        "links.attributes": list(&span.links, |link| attributes(&link.attributes)),
    })
}

pub fn records(request: &ExportLogsServiceRequest) -> Vec<Value> {
    let mut rows = Vec::new();
    for of_resource in &request.resource_logs {
        for of_scope in &of_resource.scope_logs {
            let scope = of_scope.scope.clone().unwrap_or_default();
            for record in &of_scope.log_records {
                let resource = of_resource.resource.as_ref();
                let mut row = origin(resource, &scope.name, &scope.version, &record.attributes);
                let time = match record.time_unix_nano {
                    0 => record.observed_time_unix_nano,
                    time => time,
                };
                let exception = first(&record.attributes, "exception.type");
                row.extend(object(json!({
                    "timestamp": instant(time),
                    "trace_id": hexadecimal(&record.trace_id),
                    "span_id": hexadecimal(&record.span_id),
                    "trace_flags": record.flags % 256,
                    "severity_text": record.severity_text,
                    "severity_number": u8::try_from(record.severity_number).unwrap_or(0),
                    "event_name": record.event_name,
                    "body": record.body.as_ref().map_or(String::new(), text),
                    "attributes": attributes(&record.attributes),
                    "is_exception": u8::from(!exception.is_empty()),
                    "exception_type": exception,
                    "resource_schema_url": of_resource.schema_url,
                    "schema_url": of_scope.schema_url,
                    "scope_attributes": attributes(&scope.attributes),
                })));
                rows.push(row.into());
            }
        }
    }
    rows
}

fn origin(resource: Option<&Resource>, scope: &str, version: &str, own: &[KeyValue]) -> Row {
    let resource = resource.cloned().unwrap_or_default().attributes;
    let either = |first: String, second: String| if first.is_empty() { second } else { first };
    let service = either(first(&resource, "service.name"), "unknown".into());
    object(json!({
        "service_name": service,
        "project_name": either(first(&resource, "project.name"), service.clone()),
        "environment": either(first(&resource, "deployment.environment"), "testing".into()),
        "hostname": first(&resource, "host.name"),
        "user_id": either(first(own, "user.id"), first(&resource, "user.id")),
        "session_id": either(first(own, "session.id"), first(&resource, "session.id")),
        "instrumentation_library_name": scope,
        "instrumentation_library_version": version,
        "resource_attributes": attributes(&resource),
    }))
}

fn object(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        other => panic!("{other} is no object"),
    }
}

fn list<T>(items: &[T], value: impl Fn(&T) -> Value) -> Value {
    items.iter().map(value).collect()
}

fn first(attributes: &[KeyValue], key: &str) -> String {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    attribute
        .and_then(|it| it.value.as_ref())
        .map_or(String::new(), text)
}

fn attributes(attributes: &[KeyValue]) -> Value {
    let mut map = Row::new();
    for attribute in attributes {
        map.entry(attribute.key.clone())
            .or_insert_with(|| first(std::slice::from_ref(attribute), &attribute.key).into());
    }
    map.into()
}

fn hexadecimal(id: &[u8]) -> String {
    if id.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    id.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn instant(nanoseconds: u64) -> Value {
    nanoseconds.min(i64::MAX.unsigned_abs()).to_string().into()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        None => String::new(),
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes),
        _ => json_text(value),
    }
}

/// JSON as Go writes it.
fn json_text(value: &AnyValue) -> String {
    let escape = |text: &str| {
        Value::from(text)
            .to_string()
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029")
    };
    match &value.value {
        None | Some(any_value::Value::StringValueStrindex(_)) => "null".into(),
        Some(any_value::Value::StringValue(text)) => escape(text),
        Some(any_value::Value::BytesValue(bytes)) => escape(&BASE64_STANDARD.encode(bytes)),
        Some(any_value::Value::BoolValue(truth)) => truth.to_string(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => {
            let known = NUMBERS
                .iter()
                .find(|known| known.0.to_bits() == number.to_bits());
            known.expect("one of the numbers").1.into()
        }
        Some(any_value::Value::ArrayValue(array)) => {
            let items: Vec<String> = array.values.iter().map(json_text).collect();
            format!("[{}]", items.join(","))
        }
        Some(any_value::Value::KvlistValue(map)) => {
            let map: BTreeMap<String, String> = map
                .values
                .iter()
                .map(|item| {
                    (
                        item.key.clone(),
                        item.value.as_ref().map_or("null".into(), json_text),
                    )
                })
                .collect();
            let items: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}:{value}", escape(key)))
                .collect();
            format!("{{{}}}", items.join(","))
        }
    }
}
