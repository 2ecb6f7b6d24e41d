//! Metrics of the sample shop, counted from its spans.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, Sum, exemplar, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};

use super::attribute::attribute;
use super::dice::Dice;
use super::recorder::Recorded;
use super::service::Service;

/// The bounds that the semantic conventions give for `http.server.request.duration`, in seconds.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The attributes of spans that their metric keeps.
const KEPT: [&str; 3] = [
    "http.request.method",
    "http.route",
    "http.response.status_code",
];

/// What the services measured between two times, each metric with the service it is of.
pub fn measure(
    recorded: &Recorded,
    dice: &mut Dice,
    since: u64,
    until: u64,
) -> Vec<(Service, Metric)> {
    let mut metrics = Vec::new();
    for service in Service::ALL {
        let spans = recorded.spans.iter().filter(|(of, _)| *of == service);
        let spans: Vec<_> = spans.map(|(_, span)| span).collect();
        if spans.is_empty() {
            continue;
        }
        let found = [
            request_durations(&spans, since, until),
            sent_messages(&spans, since, until),
            Some(cpu(dice, until)),
        ];
        metrics.extend(found.into_iter().flatten().map(|metric| (service, metric)));
    }
    metrics
}

fn request_durations(spans: &[&Span], since: u64, until: u64) -> Option<Metric> {
    let mut series: BTreeMap<String, HistogramDataPoint> = BTreeMap::new();
    for span in of_kind(spans, SpanKind::Server) {
        let attributes = kept(span);
        let point = series
            .entry(format!("{attributes:?}"))
            .or_insert_with(|| HistogramDataPoint {
                attributes,
                start_time_unix_nano: since,
                time_unix_nano: until,
                sum: Some(0.0),
                bucket_counts: vec![0; BOUNDS.len() + 1],
                explicit_bounds: BOUNDS.to_vec(),
                min: Some(f64::INFINITY),
                max: Some(0.0),
                ..HistogramDataPoint::default()
            });
        observe(point, span);
    }
    let data_points: Vec<_> = series.into_values().collect();
    (!data_points.is_empty()).then(|| Metric {
        name: "http.server.request.duration".to_owned(),
        description: "Duration of HTTP server requests".to_owned(),
        unit: "s".to_owned(),
        data: Some(Data::Histogram(Histogram {
            data_points,
            aggregation_temporality: AggregationTemporality::Delta.into(),
        })),
        ..Metric::default()
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "requests take less than a month"
)]
fn observe(point: &mut HistogramDataPoint, span: &Span) {
    let nanos = span.end_time_unix_nano - span.start_time_unix_nano;
    let seconds = nanos as f64 / 1e9;
    let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
    point.count += 1;
    point.bucket_counts[bucket] += 1;
    point.sum = point.sum.map(|sum| sum + seconds);
    point.min = point.min.map(|min| min.min(seconds));
    point.max = point.max.map(|max| max.max(seconds));
    if point.exemplars.is_empty() {
        point.exemplars.push(Exemplar {
            time_unix_nano: span.end_time_unix_nano,
            span_id: span.span_id.clone(),
            trace_id: span.trace_id.clone(),
            value: Some(exemplar::Value::AsDouble(seconds)),
            ..Exemplar::default()
        });
    }
}

fn sent_messages(spans: &[&Span], since: u64, until: u64) -> Option<Metric> {
    let sent = of_kind(spans, SpanKind::Producer).count();
    let sent = i64::try_from(sent).expect("a vector is shorter");
    (sent > 0).then(|| Metric {
        name: "messaging.client.sent.messages".to_owned(),
        description: "Number of messages producer attempted to send to the broker".to_owned(),
        unit: "{message}".to_owned(),
        data: Some(Data::Sum(Sum {
            data_points: vec![NumberDataPoint {
                attributes: vec![
                    attribute("messaging.system", "kafka"),
                    attribute("messaging.operation.name", "send"),
                    attribute("messaging.destination.name", "orders.placed"),
                ],
                start_time_unix_nano: since,
                time_unix_nano: until,
                value: Some(number_data_point::Value::AsInt(sent)),
                ..NumberDataPoint::default()
            }],
            aggregation_temporality: AggregationTemporality::Delta.into(),
            is_monotonic: true,
        })),
        ..Metric::default()
    })
}

fn cpu(dice: &mut Dice, until: u64) -> Metric {
    let utilization = dice.log_normal(0.12, 0.4).min(1.0);
    Metric {
        name: "process.cpu.utilization".to_owned(),
        description: "Part of the available processor time that the process used".to_owned(),
        unit: "1".to_owned(),
        data: Some(Data::Gauge(Gauge {
            data_points: vec![NumberDataPoint {
                time_unix_nano: until,
                value: Some(number_data_point::Value::AsDouble(utilization)),
                ..NumberDataPoint::default()
            }],
        })),
        ..Metric::default()
    }
}

fn of_kind<'s>(spans: &'s [&Span], kind: SpanKind) -> impl Iterator<Item = &'s Span> {
    let of_kind = move |span: &&&Span| span.kind == i32::from(kind);
    spans.iter().filter(of_kind).map(|span| &**span)
}

/// In an order that is the same for every span.
fn kept(span: &Span) -> Vec<KeyValue> {
    let find = |key: &str| span.attributes.iter().find(|kept| kept.key == key);
    KEPT.into_iter().filter_map(find).cloned().collect()
}

/// How many points a metric has.
pub fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        _ => 0,
    }
}
