//! What the receiving side has counted of itself, in Prometheus' text format. The collector and
//! the embedded engine's receiver name alike what they both count.

use std::collections::BTreeMap;

use super::Patient;
use crate::{
    context::Context,
    output::figures,
    stack::{Endpoint, Finding, Level, Topic},
};

/// A queue that is this full, in hundredths, fills faster than it is emptied.
const FILLING: f64 = 50.0;

/// At this, it is about to refuse.
const FULL: f64 = 90.0;

/// Samples by the name of their family, and by their labels.
#[derive(Debug, Default, PartialEq)]
struct Counters<'p>(BTreeMap<&'p str, BTreeMap<&'p str, f64>>);

/// What went wrong with items between their arrival and the database, and how full the queue is.
pub(super) async fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    match page(patient).await {
        Some(page) => judge(&Counters::parse(&page), &patient.command("logs --tail 50")),
        // That it does not answer is said elsewhere.
        None => Vec::new(),
    }
}

/// The page, from the endpoint that is there for it, else from beside the health check.
async fn page(patient: &Patient<'_>) -> Option<String> {
    let url = patient
        .url(Endpoint::CollectorMetrics)
        .or_else(|| patient.url(Endpoint::Health))?;
    let request = Context::http()
        .get(format!("{url}/metrics"))
        .timeout(super::PATIENCE);
    let answer = request.send().await.ok()?.error_for_status().ok()?;
    answer.text().await.ok()
}

fn judge(counters: &Counters, logs: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (what, families, why) in [
        (
            "refused",
            counters.of_each_signal("otelcol_receiver_refused"),
            "refused, being malformed or more than there was room for",
        ),
        (
            "failed",
            counters.of_each_signal("otelcol_receiver_failed"),
            "that could not be stored; their senders were told, and may send them again",
        ),
        (
            "not sent on",
            counters.of_each_signal("otelcol_exporter_send_failed"),
            "not taken by ClickHouse",
        ),
        (
            "not queued",
            counters.of_each_signal("otelcol_exporter_enqueue_failed"),
            "with no room in the queue",
        ),
    ] {
        if families.is_empty() {
            continue;
        }
        let found = format!("{} {why}, since it was started", families.join(", "));
        findings.push(
            Finding::note(Topic::DataPath, what, found)
                .mended_by(format!("{logs} shows what happened")),
        );
    }
    findings.extend(counters.queue(logs));
    if findings.iter().all(|finding| finding.level == Level::Ok) {
        let found = match counters.accepted() {
            Some(accepted) => format!("{accepted}; none refused or lost"),
            None => "nothing since it was started".to_owned(),
        };
        findings.insert(0, Finding::ok(Topic::DataPath, "received", found));
    }
    findings
}

impl<'p> Counters<'p> {
    /// Samples whose lines cannot be read are left out.
    fn parse(page: &'p str) -> Self {
        let mut families: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        for (name, labels, value) in lines.filter_map(sample) {
            families.entry(name).or_default().insert(labels, value);
        }
        Self(families)
    }

    /// A family's samples, with their labels.
    fn samples(&self, family: &str) -> impl Iterator<Item = (&'p str, f64)> {
        let samples = self.0.get(family).into_iter().flatten();
        samples.map(|(labels, value)| (*labels, *value))
    }

    fn sum(&self, family: &str) -> f64 {
        self.samples(family).map(|(_, value)| value).sum()
    }

    /// What of a family's signals is not zero, such as `3 spans`.
    fn of_each_signal(&self, family: &str) -> Vec<String> {
        [
            ("spans", "span"),
            ("log_records", "log record"),
            ("metric_points", "data point"),
        ]
        .into_iter()
        .map(|(items, item)| (self.sum(&format!("{family}_{items}")), item))
        .filter(|(value, _)| *value >= 1.0)
        .map(|(value, item)| figures::counted(whole(value), item))
        .collect()
    }

    fn accepted(&self) -> Option<String> {
        let accepted = self.of_each_signal("otelcol_receiver_accepted");
        (!accepted.is_empty()).then(|| accepted.join(", "))
    }

    /// How full the fullest queue is, in hundredths; `None` if there is none.
    fn fullest_queue(&self) -> Option<f64> {
        let capacities: BTreeMap<_, _> = self.samples("otelcol_exporter_queue_capacity").collect();
        self.samples("otelcol_exporter_queue_size")
            .filter_map(|(labels, size)| Some((size, *capacities.get(labels)?)))
            .filter(|(_, capacity)| *capacity >= 1.0)
            .map(|(size, capacity)| 100.0 * size / capacity)
            .max_by(f64::total_cmp)
    }

    fn queue(&self, logs: &str) -> Option<Finding> {
        let percent = self.fullest_queue()?;
        let finding = Finding::ok(Topic::DataPath, "queue", format!("{percent:.0} % full"));
        let level = match percent {
            FULL.. => Level::Problem,
            FILLING.. => Level::Note,
            _ => return Some(finding),
        };
        let fix = format!(
            "{logs} shows why ClickHouse does not take it; a higher `TELEMETRY_MEMORY_LIMIT` may \
             speed it up"
        );
        Some(finding.at(level).mended_by(fix))
    }
}

/// The name, the labels and the value of a line such as `name{label="x"} 3`. A counter's name may
/// end with `_total`, which tells nothing.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    let (name, labels, rest) = if let Some((name, rest)) = line.split_once('{') {
        let (labels, rest) = rest.rsplit_once('}')?;
        (name, labels, rest)
    } else {
        let (name, rest) = line.split_once(' ')?;
        (name, "", rest)
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    let name = name.trim();
    Some((name.strip_suffix("_total").unwrap_or(name), labels, value))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counters are whole, positive and far from the limits"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = "\
# HELP otelcol_receiver_accepted_spans_total Number of spans
# TYPE otelcol_receiver_accepted_spans_total counter
otelcol_receiver_accepted_spans_total{receiver=\"otlp\",transport=\"grpc\"} 7
otelcol_receiver_accepted_spans_total{receiver=\"otlp\",transport=\"http\"} 5 1767172800000
otelcol_exporter_queue_size{data_type=\"logs\",text=\"a } b\"} 10
otelcol_exporter_queue_size{data_type=\"traces\"} 0
otelcol_exporter_queue_capacity{data_type=\"logs\",text=\"a } b\"} 1e3
otelcol_exporter_queue_capacity{data_type=\"traces\"} 1e3
nonsense
";

    fn levels(page: &str) -> Vec<(String, Level)> {
        let findings = judge(&Counters::parse(page), "`telemetry logs`");
        let level = |finding: Finding| (finding.found, finding.level);
        findings.into_iter().map(level).collect()
    }

    #[test]
    fn what_was_received_well_is_told_in_one_line() {
        let expected = [
            ("12 spans; none refused or lost".to_owned(), Level::Ok),
            ("1 % full".to_owned(), Level::Ok),
        ];
        assert_eq!(levels(PAGE), expected);
    }

    #[test]
    fn what_was_refused_and_a_queue_that_fills_are_told_of() {
        let page = format!(
            "{PAGE}otelcol_receiver_refused_log_records 1\n\
             otelcol_exporter_queue_size{{data_type=\"traces\"}} 950\n"
        );
        let found = levels(&page);
        let refused = "1 log record refused, being malformed or more than there was room for, since \
                       it was started";
        assert_eq!(found[0], (refused.to_owned(), Level::Note));
        assert_eq!(found[1], ("95 % full".to_owned(), Level::Problem));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn without_a_queue_nothing_is_said_of_one() {
        assert_eq!(
            levels(""),
            [("nothing since it was started".to_owned(), Level::Ok)]
        );
    }

    proptest! {
        #[test]
        fn any_page_is_read_without_a_panic(page in "(otelcol_exporter_queue_size|a)?[{}\" \n]*\\PC*") {
            judge(&Counters::parse(&page), "");
        }
    }
}
