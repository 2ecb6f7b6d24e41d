//! What has become of telemetry on its way into ClickHouse.

use super::Patient;
use crate::{
    context::Context,
    stack::{Endpoint, Finding, Flow, Level, Topic, obstruction, receiver_flows},
};

/// How full a queue is, in percent, that fills faster than it is emptied.
const FILLING: u64 = 50;

/// How full one is that is about to refuse.
const FULL: u64 = 80;

/// What was refused or lost, and whether what waits is being stored.
pub(super) async fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let endpoints = &patient.desired.endpoints;
    let http = Context::http();
    // That it does not tell is told by its probe.
    let Some(flows) = receiver_flows(&http, endpoints).await else {
        return Vec::new();
    };
    let logs = patient.command("logs --tail 50");
    let mut findings = judge(&flows, &logs);
    if endpoints.port(Endpoint::CollectorMetrics).is_some()
        && fullest(&flows) < FULL
        && let Some(obstruction) = obstruction(&http, endpoints, &flows).await
    {
        let finding = Finding::problem(Topic::DataPath, "queue", obstruction);
        findings.push(finding.mended_by(format!("{logs} shows why")));
    }
    findings
}

fn judge(flows: &[Flow; 3], logs: &str) -> Vec<Finding> {
    let mut findings: Vec<_> = [
        (
            "lost",
            of_each(flows, |flow| flow.lost),
            "lost, as ClickHouse refused them",
        ),
        (
            "refused",
            of_each(flows, |flow| flow.refused),
            "refused; their senders were told, and may have sent them again",
        ),
    ]
    .into_iter()
    .filter_map(|(subject, items, what)| {
        let found = format!("{} {what}, since the stack was started", items?);
        let fix = format!("{logs} shows why");
        Some(Finding::note(Topic::DataPath, subject, found).mended_by(fix))
    })
    .collect();
    if findings.is_empty() {
        let found = match of_each(flows, |flow| flow.stored) {
            Some(items) => format!("{items} since the stack was started; none refused or lost"),
            None => "nothing since the stack was started".to_owned(),
        };
        findings.push(Finding::ok(Topic::DataPath, "stored", found));
    }
    findings.push(queue(fullest(flows), logs));
    findings
}

fn fullest(flows: &[Flow; 3]) -> u64 {
    flows.iter().map(Flow::fullness).max().unwrap_or_default()
}

fn queue(fullness: u64, logs: &str) -> Finding {
    let finding = Finding::ok(Topic::DataPath, "queue", format!("{fullness} % full"));
    let level = match fullness {
        ..FILLING => return finding,
        FILLING..FULL => Level::Note,
        FULL.. => Level::Problem,
    };
    finding.at(level).mended_by(format!(
        "{logs} shows why ClickHouse does not take it; with a higher `TELEMETRY_MEMORY_LIMIT`, it \
         may be faster"
    ))
}

/// What there is of each signal, such as `3 spans, 1 log record`; `None` if there is nothing.
fn of_each(flows: &[Flow; 3], number: impl Fn(&Flow) -> u64) -> Option<String> {
    let items: Vec<_> = flows
        .iter()
        .filter(|flow| number(flow) > 0)
        .map(|flow| flow.signal.count(number(flow)))
        .collect();
    (!items.is_empty()).then(|| items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::Signal;

    fn flows() -> [Flow; 3] {
        Signal::ALL.map(|signal| Flow {
            signal,
            queued_bytes: 0,
            queue_capacity_bytes: 1_000,
            stored: 0,
            lost: 0,
            refused: 0,
        })
    }

    fn found(flows: &[Flow; 3]) -> Vec<(Level, String)> {
        let findings = judge(flows, "`telemetry logs`").into_iter();
        findings.map(|it| (it.level, it.found)).collect()
    }

    #[test]
    fn what_went_well_is_told_in_a_line() {
        let mut flows = flows();
        assert_eq!(
            found(&flows)[0],
            (Level::Ok, "nothing since the stack was started".to_owned())
        );
        flows[0].stored = 2;
        let (level, text) = &found(&flows)[0];
        assert_eq!(*level, Level::Ok);
        assert!(text.starts_with("2 spans since"), "{text}");
    }

    #[test]
    fn what_was_refused_or_lost_is_worth_a_note() {
        let mut flows = flows();
        flows[0].lost = 1;
        flows[1].refused = 1_000;
        let found = found(&flows);
        assert_eq!((found[0].0, found[1].0), (Level::Note, Level::Note));
        assert!(found[0].1.starts_with("1 span lost"), "{found:?}");
        assert!(found[1].1.starts_with("1000 logs refused"), "{found:?}");
    }

    #[test]
    fn the_fullest_queue_counts() {
        let level = |queued_bytes| {
            let mut flows = flows();
            flows[1].queued_bytes = queued_bytes;
            found(&flows).last().cloned()
        };
        assert_eq!(level(499), Some((Level::Ok, "49 % full".to_owned())));
        assert_eq!(level(500), Some((Level::Note, "50 % full".to_owned())));
        assert_eq!(level(950), Some((Level::Problem, "95 % full".to_owned())));
    }
}
