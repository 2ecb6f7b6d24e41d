//! OTLP as JSON: the mapping of protobuf's version 3, but for trace and span ids, which are in
//! hexadecimal, and enums, which are numbers
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>).
//!
//! It writes what the sample telemetry has. As the mapping allows, what has its default value is
//! left out.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, HistogramDataPoint, Metric, NumberDataPoint, exemplar, metric::Data,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    Span, Status,
    span::{Event, Link},
};
use serde_json::{Map, Value, json};

/// A request of spans.
pub fn traces(request: &ExportTraceServiceRequest) -> Value {
    let resources = list(&request.resource_spans, |group| {
        let scopes = list(&group.scope_spans, |scope| {
            let spans = list(&scope.spans, span);
            in_scope(scope.scope.as_ref(), "spans", spans, &scope.schema_url)
        });
        of_resource(
            group.resource.as_ref(),
            "scopeSpans",
            scopes,
            &group.schema_url,
        )
    });
    json!({ "resourceSpans": resources })
}

/// A request of log records.
pub fn logs(request: &ExportLogsServiceRequest) -> Value {
    let resources = list(&request.resource_logs, |group| {
        let scopes = list(&group.scope_logs, |scope| {
            let records = list(&scope.log_records, log_record);
            in_scope(
                scope.scope.as_ref(),
                "logRecords",
                records,
                &scope.schema_url,
            )
        });
        of_resource(
            group.resource.as_ref(),
            "scopeLogs",
            scopes,
            &group.schema_url,
        )
    });
    json!({ "resourceLogs": resources })
}

/// A request of metrics.
pub fn metrics(request: &ExportMetricsServiceRequest) -> Value {
    let resources = list(&request.resource_metrics, |group| {
        let scopes = list(&group.scope_metrics, |scope| {
            let metrics = list(&scope.metrics, metric);
            in_scope(scope.scope.as_ref(), "metrics", metrics, &scope.schema_url)
        });
        of_resource(
            group.resource.as_ref(),
            "scopeMetrics",
            scopes,
            &group.schema_url,
        )
    });
    json!({ "resourceMetrics": resources })
}

fn of_resource(
    resource: Option<&Resource>,
    field: &'static str,
    scopes: Value,
    schema_url: &str,
) -> Value {
    message([
        (
            "resource",
            resource.map_or(Value::Null, |resource| {
                message([
                    ("attributes", attributes(&resource.attributes)),
                    (
                        "droppedAttributesCount",
                        resource.dropped_attributes_count.into(),
                    ),
                ])
            }),
        ),
        (field, scopes),
        ("schemaUrl", schema_url.into()),
    ])
}

fn in_scope(
    scope: Option<&InstrumentationScope>,
    field: &'static str,
    items: Value,
    schema_url: &str,
) -> Value {
    message([
        (
            "scope",
            scope.map_or(Value::Null, |scope| {
                message([
                    ("name", (*scope.name).into()),
                    ("version", (*scope.version).into()),
                    ("attributes", attributes(&scope.attributes)),
                    (
                        "droppedAttributesCount",
                        scope.dropped_attributes_count.into(),
                    ),
                ])
            }),
        ),
        (field, items),
        ("schemaUrl", schema_url.into()),
    ])
}

fn span(span: &Span) -> Value {
    message([
        ("traceId", id(&span.trace_id)),
        ("spanId", id(&span.span_id)),
        ("traceState", (*span.trace_state).into()),
        ("parentSpanId", id(&span.parent_span_id)),
        ("flags", span.flags.into()),
        ("name", (*span.name).into()),
        ("kind", span.kind.into()),
        ("startTimeUnixNano", unsigned(span.start_time_unix_nano)),
        ("endTimeUnixNano", unsigned(span.end_time_unix_nano)),
        ("attributes", attributes(&span.attributes)),
        (
            "droppedAttributesCount",
            span.dropped_attributes_count.into(),
        ),
        ("events", list(&span.events, event)),
        ("droppedEventsCount", span.dropped_events_count.into()),
        ("links", list(&span.links, link)),
        ("droppedLinksCount", span.dropped_links_count.into()),
        ("status", span.status.as_ref().map_or(Value::Null, status)),
    ])
}

fn event(event: &Event) -> Value {
    message([
        ("timeUnixNano", unsigned(event.time_unix_nano)),
        ("name", (*event.name).into()),
        ("attributes", attributes(&event.attributes)),
        (
            "droppedAttributesCount",
            event.dropped_attributes_count.into(),
        ),
    ])
}

fn link(link: &Link) -> Value {
    message([
        ("traceId", id(&link.trace_id)),
        ("spanId", id(&link.span_id)),
        ("traceState", (*link.trace_state).into()),
        ("attributes", attributes(&link.attributes)),
        (
            "droppedAttributesCount",
            link.dropped_attributes_count.into(),
        ),
        ("flags", link.flags.into()),
    ])
}

fn status(status: &Status) -> Value {
    message([
        ("message", (*status.message).into()),
        ("code", status.code.into()),
    ])
}

fn log_record(record: &LogRecord) -> Value {
    message([
        ("timeUnixNano", unsigned(record.time_unix_nano)),
        (
            "observedTimeUnixNano",
            unsigned(record.observed_time_unix_nano),
        ),
        ("severityNumber", record.severity_number.into()),
        ("severityText", (*record.severity_text).into()),
        ("body", record.body.as_ref().map_or(Value::Null, any_value)),
        ("attributes", attributes(&record.attributes)),
        (
            "droppedAttributesCount",
            record.dropped_attributes_count.into(),
        ),
        ("flags", record.flags.into()),
        ("traceId", id(&record.trace_id)),
        ("spanId", id(&record.span_id)),
        ("eventName", (*record.event_name).into()),
    ])
}

fn metric(metric: &Metric) -> Value {
    let data = match &metric.data {
        Some(Data::Gauge(gauge)) => (
            "gauge",
            message([("dataPoints", list(&gauge.data_points, number_point))]),
        ),
        Some(Data::Sum(sum)) => (
            "sum",
            message([
                ("dataPoints", list(&sum.data_points, number_point)),
                ("aggregationTemporality", sum.aggregation_temporality.into()),
                ("isMonotonic", sum.is_monotonic.into()),
            ]),
        ),
        Some(Data::Histogram(histogram)) => (
            "histogram",
            message([
                ("dataPoints", list(&histogram.data_points, histogram_point)),
                (
                    "aggregationTemporality",
                    histogram.aggregation_temporality.into(),
                ),
            ]),
        ),
        Some(Data::ExponentialHistogram(_) | Data::Summary(_)) | None => {
            unreachable!("the sample telemetry has no such metric")
        }
    };
    message([
        ("name", (*metric.name).into()),
        ("description", (*metric.description).into()),
        ("unit", (*metric.unit).into()),
        data,
    ])
}

fn number_point(point: &NumberDataPoint) -> Value {
    let value = match point.value {
        Some(number_data_point::Value::AsDouble(value)) => ("asDouble", double(value)),
        Some(number_data_point::Value::AsInt(value)) => ("asInt", signed(value)),
        None => ("asInt", Value::Null),
    };
    let mut fields = message([
        ("attributes", attributes(&point.attributes)),
        ("startTimeUnixNano", unsigned(point.start_time_unix_nano)),
        ("timeUnixNano", unsigned(point.time_unix_nano)),
        ("exemplars", list(&point.exemplars, exemplar)),
        ("flags", point.flags.into()),
    ]);
    set(&mut fields, value);
    fields
}

fn histogram_point(point: &HistogramDataPoint) -> Value {
    let mut fields = message([
        ("attributes", attributes(&point.attributes)),
        ("startTimeUnixNano", unsigned(point.start_time_unix_nano)),
        ("timeUnixNano", unsigned(point.time_unix_nano)),
        ("count", unsigned(point.count)),
        (
            "bucketCounts",
            list(&point.bucket_counts, |n| unsigned_always(*n)),
        ),
        (
            "explicitBounds",
            list(&point.explicit_bounds, |bound| double(*bound)),
        ),
        ("exemplars", list(&point.exemplars, exemplar)),
        ("flags", point.flags.into()),
    ]);
    for (field, value) in [("sum", point.sum), ("min", point.min), ("max", point.max)] {
        set(&mut fields, (field, value.map_or(Value::Null, double)));
    }
    fields
}

fn exemplar(exemplar: &Exemplar) -> Value {
    let mut fields = message([
        (
            "filteredAttributes",
            attributes(&exemplar.filtered_attributes),
        ),
        ("timeUnixNano", unsigned(exemplar.time_unix_nano)),
        ("spanId", id(&exemplar.span_id)),
        ("traceId", id(&exemplar.trace_id)),
    ]);
    let value = match exemplar.value {
        Some(exemplar::Value::AsDouble(value)) => ("asDouble", double(value)),
        Some(exemplar::Value::AsInt(value)) => ("asInt", signed(value)),
        None => ("asInt", Value::Null),
    };
    set(&mut fields, value);
    fields
}

fn attributes(attributes: &[KeyValue]) -> Value {
    list(attributes, |attribute| {
        message([
            ("key", (*attribute.key).into()),
            (
                "value",
                attribute.value.as_ref().map_or(Value::Null, any_value),
            ),
        ])
    })
}

fn any_value(value: &AnyValue) -> Value {
    match &value.value {
        Some(Any::StringValue(text)) => json!({ "stringValue": text }),
        Some(Any::BoolValue(value)) => json!({ "boolValue": value }),
        Some(Any::IntValue(value)) => json!({ "intValue": signed(*value) }),
        Some(Any::DoubleValue(value)) => json!({ "doubleValue": double(*value) }),
        None => json!({}),
        Some(
            Any::ArrayValue(_)
            | Any::KvlistValue(_)
            | Any::BytesValue(_)
            | Any::StringValueStrindex(_),
        ) => unreachable!("the sample telemetry has no such value"),
    }
}

/// A message without the fields that have their default value.
fn message<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    let is_default = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    };
    let present = fields.into_iter().filter(|(_, value)| !is_default(value));
    Value::Object(
        present
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}

/// Sets a field that is present even if it is 0.
fn set(message: &mut Value, (field, value): (&'static str, Value)) {
    if !value.is_null() {
        message[field] = value;
    }
}

fn list<T>(items: &[T], item: impl FnMut(&T) -> Value) -> Value {
    Value::Array(items.iter().map(item).collect())
}

fn id(bytes: &[u8]) -> Value {
    hex::encode(bytes).into()
}

/// 64-bit integers are strings, as JavaScript cannot read them otherwise.
fn unsigned_always(number: u64) -> Value {
    number.to_string().into()
}

fn unsigned(number: u64) -> Value {
    if number == 0 {
        return Value::Null;
    }
    unsigned_always(number)
}

fn signed(number: i64) -> Value {
    number.to_string().into()
}

/// What is no number has a name.
fn double(number: f64) -> Value {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into()
    } else {
        number.into()
    }
}
