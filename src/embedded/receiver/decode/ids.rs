//! Trace and span ids: what is put right, and what cannot be stored.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    metrics::v1::{Exemplar, metric::Data},
    trace::v1::Span,
};

use crate::embedded::receiver::Acceptance;

const TRACE_ID: usize = 16;
const SPAN_ID: usize = 8;

/// A request with ids in it.
pub trait Identified {
    /// Puts ids right and removes what cannot be stored.
    fn check_ids(&mut self) -> Verdict;
}

/// What became of the ids of a request.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What was removed.
    pub acceptance: Acceptance,
    /// Ids that were put right.
    pub fixes: u64,
}

impl Verdict {
    /// Some SDKs make trace ids of twice the length, of which the first half identifies a trace
    /// well enough.
    fn halve(&mut self, trace_id: &mut Vec<u8>) {
        if trace_id.len() == 2 * TRACE_ID {
            trace_id.truncate(TRACE_ID);
            self.fixes += 1;
        }
    }

    /// Clears an id that is none, where OTLP has what bears it mean something without.
    fn clear(&mut self, id: &mut Vec<u8>, length: usize) {
        if !is_id(id, length) {
            id.clear();
            self.fixes += 1;
        }
    }

    fn check_reference(&mut self, trace_id: &mut Vec<u8>, span_id: &mut Vec<u8>) {
        self.halve(trace_id);
        self.clear(trace_id, TRACE_ID);
        self.clear(span_id, SPAN_ID);
    }

    /// Whether a span can be stored.
    fn accepts(&mut self, span: &mut Span) -> bool {
        self.halve(&mut span.trace_id);
        for link in &mut span.links {
            self.check_reference(&mut link.trace_id, &mut link.span_id);
        }
        is_id(&span.trace_id, TRACE_ID)
            && is_id(&span.span_id, SPAN_ID)
            && is_id(&span.parent_span_id, SPAN_ID)
    }
}

/// Whether this is an id of so many bytes, or absent.
fn is_id(id: &[u8], length: usize) -> bool {
    id.is_empty() || id.len() == length
}

impl Identified for ExportTraceServiceRequest {
    fn check_ids(&mut self) -> Verdict {
        let mut verdict = Verdict::default();
        let mut rejected = 0;
        let of_resources = self.resource_spans.iter_mut();
        for of_scope in of_resources.flat_map(|of_resource| &mut of_resource.scope_spans) {
            let before = of_scope.spans.len();
            of_scope.spans.retain_mut(|span| verdict.accepts(span));
            rejected += before - of_scope.spans.len();
        }
        if rejected > 0 {
            verdict.acceptance = Acceptance {
                rejected: rejected as u64,
                reason: Some(
                    "a trace id must have 16 bytes (32 hexadecimal digits) and a span id 8 \
                     (16 digits); spans with other ids were left out"
                        .into(),
                ),
            };
        }
        verdict
    }
}

impl Identified for ExportLogsServiceRequest {
    fn check_ids(&mut self) -> Verdict {
        let mut verdict = Verdict::default();
        let of_resources = self.resource_logs.iter_mut();
        let of_scopes = of_resources.flat_map(|of_resource| &mut of_resource.scope_logs);
        for record in of_scopes.flat_map(|of_scope| &mut of_scope.log_records) {
            verdict.check_reference(&mut record.trace_id, &mut record.span_id);
        }
        verdict
    }
}

impl Identified for ExportMetricsServiceRequest {
    fn check_ids(&mut self) -> Verdict {
        let mut verdict = Verdict::default();
        let of_resources = self.resource_metrics.iter_mut();
        let of_scopes = of_resources.flat_map(|of_resource| &mut of_resource.scope_metrics);
        for metric in of_scopes.flat_map(|of_scope| &mut of_scope.metrics) {
            let mut check = |exemplars: &mut Vec<Exemplar>| {
                for exemplar in exemplars {
                    verdict.check_reference(&mut exemplar.trace_id, &mut exemplar.span_id);
                }
            };
            match &mut metric.data {
                None | Some(Data::Summary(_)) => {}
                Some(Data::Gauge(gauge)) => {
                    (gauge.data_points.iter_mut()).for_each(|point| check(&mut point.exemplars));
                }
                Some(Data::Sum(sum)) => {
                    (sum.data_points.iter_mut()).for_each(|point| check(&mut point.exemplars));
                }
                Some(Data::Histogram(histogram)) => {
                    (histogram.data_points.iter_mut())
                        .for_each(|point| check(&mut point.exemplars));
                }
                Some(Data::ExponentialHistogram(histogram)) => {
                    (histogram.data_points.iter_mut())
                        .for_each(|point| check(&mut point.exemplars));
                }
            }
        }
        verdict
    }
}
