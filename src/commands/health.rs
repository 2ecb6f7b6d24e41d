//! `telemetry health`.

use std::{
    io,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    cli::HealthArgs,
    context::Context,
    error::{Code, Failure, Result},
    output::{Output, Screen, Table, Unit},
    stack::{Probe, RunState, probe_all},
};

/// How long to wait between two rounds of probes.
const INTERVAL: Duration = Duration::from_millis(100);

/// What every probe found.
#[derive(Debug, Serialize)]
struct Report {
    healthy: bool,
    probes: Vec<Probe>,
}

/// Not every probe passed.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {all} probes failed")]
struct Unhealthy {
    failed: usize,
    all: usize,
    hint: String,
}

impl Failure for Unhealthy {
    fn code(&self) -> Code {
        Code::Unhealthy
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &HealthArgs) -> Result<()> {
    let deadline = args.wait.then(|| Instant::now() + args.timeout.0);
    let report = probe_until(context, deadline).await;
    if report.healthy {
        return context.printer.print(&report);
    }
    context.printer.print_failed(&report)?;
    let hint = match context.engine().status().await.state {
        RunState::NotRunning => format!("`{}` starts the stack", context.command("start")),
        _ => format!(
            "`{}` shows what happened",
            context.command("logs --tail 50")
        ),
    };
    Err(Unhealthy {
        failed: report.probes.iter().filter(|probe| !probe.passed).count(),
        all: report.probes.len(),
        hint,
    }
    .into())
}

/// Probes until every probe passes, or until `deadline`; once, if there is none.
async fn probe_until(context: &Context, deadline: Option<Instant>) -> Report {
    let endpoints = context.endpoints();
    let (http, clickhouse) = (Context::http(), context.clickhouse());
    let mut progress = None;
    loop {
        let probes = probe_all(&http, &endpoints, &clickhouse).await;
        let healthy = probes.iter().all(|probe| probe.passed);
        let waits = deadline.is_some_and(|deadline| Instant::now() < deadline);
        if healthy || !waits {
            return Report { healthy, probes };
        }
        progress.get_or_insert_with(|| {
            let message = "Waiting until every probe passes";
            context.printer.progress(message, None, Unit::Items)
        });
        tokio::time::sleep(INTERVAL).await;
    }
}

impl Output for Report {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let mut table =
            Table::new(["Endpoint", "Result", "Latency", "URL", "Probe", "Reason"]).right(2);
        for probe in &self.probes {
            let result = if probe.passed { "ok" } else { "FAILED" };
            let latency = Duration::from_micros(probe.latency_us).as_secs_f64() * 1000.0;
            table.row([
                probe.endpoint.label(),
                result,
                &format!("{latency:.1} ms"),
                &probe.url,
                probe.question,
                probe.reason.as_deref().unwrap_or_default(),
            ]);
        }
        screen.table(&table)
    }
}
