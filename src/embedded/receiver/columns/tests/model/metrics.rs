//! What is to be stored of metrics.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::KeyValue,
    metrics::v1::{
        Exemplar, ExponentialHistogramDataPoint, NumberDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    },
};
use serde_json::{Value, json};

use super::{Row, attributes, hexadecimal, instant, list, object, origin};

pub const POINT_COLUMNS: &[&str] = &[
    "metric_name",
    "metric_type",
    "metric_unit",
    "metric_description",
    "toUnixTimestamp64Nano(timestamp) AS timestamp",
    "toUnixTimestamp64Nano(time_window_start) AS time_window_start",
    "flags",
    "value",
    "is_monotonic",
    "aggregation_temporality",
    "histogram_count",
    "histogram_sum",
    "histogram_min",
    "histogram_max",
    "histogram_bucket_counts",
    "histogram_explicit_bounds",
    "exponential_scale",
    "exponential_zero_count",
    "exponential_positive_offset",
    "exponential_positive_bucket_counts",
    "exponential_negative_offset",
    "exponential_negative_bucket_counts",
    "summary_count",
    "summary_sum",
    "quantile_values",
    "exemplars.attributes",
    "arrayMap(time -> toUnixTimestamp64Nano(time), exemplars.timestamp) AS `exemplars.timestamp`",
    "exemplars.value",
    "exemplars.span_id",
    "exemplars.trace_id",
    "attributes",
    "resource_schema_url",
    "schema_url",
    "scope_attributes",
    "scope_dropped_attributes",
];

pub fn points(request: &ExportMetricsServiceRequest) -> Vec<Value> {
    let mut rows = Vec::new();
    for of_resource in &request.resource_metrics {
        for of_scope in &of_resource.scope_metrics {
            let scope = of_scope.scope.clone().unwrap_or_default();
            for metric in &of_scope.metrics {
                for (point_attributes, fields) in metric.data.as_ref().map_or(vec![], data_points) {
                    let resource = of_resource.resource.as_ref();
                    let mut row = origin(resource, &scope.name, &scope.version, point_attributes);
                    row.extend(empty_point());
                    row.extend(object(json!({
                        "metric_name": metric.name,
                        "metric_unit": metric.unit,
                        "metric_description": metric.description,
                        "attributes": attributes(point_attributes),
                        "resource_schema_url": of_resource.schema_url,
                        "schema_url": of_scope.schema_url,
                        "scope_attributes": attributes(&scope.attributes),
                        "scope_dropped_attributes": scope.dropped_attributes_count,
                    })));
                    row.extend(fields);
                    rows.push(row.into());
                }
            }
        }
    }
    rows
}

/// What a data point has unless its type says otherwise.
fn empty_point() -> Row {
    object(json!({
        "value": 0.0, "is_monotonic": 0, "aggregation_temporality": "UNSPECIFIED",
        "histogram_count": "0", "histogram_sum": 0.0, "histogram_min": 0.0, "histogram_max": 0.0,
        "histogram_bucket_counts": [], "histogram_explicit_bounds": [],
        "exponential_scale": 0, "exponential_zero_count": "0",
        "exponential_positive_offset": 0, "exponential_positive_bucket_counts": [],
        "exponential_negative_offset": 0, "exponential_negative_bucket_counts": [],
        "summary_count": "0", "summary_sum": 0.0, "quantile_values": {},
        "exemplars.attributes": [], "exemplars.timestamp": [], "exemplars.value": [],
        "exemplars.span_id": [], "exemplars.trace_id": [],
    }))
}

type Point<'a> = (&'a [KeyValue], Row);

/// A data point's attributes, and its row with what all types have.
macro_rules! point {
    ($point:ident, $($fields:tt)+) => {{
        let mut row = object(json!($($fields)+));
        row.insert("time_window_start".into(), instant($point.start_time_unix_nano));
        row.insert("timestamp".into(), instant($point.time_unix_nano));
        row.insert("flags".into(), $point.flags.into());
        ($point.attributes.as_slice(), row)
    }};
}

fn data_points(data: &Data) -> Vec<Point<'_>> {
    match data {
        Data::Gauge(gauge) => (gauge.data_points.iter())
            .map(|point| {
                let row = point!(point, {"metric_type": "GAUGE", "value": number(point)});
                with_exemplars(row, &point.exemplars)
            })
            .collect(),
        Data::Sum(sum) => (sum.data_points.iter())
            .map(|point| {
                let row = point!(point, {
                    "metric_type": "SUM",
                    "value": number(point),
                    "is_monotonic": u8::from(sum.is_monotonic),
                    "aggregation_temporality": temporality(sum.aggregation_temporality),
                });
                with_exemplars(row, &point.exemplars)
            })
            .collect(),
        Data::Histogram(histogram) => (histogram.data_points.iter())
            .map(|point| {
                let row = point!(point, {
                    "metric_type": "HISTOGRAM",
                    "aggregation_temporality": temporality(histogram.aggregation_temporality),
                    "histogram_count": point.count.to_string(),
                    "histogram_sum": point.sum.unwrap_or(0.0),
                    "histogram_min": point.min.unwrap_or(0.0),
                    "histogram_max": point.max.unwrap_or(0.0),
                    "histogram_bucket_counts": list(&point.bucket_counts, |count| count.to_string().into()),
                    "histogram_explicit_bounds": list(&point.explicit_bounds, |bound| (*bound).into()),
                });
                with_exemplars(row, &point.exemplars)
            })
            .collect(),
        Data::ExponentialHistogram(histogram) => (histogram.data_points.iter())
            .map(|point| {
                let row = exponential(point, temporality(histogram.aggregation_temporality));
                with_exemplars(row, &point.exemplars)
            })
            .collect(),
        Data::Summary(summary) => (summary.data_points.iter())
            .map(|point| {
                let quantiles: Row = (point.quantile_values.iter())
                    .map(|at| (at.quantile.to_string(), at.value.into()))
                    .collect();
                point!(point, {
                    "metric_type": "SUMMARY",
                    "summary_count": point.count.to_string(),
                    "summary_sum": point.sum,
                    "quantile_values": quantiles,
                })
            })
            .collect(),
    }
}

fn exponential<'a>(point: &'a ExponentialHistogramDataPoint, temporality: &str) -> Point<'a> {
    let side = |buckets: &Option<Buckets>| {
        let buckets = buckets.clone().unwrap_or_default();
        let counts = list(&buckets.bucket_counts, |count| count.to_string().into());
        (buckets.offset, counts)
    };
    let (positive, negative) = (side(&point.positive), side(&point.negative));
    point!(point, {
        "metric_type": "EXPONENTIAL_HISTOGRAM",
        "aggregation_temporality": temporality,
        "histogram_count": point.count.to_string(),
        "histogram_sum": point.sum.unwrap_or(0.0),
        "histogram_min": point.min.unwrap_or(0.0),
        "histogram_max": point.max.unwrap_or(0.0),
        "exponential_scale": point.scale,
        "exponential_zero_count": point.zero_count.to_string(),
        "exponential_positive_offset": positive.0,
        "exponential_positive_bucket_counts": positive.1,
        "exponential_negative_offset": negative.0,
        "exponential_negative_bucket_counts": negative.1,
    })
}

fn with_exemplars<'a>((attributes, mut row): Point<'a>, all: &[Exemplar]) -> Point<'a> {
    row.extend(exemplars(all));
    (attributes, row)
}

fn temporality(number: i32) -> &'static str {
    match number {
        1 => "DELTA",
        2 => "CUMULATIVE",
        _ => "UNSPECIFIED",
    }
}

fn exemplars(exemplars: &[Exemplar]) -> Row {
    object(json!({
        "exemplars.attributes": list(exemplars, |it| attributes(&it.filtered_attributes)),
        "exemplars.timestamp": list(exemplars, |it| instant(it.time_unix_nano)),
        "exemplars.value": list(exemplars, |it| match it.value {
            Some(exemplar::Value::AsDouble(number)) => number.into(),
            Some(exemplar::Value::AsInt(number)) => number.into(),
            None => 0.0.into(),
        }),
        "exemplars.span_id": list(exemplars, |it| hexadecimal(&it.span_id).into()),
        "exemplars.trace_id": list(exemplars, |it| hexadecimal(&it.trace_id).into()),
    }))
}

fn number(point: &NumberDataPoint) -> Value {
    match point.value {
        Some(number_data_point::Value::AsDouble(number)) => number.into(),
        Some(number_data_point::Value::AsInt(number)) => number.into(),
        None => 0.into(),
    }
}
