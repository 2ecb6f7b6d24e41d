//! Data points of metrics, one row each.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::KeyValue,
    metrics::v1::{
        Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint,
        SummaryDataPoint, exemplar, metric::Data, number_data_point,
    },
};

use super::{
    attributes::{Attributes, SharedAttributes},
    block::columns,
    column::{Lists, Numbers, Seconds, Texts, Times},
    value,
    words::{Word, Words},
};
use crate::embedded::receiver::{Decoded, Encoding, Export, Rows, Signal, decode};

columns! {
    /// Data points of every type, with the columns of all inserts of the OpenTelemetry exporter
    /// for ClickHouse, and with the type, which it says by the choice of columns.
    struct MetricRows into "telemetry.metrics" {
        metric_type: Words => "MetricType",
        resource_attributes: Attributes => "ResourceAttributes",
        resource_schema_url: Words => "ResourceSchemaUrl",
        scope_name: Words => "ScopeName",
        scope_version: Words => "ScopeVersion",
        scope_attributes: Attributes => "ScopeAttributes",
        scope_dropped_attributes: Numbers<u32> => "ScopeDroppedAttrCount",
        scope_schema_url: Words => "ScopeSchemaUrl",
        service_name: Words => "ServiceName",
        name: Words => "MetricName",
        description: Words => "MetricDescription",
        unit: Words => "MetricUnit",
        attributes: Attributes => "Attributes",
        start_time: Times => "StartTimeUnix",
        time: Times => "TimeUnix",
        flags: Numbers<u32> => "Flags",
        value: Numbers<f64> => "Value",
        aggregation_temporality: Numbers<i32> => "AggregationTemporality",
        is_monotonic: Numbers<bool> => "IsMonotonic",
        count: Numbers<u64> => "Count",
        sum: Numbers<f64> => "Sum",
        min: Numbers<f64> => "Min",
        max: Numbers<f64> => "Max",
        bucket_counts: Lists<Numbers<u64>> => "BucketCounts",
        explicit_bounds: Lists<Numbers<f64>> => "ExplicitBounds",
        scale: Numbers<i32> => "Scale",
        zero_count: Numbers<u64> => "ZeroCount",
        positive_offset: Numbers<i32> => "PositiveOffset",
        positive_bucket_counts: Lists<Numbers<u64>> => "PositiveBucketCounts",
        negative_offset: Numbers<i32> => "NegativeOffset",
        negative_bucket_counts: Lists<Numbers<u64>> => "NegativeBucketCounts",
        quantiles: Lists<Numbers<f64>> => "ValueAtQuantiles.Quantile",
        quantile_values: Lists<Numbers<f64>> => "ValueAtQuantiles.Value",
        exemplar_attributes: Lists<Attributes> => "Exemplars.FilteredAttributes",
        exemplar_times: Lists<Times> => "Exemplars.TimeUnix",
        exemplar_values: Lists<Numbers<f64>> => "Exemplars.Value",
        exemplar_span_ids: Lists<Texts> => "Exemplars.SpanId",
        exemplar_trace_ids: Lists<Texts> => "Exemplars.TraceId",
        export_id: Numbers<u64> => "export_id",
        received_at: Seconds => "received_at",
    }
}

/// What the metrics of a scope have in common.
struct Origin<'a> {
    export: &'a Export,
    service_name: Word,
    resource_schema_url: Word,
    resource_attributes: &'a SharedAttributes,
    scope_schema_url: Word,
    scope_name: Word,
    scope_version: Word,
    scope_attributes: &'a SharedAttributes,
    scope_dropped_attributes: u32,
}

/// What the data points of a metric have in common.
struct Series<'a> {
    origin: &'a Origin<'a>,
    metric_type: Word,
    name: Word,
    description: Word,
    unit: Word,
    aggregation_temporality: i32,
    is_monotonic: bool,
}

/// A data point, whatever its type; what its type does not have is empty.
#[derive(Default)]
struct Point<'a> {
    attributes: &'a [KeyValue],
    start_time: u64,
    time: u64,
    flags: u32,
    value: f64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    bucket_counts: &'a [u64],
    explicit_bounds: &'a [f64],
    scale: i32,
    zero_count: u64,
    positive_offset: i32,
    positive_bucket_counts: &'a [u64],
    negative_offset: i32,
    negative_bucket_counts: &'a [u64],
    quantiles: &'a [opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile],
    exemplars: &'a [Exemplar],
}

impl Rows for MetricRows {
    const SIGNAL: Signal = Signal::Metrics;
    const TABLE: &'static str = Self::TABLE_NAME;
    const INSERT: &'static str = Self::INSERT_INTO;
    type Request = ExportMetricsServiceRequest;

    fn decode(body: &[u8], encoding: Encoding) -> Result<Decoded<Self::Request>, String> {
        decode::decode(body, encoding)
    }

    fn push(&mut self, request: &Self::Request, export: &Export) -> usize {
        let before = self.row_count();
        for of_resource in &request.resource_metrics {
            let resource = of_resource.resource.as_ref();
            let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
            let resource_attributes = self.resource_attributes.share(attributes);
            let service_name = value::attribute(attributes, "service.name");
            let service_name = self.service_name.word(&service_name);
            for of_scope in &of_resource.scope_metrics {
                let scope = of_scope.scope.as_ref();
                let attributes = scope.map_or(&[][..], |scope| &scope.attributes);
                let scope_attributes = self.scope_attributes.share(attributes);
                let name = scope.map_or("", |scope| &scope.name);
                let version = scope.map_or("", |scope| &scope.version);
                let origin = Origin {
                    export,
                    service_name,
                    resource_schema_url: self.resource_schema_url.word(&of_resource.schema_url),
                    resource_attributes: &resource_attributes,
                    scope_schema_url: self.scope_schema_url.word(&of_scope.schema_url),
                    scope_name: self.scope_name.word(name),
                    scope_version: self.scope_version.word(version),
                    scope_attributes: &scope_attributes,
                    scope_dropped_attributes: scope
                        .map_or(0, |scope| scope.dropped_attributes_count),
                };
                for metric in &of_scope.metrics {
                    self.push_metric(metric, &origin);
                }
            }
        }
        self.row_count() - before
    }

    fn rows(&self) -> usize {
        self.row_count()
    }

    fn byte_size(&self) -> usize {
        self.size()
    }

    fn encode(self) -> Vec<u8> {
        self.into_block()
    }
}

impl MetricRows {
    fn push_metric(&mut self, metric: &Metric, origin: &Origin<'_>) {
        let Some(data) = &metric.data else {
            return;
        };
        let (metric_type, aggregation_temporality, is_monotonic) = match data {
            Data::Gauge(_) => ("GAUGE", 0, false),
            Data::Sum(sum) => ("SUM", sum.aggregation_temporality, sum.is_monotonic),
            Data::Histogram(histogram) => ("HISTOGRAM", histogram.aggregation_temporality, false),
            Data::ExponentialHistogram(histogram) => (
                "EXPONENTIAL_HISTOGRAM",
                histogram.aggregation_temporality,
                false,
            ),
            Data::Summary(_) => ("SUMMARY", 0, false),
        };
        let series = Series {
            origin,
            metric_type: self.metric_type.word(metric_type),
            name: self.name.word(&metric.name),
            description: self.description.word(&metric.description),
            unit: self.unit.word(&metric.unit),
            aggregation_temporality,
            is_monotonic,
        };
        match data {
            Data::Gauge(gauge) => self.push_points(&gauge.data_points, &series),
            Data::Sum(sum) => self.push_points(&sum.data_points, &series),
            Data::Histogram(histogram) => self.push_points(&histogram.data_points, &series),
            Data::ExponentialHistogram(histogram) => {
                self.push_points(&histogram.data_points, &series);
            }
            Data::Summary(summary) => self.push_points(&summary.data_points, &series),
        }
    }

    fn push_points<'a, P>(&mut self, points: &'a [P], series: &Series<'_>)
    where
        Point<'a>: From<&'a P>,
    {
        for point in points {
            self.push_point(&Point::from(point), series);
        }
    }

    fn push_point(&mut self, point: &Point<'_>, series: &Series<'_>) {
        let origin = series.origin;
        if origin.export.has_stored(point.time) {
            return;
        }
        self.export_id.push(origin.export.id.0);
        self.received_at.push(origin.export.received_at);
        self.metric_type.push(series.metric_type);
        self.resource_attributes
            .push_shared(origin.resource_attributes);
        self.resource_schema_url.push(origin.resource_schema_url);
        self.scope_name.push(origin.scope_name);
        self.scope_version.push(origin.scope_version);
        self.scope_attributes.push_shared(origin.scope_attributes);
        self.scope_dropped_attributes
            .push(origin.scope_dropped_attributes);
        self.scope_schema_url.push(origin.scope_schema_url);
        self.service_name.push(origin.service_name);
        self.name.push(series.name);
        self.description.push(series.description);
        self.unit.push(series.unit);
        self.attributes.push(point.attributes);
        self.start_time.push(point.start_time);
        self.time.push(point.time);
        self.flags.push(point.flags);
        self.value.push(point.value);
        self.aggregation_temporality
            .push(series.aggregation_temporality);
        self.is_monotonic.push(series.is_monotonic);
        self.count.push(point.count);
        self.sum.push(point.sum);
        self.min.push(point.min);
        self.max.push(point.max);
        push_list(&mut self.bucket_counts, point.bucket_counts);
        push_list(&mut self.explicit_bounds, point.explicit_bounds);
        self.scale.push(point.scale);
        self.zero_count.push(point.zero_count);
        self.positive_offset.push(point.positive_offset);
        push_list(
            &mut self.positive_bucket_counts,
            point.positive_bucket_counts,
        );
        self.negative_offset.push(point.negative_offset);
        push_list(
            &mut self.negative_bucket_counts,
            point.negative_bucket_counts,
        );
        for at in point.quantiles {
            self.quantiles.items().push(at.quantile);
            self.quantile_values.items().push(at.value);
        }
        self.quantiles.end();
        self.quantile_values.end();
        self.push_exemplars(point.exemplars);
    }

    fn push_exemplars(&mut self, exemplars: &[Exemplar]) {
        for exemplar in exemplars {
            self.exemplar_attributes
                .items()
                .push(&exemplar.filtered_attributes);
            self.exemplar_times.items().push(exemplar.time_unix_nano);
            self.exemplar_values.items().push(match exemplar.value {
                Some(exemplar::Value::AsDouble(number)) => number,
                Some(exemplar::Value::AsInt(number)) => to_float(number),
                None => 0.0,
            });
            self.exemplar_span_ids
                .items()
                .push_id::<8>(&exemplar.span_id);
            self.exemplar_trace_ids
                .items()
                .push_id::<16>(&exemplar.trace_id);
        }
        self.exemplar_attributes.end();
        self.exemplar_times.end();
        self.exemplar_values.end();
        self.exemplar_span_ids.end();
        self.exemplar_trace_ids.end();
    }
}

impl<'a> From<&'a NumberDataPoint> for Point<'a> {
    fn from(point: &'a NumberDataPoint) -> Self {
        Self {
            attributes: &point.attributes,
            start_time: point.start_time_unix_nano,
            time: point.time_unix_nano,
            flags: point.flags,
            value: match point.value {
                Some(number_data_point::Value::AsDouble(number)) => number,
                Some(number_data_point::Value::AsInt(number)) => to_float(number),
                None => 0.0,
            },
            exemplars: &point.exemplars,
            ..Self::default()
        }
    }
}

impl<'a> From<&'a HistogramDataPoint> for Point<'a> {
    fn from(point: &'a HistogramDataPoint) -> Self {
        Self {
            attributes: &point.attributes,
            start_time: point.start_time_unix_nano,
            time: point.time_unix_nano,
            flags: point.flags,
            count: point.count,
            sum: point.sum.unwrap_or_default(),
            min: point.min.unwrap_or_default(),
            max: point.max.unwrap_or_default(),
            bucket_counts: &point.bucket_counts,
            explicit_bounds: &point.explicit_bounds,
            exemplars: &point.exemplars,
            ..Self::default()
        }
    }
}

impl<'a> From<&'a ExponentialHistogramDataPoint> for Point<'a> {
    fn from(point: &'a ExponentialHistogramDataPoint) -> Self {
        let (positive, negative) = (point.positive.as_ref(), point.negative.as_ref());
        Self {
            attributes: &point.attributes,
            start_time: point.start_time_unix_nano,
            time: point.time_unix_nano,
            flags: point.flags,
            count: point.count,
            sum: point.sum.unwrap_or_default(),
            min: point.min.unwrap_or_default(),
            max: point.max.unwrap_or_default(),
            scale: point.scale,
            zero_count: point.zero_count,
            positive_offset: positive.map_or(0, |buckets| buckets.offset),
            positive_bucket_counts: positive.map_or(&[], |buckets| &buckets.bucket_counts),
            negative_offset: negative.map_or(0, |buckets| buckets.offset),
            negative_bucket_counts: negative.map_or(&[], |buckets| &buckets.bucket_counts),
            exemplars: &point.exemplars,
            ..Self::default()
        }
    }
}

impl<'a> From<&'a SummaryDataPoint> for Point<'a> {
    fn from(point: &'a SummaryDataPoint) -> Self {
        Self {
            attributes: &point.attributes,
            start_time: point.start_time_unix_nano,
            time: point.time_unix_nano,
            flags: point.flags,
            count: point.count,
            sum: point.sum,
            quantiles: &point.quantile_values,
            ..Self::default()
        }
    }
}

fn push_list<N: super::number::Number>(lists: &mut Lists<Numbers<N>>, numbers: &[N]) {
    lists.items().extend(numbers);
    lists.end();
}

/// The table has floating-point values for numbers of both kinds.
#[expect(clippy::cast_precision_loss, reason = "that is the column's type")]
const fn to_float(number: i64) -> f64 {
    number as f64
}
