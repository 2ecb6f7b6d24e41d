//! Requests of every kind.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
        HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
        SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric::Data,
        number_data_point, summary_data_point::ValueAtQuantile,
    },
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// Numbers, and how the Collector renders them.
pub const NUMBERS: [(f64, &str); 6] = [
    (0.0, "0"),
    (1.0, "1"),
    (-2.5, "-2.5"),
    (1e21, "1e+21"),
    (1.25e-7, "1.25e-7"),
    (123_456_789.125, "123456789.125"),
];

/// Texts, some of which repeat.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        select(vec!["", "GET /", "checkout", "é<&>\"\\\n\u{2028}", "it's"]).prop_map(String::from),
        "[a-z]{1,200}",
        any::<String>(),
    ]
    .boxed()
}

/// Times, the first and the last possible among them.
pub fn time() -> BoxedStrategy<u64> {
    prop_oneof![
        Just(0),
        Just(1),
        1_700_000_000_000_000_000_u64..1_800_000_000_000_000_000,
        Just(i64::MAX.unsigned_abs()),
        Just(u64::MAX),
        any::<u64>(),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<f64> {
    select(NUMBERS.map(|(number, _)| number).to_vec()).boxed()
}

fn value() -> BoxedStrategy<AnyValue> {
    let scalar = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|truth| Some(Value::BoolValue(truth))),
        any::<i64>().prop_map(|number| Some(Value::IntValue(number))),
        number().prop_map(|number| Some(Value::DoubleValue(number))),
        vec(any::<u8>(), 0..6).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    scalar
        .prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4)
                    .prop_map(|values| Value::ArrayValue(ArrayValue { values })),
                vec((text(), inner), 0..4).prop_map(|values| {
                    let values = values
                        .into_iter()
                        .map(|(key, value)| attribute(key, value))
                        .collect();
                    Value::KvlistValue(KeyValueList { values })
                }),
            ]
            .prop_map(|value| AnyValue { value: Some(value) })
        })
        .boxed()
}

fn attribute(key: String, value: AnyValue) -> KeyValue {
    KeyValue {
        key,
        value: Some(value),
        ..KeyValue::default()
    }
}

fn attributes() -> BoxedStrategy<Vec<KeyValue>> {
    let keys = [
        "",
        "http.route",
        "user.id",
        "session.id",
        "service.name",
        "project.name",
        "host.name",
        "deployment.environment",
        "exception.type",
    ];
    let key = prop_oneof![select(keys.to_vec()).prop_map(String::from), "[a-z.]{1,12}"];
    vec((key, value()), 0..6)
        .prop_map(|pairs| {
            pairs
                .into_iter()
                .map(|(key, value)| attribute(key, value))
                .collect()
        })
        .boxed()
}

fn resource() -> BoxedStrategy<Option<Resource>> {
    option::of(attributes().prop_map(|attributes| Resource {
        attributes,
        ..Resource::default()
    }))
    .boxed()
}

fn scope() -> BoxedStrategy<Option<InstrumentationScope>> {
    option::of((text(), text(), attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    ))
    .boxed()
}

fn id<const N: usize>() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![Just(Vec::new()), Just(vec![0; N]), vec(any::<u8>(), N)].boxed()
}

/// Traces with ids of the right length.
pub fn traces() -> BoxedStrategy<ExportTraceServiceRequest> {
    let event =
        (time(), text(), attributes()).prop_map(|(time_unix_nano, name, attributes)| Event {
            time_unix_nano,
            name,
            attributes,
            ..Event::default()
        });
    let link = (id::<16>(), id::<8>(), text(), attributes()).prop_map(
        |(trace_id, span_id, trace_state, attributes)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            ..Link::default()
        },
    );
    let status = option::of((text(), 0..4).prop_map(|(message, code)| Status { message, code }));
    let span = (
        (id::<16>(), id::<8>(), id::<8>(), text(), text(), 0..8),
        (
            time(),
            time(),
            attributes(),
            vec(event, 0..3),
            vec(link, 0..3),
            status,
        ),
    )
        .prop_map(|(identity, rest)| {
            let (trace_id, span_id, parent_span_id, trace_state, name, kind) = identity;
            let (start_time_unix_nano, end_time_unix_nano, attributes, events, links, status) =
                rest;
            Span {
                trace_id,
                span_id,
                parent_span_id,
                trace_state,
                name,
                kind,
                start_time_unix_nano,
                end_time_unix_nano,
                attributes,
                events,
                links,
                status,
                ..Span::default()
            }
        });
    let of_scope = (scope(), vec(span, 0..5)).prop_map(|(scope, spans)| ScopeSpans {
        scope,
        spans,
        ..ScopeSpans::default()
    });
    let of_resource =
        (resource(), vec(of_scope, 0..3)).prop_map(|(resource, scope_spans)| ResourceSpans {
            resource,
            scope_spans,
            ..ResourceSpans::default()
        });
    vec(of_resource, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
        .boxed()
}

/// Logs with ids of the right length.
pub fn logs() -> BoxedStrategy<ExportLogsServiceRequest> {
    let record = (
        (time(), time(), -1..300, text(), option::of(value())),
        (attributes(), any::<u32>(), id::<16>(), id::<8>(), text()),
    )
        .prop_map(|(head, rest)| {
            let (time_unix_nano, observed_time_unix_nano, severity_number, severity_text, body) =
                head;
            let (attributes, flags, trace_id, span_id, event_name) = rest;
            LogRecord {
                time_unix_nano,
                observed_time_unix_nano,
                severity_number,
                severity_text,
                body,
                attributes,
                flags,
                trace_id,
                span_id,
                event_name,
                ..LogRecord::default()
            }
        });
    let of_scope =
        (scope(), vec(record, 0..5), text()).prop_map(|(scope, log_records, schema_url)| {
            ScopeLogs {
                scope,
                log_records,
                schema_url,
            }
        });
    (vec((resource(), vec(of_scope, 0..3), text()), 0..3))
        .prop_map(|of_resources| ExportLogsServiceRequest {
            resource_logs: of_resources
                .into_iter()
                .map(|(resource, scope_logs, schema_url)| ResourceLogs {
                    resource,
                    scope_logs,
                    schema_url,
                })
                .collect(),
        })
        .boxed()
}

fn exemplar() -> BoxedStrategy<Exemplar> {
    let value = prop_oneof![
        Just(None),
        number().prop_map(|number| Some(exemplar::Value::AsDouble(number))),
        (-9..9_i64).prop_map(|number| Some(exemplar::Value::AsInt(number))),
    ];
    (attributes(), time(), id::<8>(), id::<16>(), value)
        .prop_map(
            |(filtered_attributes, time_unix_nano, span_id, trace_id, value)| Exemplar {
                filtered_attributes,
                time_unix_nano,
                span_id,
                trace_id,
                value,
            },
        )
        .boxed()
}

/// What the data points of all types have.
type Common = (Vec<KeyValue>, u64, u64, u32, Vec<Exemplar>);

fn common() -> BoxedStrategy<Common> {
    (
        attributes(),
        time(),
        time(),
        any::<u32>(),
        vec(exemplar(), 0..3),
    )
        .boxed()
}

/// Count, sum, minimum and maximum.
type Totals = (u64, Option<f64>, Option<f64>, Option<f64>);

fn totals() -> BoxedStrategy<Totals> {
    (
        any::<u64>(),
        option::of(number()),
        option::of(number()),
        option::of(number()),
    )
        .boxed()
}

fn numbers() -> BoxedStrategy<Vec<NumberDataPoint>> {
    let value = prop_oneof![
        Just(None),
        number().prop_map(|number| Some(number_data_point::Value::AsDouble(number))),
        (-9..9_i64).prop_map(|number| Some(number_data_point::Value::AsInt(number))),
    ];
    let point = (common(), value).prop_map(|(common, value)| {
        let (attributes, start_time_unix_nano, time_unix_nano, flags, exemplars) = common;
        NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value,
        }
    });
    vec(point, 0..4).boxed()
}

fn histogram() -> BoxedStrategy<Vec<HistogramDataPoint>> {
    let point = (
        common(),
        totals(),
        vec(any::<u64>(), 0..4),
        vec(number(), 0..3),
    )
        .prop_map(
            |(common, (count, sum, min, max), bucket_counts, explicit_bounds)| {
                let (attributes, start_time_unix_nano, time_unix_nano, flags, exemplars) = common;
                HistogramDataPoint {
                    attributes,
                    start_time_unix_nano,
                    time_unix_nano,
                    count,
                    sum,
                    bucket_counts,
                    explicit_bounds,
                    exemplars,
                    flags,
                    min,
                    max,
                }
            },
        );
    vec(point, 0..3).boxed()
}

fn buckets() -> BoxedStrategy<Option<Buckets>> {
    option::of(
        (any::<i32>(), vec(any::<u64>(), 0..4)).prop_map(|(offset, bucket_counts)| Buckets {
            offset,
            bucket_counts,
        }),
    )
    .boxed()
}

fn exponential() -> BoxedStrategy<Vec<ExponentialHistogramDataPoint>> {
    let point = (
        common(),
        totals(),
        any::<i32>(),
        any::<u64>(),
        buckets(),
        buckets(),
    )
        .prop_map(
            |(common, (count, sum, min, max), scale, zero_count, positive, negative)| {
                let (attributes, start_time_unix_nano, time_unix_nano, flags, exemplars) = common;
                ExponentialHistogramDataPoint {
                    attributes,
                    start_time_unix_nano,
                    time_unix_nano,
                    count,
                    sum,
                    scale,
                    zero_count,
                    positive,
                    negative,
                    flags,
                    exemplars,
                    min,
                    max,
                    zero_threshold: 0.0,
                }
            },
        );
    vec(point, 0..3).boxed()
}

fn summary() -> BoxedStrategy<Vec<SummaryDataPoint>> {
    let quantiles = vec(number(), 0..3).prop_map(|values| {
        let quantiles = [0.5, 0.9, 0.99].into_iter().zip(values);
        quantiles
            .map(|(quantile, value)| ValueAtQuantile { quantile, value })
            .collect()
    });
    let point = (common(), any::<u64>(), number(), quantiles).prop_map(
        |(common, count, sum, quantile_values)| {
            let (attributes, start_time_unix_nano, time_unix_nano, flags, _) = common;
            SummaryDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum,
                quantile_values,
                flags,
            }
        },
    );
    vec(point, 0..3).boxed()
}

/// Metrics with ids of the right length.
pub fn metrics() -> BoxedStrategy<ExportMetricsServiceRequest> {
    let data = prop_oneof![
        Just(None),
        numbers().prop_map(|data_points| Some(Data::Gauge(Gauge { data_points }))),
        (numbers(), 0..3, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| Some(Data::Sum(Sum {
                data_points,
                aggregation_temporality,
                is_monotonic,
            }))
        ),
        (histogram(), 0..3).prop_map(|(data_points, aggregation_temporality)| Some(
            Data::Histogram(Histogram {
                data_points,
                aggregation_temporality,
            })
        )),
        (exponential(), 0..3).prop_map(|(data_points, aggregation_temporality)| Some(
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points,
                aggregation_temporality,
            })
        )),
        summary().prop_map(|data_points| Some(Data::Summary(Summary { data_points }))),
    ];
    let metric =
        (text(), text(), text(), data).prop_map(|(name, description, unit, data)| Metric {
            name,
            description,
            unit,
            data,
            ..Metric::default()
        });
    let of_scope = (scope(), vec(metric, 0..5), text()).prop_map(|(scope, metrics, schema_url)| {
        ScopeMetrics {
            scope,
            metrics,
            schema_url,
        }
    });
    vec((resource(), vec(of_scope, 0..3), text()), 0..3)
        .prop_map(|of_resources| ExportMetricsServiceRequest {
            resource_metrics: of_resources
                .into_iter()
                .map(|(resource, scope_metrics, schema_url)| ResourceMetrics {
                    resource,
                    scope_metrics,
                    schema_url,
                })
                .collect(),
        })
        .boxed()
}
