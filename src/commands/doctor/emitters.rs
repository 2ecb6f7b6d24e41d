//! Senders that the stack does not understand.

use super::{
    Patient,
    settings::{endpoint_at, set},
};
use crate::stack::{Endpoints, Finding, Topic};

/// Tells of automagik SDKs that send to this stack over OTLP: their trace ids have 64 digits where
/// OTLP has 32, which the OpenTelemetry Collector refuses. It is told where one is set up in this
/// environment, as the collector neither counts nor logs what it cannot decode.
pub(super) fn finding(patient: &Patient<'_>) -> Option<Finding> {
    let endpoints = &patient.desired.endpoints;
    if !patient.examination.refuses_long_trace_ids || !sends_to(endpoints, &patient.variables) {
        return None;
    }
    let env = patient.context.command("env --sdk automagik-clickhouse");
    let found = "set up for OTLP, where the collector refuses their spans: their trace ids are \
                 longer than OTLP's";
    Some(
        Finding::problem(Topic::DataPath, "automagik SDKs", found).mended_by(format!(
            "`eval \"$({env})\"` lets them write to ClickHouse instead"
        )),
    )
}

/// Whether an automagik SDK would send its spans over OTLP, its default, to one of these.
fn sends_to(endpoints: &Endpoints, variables: &[(String, String)]) -> bool {
    let is = |name: &str, value: &str| set(variables, name).is_some_and(|(_, it)| it == value);
    let is_otlp = set(variables, "AUTOMAGIK_TELEMETRY_BACKEND").is_none()
        || is("AUTOMAGIK_TELEMETRY_BACKEND", "otlp");
    let leads_here = set(variables, "AUTOMAGIK_TELEMETRY_ENDPOINT")
        .is_some_and(|(_, url)| endpoint_at(url, endpoints).is_some());
    is_otlp && leads_here && !is("AUTOMAGIK_TELEMETRY_ENABLED", "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sdk_that_is_pointed_here_sends_over_otlp_unless_told_otherwise() {
        let sends = |set: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| {
                (format!("AUTOMAGIK_TELEMETRY_{name}"), (*value).to_owned())
            };
            let variables: Vec<_> = set.iter().map(owned).collect();
            sends_to(&Endpoints::default(), &variables)
        };
        let here = ("ENDPOINT", "http://127.0.0.1:4318/v1/traces");
        assert!(sends(&[here]));
        assert!(sends(&[here, ("BACKEND", "otlp"), ("ENABLED", "true")]));
        assert!(!sends(&[here, ("BACKEND", "clickhouse")]));
        assert!(!sends(&[here, ("ENABLED", "false")]));
        assert!(!sends(&[(
            "ENDPOINT",
            "https://telemetry.example.com/v1/traces"
        )]));
        assert!(!sends(&[]));
    }
}
