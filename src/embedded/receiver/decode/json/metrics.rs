//! Metrics.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{
        AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint,
        Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
        ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
};
use serde::de::MapAccess;

use super::field::{Field, Object};

impl Object for ExportMetricsServiceRequest {
    const NAME: &'static str = "an export request";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "resourceMetrics" => self.resource_metrics = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ResourceMetrics {
    const NAME: &'static str = "the metrics of a resource";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "resource" => self.resource = field.object()?,
            "scopeMetrics" => self.scope_metrics = field.objects()?,
            "schemaUrl" => self.schema_url = field.text()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ScopeMetrics {
    const NAME: &'static str = "the metrics of a scope";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "scope" => self.scope = field.object()?,
            "metrics" => self.metrics = field.objects()?,
            "schemaUrl" => self.schema_url = field.text()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Metric {
    const NAME: &'static str = "a metric";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "name" => self.name = field.text()?,
            "description" => self.description = field.text()?,
            "unit" => self.unit = field.text()?,
            "gauge" => {
                let data = field.object()?.map(Data::Gauge);
                self.data = data.or(self.data.take());
            }
            "sum" => {
                let data = field.object()?.map(Data::Sum);
                self.data = data.or(self.data.take());
            }
            "histogram" => {
                let data = field.object()?.map(Data::Histogram);
                self.data = data.or(self.data.take());
            }
            "exponentialHistogram" => {
                let data = field.object()?.map(Data::ExponentialHistogram);
                self.data = data.or(self.data.take());
            }
            "summary" => {
                let data = field.object()?.map(Data::Summary);
                self.data = data.or(self.data.take());
            }
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Gauge {
    const NAME: &'static str = "a gauge";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "dataPoints" => self.data_points = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Sum {
    const NAME: &'static str = "a sum";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "dataPoints" => self.data_points = field.objects()?,
            "aggregationTemporality" => self.aggregation_temporality = field.choice(temporality)?,
            "isMonotonic" => self.is_monotonic = field.number()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Histogram {
    const NAME: &'static str = "a histogram";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "dataPoints" => self.data_points = field.objects()?,
            "aggregationTemporality" => self.aggregation_temporality = field.choice(temporality)?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ExponentialHistogram {
    const NAME: &'static str = "an exponential histogram";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "dataPoints" => self.data_points = field.objects()?,
            "aggregationTemporality" => self.aggregation_temporality = field.choice(temporality)?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Summary {
    const NAME: &'static str = "a summary";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "dataPoints" => self.data_points = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for NumberDataPoint {
    const NAME: &'static str = "a data point";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "attributes" => self.attributes = field.objects()?,
            "startTimeUnixNano" => self.start_time_unix_nano = field.number()?,
            "timeUnixNano" => self.time_unix_nano = field.number()?,
            "flags" => self.flags = field.number()?,
            "exemplars" => self.exemplars = field.objects()?,
            "asDouble" => {
                let value = field
                    .optional_number()?
                    .map(number_data_point::Value::AsDouble);
                self.value = value.or(self.value.take());
            }
            "asInt" => {
                let value = field
                    .optional_number()?
                    .map(number_data_point::Value::AsInt);
                self.value = value.or(self.value.take());
            }
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for HistogramDataPoint {
    const NAME: &'static str = "a data point of a histogram";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "attributes" => self.attributes = field.objects()?,
            "startTimeUnixNano" => self.start_time_unix_nano = field.number()?,
            "timeUnixNano" => self.time_unix_nano = field.number()?,
            "flags" => self.flags = field.number()?,
            "count" => self.count = field.number()?,
            "sum" => self.sum = field.optional_number()?,
            "min" => self.min = field.optional_number()?,
            "max" => self.max = field.optional_number()?,
            "bucketCounts" => self.bucket_counts = field.numbers()?,
            "explicitBounds" => self.explicit_bounds = field.numbers()?,
            "exemplars" => self.exemplars = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ExponentialHistogramDataPoint {
    const NAME: &'static str = "a data point of an exponential histogram";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "attributes" => self.attributes = field.objects()?,
            "startTimeUnixNano" => self.start_time_unix_nano = field.number()?,
            "timeUnixNano" => self.time_unix_nano = field.number()?,
            "flags" => self.flags = field.number()?,
            "count" => self.count = field.number()?,
            "sum" => self.sum = field.optional_number()?,
            "min" => self.min = field.optional_number()?,
            "max" => self.max = field.optional_number()?,
            "scale" => self.scale = field.number()?,
            "zeroCount" => self.zero_count = field.number()?,
            "zeroThreshold" => self.zero_threshold = field.number()?,
            "positive" => self.positive = field.object()?,
            "negative" => self.negative = field.object()?,
            "exemplars" => self.exemplars = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Buckets {
    const NAME: &'static str = "the buckets of an exponential histogram";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "offset" => self.offset = field.number()?,
            "bucketCounts" => self.bucket_counts = field.numbers()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for SummaryDataPoint {
    const NAME: &'static str = "a data point of a summary";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "attributes" => self.attributes = field.objects()?,
            "startTimeUnixNano" => self.start_time_unix_nano = field.number()?,
            "timeUnixNano" => self.time_unix_nano = field.number()?,
            "flags" => self.flags = field.number()?,
            "count" => self.count = field.number()?,
            "sum" => self.sum = field.number()?,
            "quantileValues" => self.quantile_values = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ValueAtQuantile {
    const NAME: &'static str = "a quantile of a summary";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "quantile" => self.quantile = field.number()?,
            "value" => self.value = field.number()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Exemplar {
    const NAME: &'static str = "an exemplar";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "filteredAttributes" => self.filtered_attributes = field.objects()?,
            "timeUnixNano" => self.time_unix_nano = field.number()?,
            "spanId" => self.span_id = field.id()?,
            "traceId" => self.trace_id = field.id()?,
            "asDouble" => {
                let value = field.optional_number()?.map(exemplar::Value::AsDouble);
                self.value = value.or(self.value.take());
            }
            "asInt" => {
                let value = field.optional_number()?.map(exemplar::Value::AsInt);
                self.value = value.or(self.value.take());
            }
            _ => return field.ignore(),
        }
        Ok(())
    }
}

fn temporality(name: &str) -> Option<i32> {
    AggregationTemporality::from_str_name(name).map(Into::into)
}
