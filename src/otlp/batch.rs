//! Telemetry that is sent at once.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

use super::scenario::{Round, SCHEMA_URL, Scenario, Service, points};
use super::{PerSignal, Signal};

/// Telemetry that is sent at once: a request for each signal, each with the services that have
/// something of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// How many traces it has.
    pub traces: u32,
    /// How many items each request has.
    pub items: PerSignal<u64>,
    /// The spans.
    pub spans: ExportTraceServiceRequest,
    /// The log records.
    pub logs: ExportLogsServiceRequest,
    /// The metrics.
    pub metrics: ExportMetricsServiceRequest,
}

impl Batch {
    pub(super) fn new(
        scenario: &Scenario,
        traces: u32,
        rounds: impl Iterator<Item = Round>,
    ) -> Self {
        let (mut spans, mut logs, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
        for round in rounds {
            spans.extend(round.recorded.spans);
            logs.extend(round.recorded.logs);
            metrics.extend(round.metrics);
        }
        let point_count: usize = metrics.iter().map(|(_, metric)| points(metric)).sum();
        let items = PerSignal::new(|signal| match signal {
            Signal::Traces => spans.len() as u64,
            Signal::Logs => logs.len() as u64,
            Signal::Metrics => point_count as u64,
        });
        let resource = |service: Service| Some(service.resource(scenario));
        let scope = |service: Service| Some(service.scope());
        let schema_url = SCHEMA_URL.to_owned();
        let resource_spans = by_service(spans)
            .map(|(service, spans)| ResourceSpans {
                resource: resource(service),
                scope_spans: vec![ScopeSpans {
                    scope: scope(service),
                    spans,
                    schema_url: schema_url.clone(),
                }],
                schema_url: schema_url.clone(),
            })
            .collect();
        let resource_logs = by_service(logs)
            .map(|(service, log_records)| ResourceLogs {
                resource: resource(service),
                scope_logs: vec![ScopeLogs {
                    scope: scope(service),
                    log_records,
                    schema_url: schema_url.clone(),
                }],
                schema_url: schema_url.clone(),
            })
            .collect();
        let resource_metrics = by_service(metrics)
            .map(|(service, metrics)| ResourceMetrics {
                resource: resource(service),
                scope_metrics: vec![ScopeMetrics {
                    scope: scope(service),
                    metrics,
                    schema_url: schema_url.clone(),
                }],
                schema_url: schema_url.clone(),
            })
            .collect();
        Self {
            traces,
            items,
            spans: ExportTraceServiceRequest { resource_spans },
            logs: ExportLogsServiceRequest { resource_logs },
            metrics: ExportMetricsServiceRequest { resource_metrics },
        }
    }
}

/// The items of each service that has any.
fn by_service<T>(items: Vec<(Service, T)>) -> impl Iterator<Item = (Service, Vec<T>)> {
    let mut groups = Service::ALL.map(|service| (service, Vec::new()));
    for (service, item) in items {
        groups[service as usize].1.push(item);
    }
    groups.into_iter().filter(|(_, items)| !items.is_empty())
}
