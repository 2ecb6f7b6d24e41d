//! Whether telemetry gets from its senders to where it is found.

use serde::Deserialize;

use super::{Patient, flow};
use crate::{
    context::Context,
    output::figures,
    stack::{Finding, Level, RunState, ServiceStatus, Topic, probe_all},
};

/// When the last span of a day began, in milliseconds since 1970, and how long ago that is.
const LAST_SPAN: &str = "\
SELECT count() AS spans, dateDiff('millisecond', max(timestamp), now64(9)) AS age_ms
FROM telemetry.traces
WHERE timestamp BETWEEN now64(9) - INTERVAL 1 DAY AND now64(9)";

pub(super) async fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = vec![state(patient)];
    for service in &patient.status.services {
        findings.extend(missing(patient, service));
        findings.extend(restarts(patient, service));
    }
    if patient.runs() {
        let (probes, flow, last_span) =
            tokio::join!(probes(patient), flow::findings(patient), last_span(patient));
        findings.extend(probes);
        findings.extend(flow);
        findings.extend(last_span);
    }
    findings
}

fn state(patient: &Patient<'_>) -> Finding {
    let state = patient.status.state;
    let found = match &patient.status.reason {
        Some(reason) => format!("{state}: {reason}"),
        None => state.to_string(),
    };
    let finding = Finding::ok(Topic::DataPath, "stack", found);
    match state {
        RunState::Running => finding,
        RunState::NotRunning => finding
            .at(Level::Note)
            .mended_by(format!("{} starts it", patient.command("start"))),
        RunState::Starting | RunState::Stopping => finding.at(Level::Note).mended_by(format!(
            "{} waits until it is ready",
            patient.command("health --wait")
        )),
        // What is missing is told of each.
        RunState::Partial => finding.at(Level::Note),
        // Why it cannot be told is a problem that is told already.
        RunState::Unknown if !can_be_told(patient) => finding.at(Level::Note),
        RunState::Restarting | RunState::Unknown => finding.at(Level::Problem).mended_by(format!(
            "{} shows what happened",
            patient.command("logs --tail 50")
        )),
    }
}

/// Whether there is an engine to ask, and a directory to look into.
fn can_be_told(patient: &Patient<'_>) -> bool {
    let mut findings = patient.examination.findings.iter();
    let ask = !findings.any(|it| (it.topic, it.level) == (Topic::Engine, Level::Problem));
    ask && patient.context.settings.project().exists().is_ok()
}

/// A service that does not run though others do.
fn missing(patient: &Patient<'_>, service: &ServiceStatus) -> Option<Finding> {
    let is_missing =
        patient.status.state == RunState::Partial && service.state == RunState::NotRunning;
    let name = service.service.as_str();
    is_missing.then(|| {
        let found = match &service.last_exit {
            Some(exit) => format!("not running; it ended with {exit}"),
            None => "not there".to_owned(),
        };
        Finding::problem(Topic::DataPath, name, found).mended_by(format!(
            "{} shows what happened, {} starts it",
            patient.command(&format!("logs {name} --tail 50")),
            patient.command("start")
        ))
    })
}

fn restarts(patient: &Patient<'_>, service: &ServiceStatus) -> Option<Finding> {
    if service.restarts == 0 {
        return None;
    }
    let times = figures::counted(u64::from(service.restarts), "time");
    let last = service.last_exit.as_deref().unwrap_or("unknown");
    let found = format!("was started again {times} since the stack was; it last ended with {last}");
    let fix = format!("{} shows what happened", patient.command("logs --tail 50"));
    Some(Finding::note(Topic::DataPath, service.service.as_str(), found).mended_by(fix))
}

/// What does not answer; or, in one line, that all does.
async fn probes(patient: &Patient<'_>) -> Vec<Finding> {
    let endpoints = &patient.desired.endpoints;
    let probes = probe_all(&Context::http(), endpoints, &patient.clickhouse()).await;
    let all = figures::counted(probes.len() as u64, "endpoint");
    let failed: Vec<_> = probes
        .into_iter()
        .filter(|probe| !probe.passed)
        .map(|probe| {
            let subject = format!("{} at {}", probe.endpoint, probe.url);
            let reason = probe.reason.unwrap_or_default();
            Finding::problem(Topic::DataPath, subject, reason).mended_by(format!(
                "{} shows what happened; {} starts the stack anew",
                patient.command("logs --tail 50"),
                patient.command("restart")
            ))
        })
        .collect();
    if failed.is_empty() {
        return vec![Finding::ok(Topic::DataPath, all, "every one answers")];
    }
    failed
}

async fn last_span(patient: &Patient<'_>) -> Option<Finding> {
    #[derive(Deserialize)]
    struct Last {
        spans: u64,
        age_ms: i64,
    }
    const SUBJECT: &str = "last span";
    let client = patient.clickhouse();
    let last: Last = patient.ask(client.query(LAST_SPAN)).await?;
    if last.spans > 0 {
        let age = last.age_ms.unsigned_abs().saturating_mul(1_000_000);
        let found = format!("began {} ago", figures::time_span(age));
        return Some(Finding::ok(Topic::DataPath, SUBJECT, found));
    }
    let found = "none in the last 24 hours";
    Some(
        Finding::note(Topic::DataPath, SUBJECT, found).mended_by(format!(
            "{} sends some and finds them again; `eval \"$({})\"` points SDKs at the stack",
            patient.command("test"),
            patient.context.command("env")
        )),
    )
}
