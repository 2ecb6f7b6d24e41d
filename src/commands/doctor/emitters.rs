//! Senders that the stack does not understand.

use super::Patient;
use crate::stack::{Finding, Topic};

/// Tells of automagik SDKs that send over OTLP: their trace ids have 64 digits where OTLP has 32,
/// which the OpenTelemetry Collector refuses. Told where one is set up in this environment, as
/// nobody counts what is refused before it is decoded.
pub(super) fn finding(patient: &Patient<'_>) -> Option<Finding> {
    if !patient.examination.refuses_long_trace_ids || !sends_over_otlp(patient.variables) {
        return None;
    }
    let env = patient.context.command("env --sdk automagik-clickhouse");
    let found = "their trace ids over OTLP are refused by the collector, being longer than OTLP's";
    Some(
        Finding::problem(Topic::DataPath, "automagik SDKs", found).mended_by(format!(
            "`eval \"$({env})\"` lets them write to ClickHouse directly"
        )),
    )
}

/// Whether an automagik SDK is set up here, with the backend that is its default.
fn sends_over_otlp(variables: &[(String, String)]) -> bool {
    let value = |wanted: &str| {
        let set = variables.iter().find(|(name, _)| name == wanted);
        set.map(|(_, value)| value.as_str())
    };
    let is_set_up = variables
        .iter()
        .any(|(name, _)| name.starts_with("AUTOMAGIK_TELEMETRY_"));
    let is_otlp = value("AUTOMAGIK_TELEMETRY_BACKEND").is_none_or(|backend| backend == "otlp");
    let is_off = value("AUTOMAGIK_TELEMETRY_ENABLED") == Some("false");
    is_set_up && is_otlp && !is_off
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sdk_that_is_set_up_sends_over_otlp_unless_told_otherwise() {
        let sends = |set: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| {
                (format!("AUTOMAGIK_TELEMETRY_{name}"), (*value).to_owned())
            };
            sends_over_otlp(&set.iter().map(owned).collect::<Vec<_>>())
        };
        assert!(sends(&[("ENABLED", "true")]));
        assert!(sends(&[("ENDPOINT", "http://x"), ("BACKEND", "otlp")]));
        assert!(!sends(&[("ENABLED", "true"), ("BACKEND", "clickhouse")]));
        assert!(!sends(&[("ENABLED", "false")]));
        assert!(!sends(&[]));
    }
}
