//! `telemetry health`.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    cli::HealthArgs,
    context::Context,
    error::{Code, Failure, Result},
    output::{Output, Screen, Table, Unit, figures},
    stack::{Flow, Probe, RunState, flows, obstruction, probe_all},
};

/// How long to wait between two rounds of probes.
const INTERVAL: Duration = Duration::from_millis(100);

/// What every probe found, and the collector says.
#[derive(Debug, Serialize)]
struct Report {
    healthy: bool,
    probes: Vec<Probe>,
    /// What has gone through a collector, if there is one and it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    collector: Option<Collector>,
}

#[derive(Debug, Serialize)]
struct Collector {
    flows: [Flow; 3],
    /// What keeps telemetry from being stored.
    obstruction: Option<String>,
}

/// Not everything is as it should be.
#[derive(Debug, thiserror::Error)]
enum Unhealthy {
    #[error("{failed} of {all} probes failed")]
    Probes {
        failed: usize,
        all: usize,
        hint: String,
    },
    #[error("the collector does not store what it has: {obstruction}")]
    Obstructed { obstruction: String, hint: String },
}

impl Failure for Unhealthy {
    fn code(&self) -> Code {
        Code::Unhealthy
    }

    fn hint(&self) -> Option<String> {
        let (Self::Probes { hint, .. } | Self::Obstructed { hint, .. }) = self;
        Some(hint.clone())
    }
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &HealthArgs) -> Result<()> {
    let deadline = args.wait.then(|| Instant::now() + args.timeout.0);
    let report = probe_until(context, deadline).await;
    warn_of_losses(context, &report);
    if report.healthy {
        return context.printer.print(&report);
    }
    context.printer.print_failed(&report)?;
    let failed = report.probes.iter().filter(|probe| !probe.passed).count();
    let obstruction = report.collector.and_then(|collector| collector.obstruction);
    Err(match obstruction {
        Some(obstruction) if failed == 0 => Unhealthy::Obstructed {
            obstruction,
            hint: format!("`{}` says why", context.command("logs collector --tail 20")),
        },
        _ => Unhealthy::Probes {
            failed,
            all: report.probes.len(),
            hint: hint(context).await,
        },
    }
    .into())
}

async fn hint(context: &Context) -> String {
    match context.engine().status().await.state {
        RunState::NotRunning => format!("`{}` starts the stack", context.command("start")),
        RunState::Partial => format!(
            "`{}` starts what is missing; `{}` shows what happened",
            context.command("start"),
            context.command("logs --tail 50")
        ),
        _ => format!(
            "`{}` shows what happened",
            context.command("logs --tail 50")
        ),
    }
}

/// What is lost is no reason to call unhealthy what works by now, nor to say nothing.
fn warn_of_losses(context: &Context, report: &Report) {
    let flows = report
        .collector
        .iter()
        .flat_map(|collector| &collector.flows);
    for Flow { signal, lost, .. } in flows.filter(|flow| flow.lost > 0) {
        let items = signal.count(*lost);
        context.printer.warn(format!(
            "since its start, the collector could not store {items}, which ClickHouse refused"
        ));
    }
}

/// Probes until every probe passes, or until `deadline`; once, if there is none.
async fn probe_until(context: &Context, deadline: Option<Instant>) -> Report {
    let endpoints = context.endpoints();
    let (http, clickhouse) = (Context::http(), context.clickhouse());
    let mut progress = None;
    loop {
        let probes = probe_all(&http, &endpoints, &clickhouse).await;
        let collector = match flows(&http, &endpoints).await {
            Some(flows) => Some(Collector {
                flows,
                obstruction: obstruction(&http, &endpoints, &flows).await,
            }),
            None => None,
        };
        let is_free = |collector: &Collector| collector.obstruction.is_none();
        let healthy =
            probes.iter().all(|probe| probe.passed) && collector.as_ref().is_none_or(is_free);
        let waits = deadline.is_some_and(|deadline| Instant::now() < deadline);
        if healthy || !waits {
            return Report {
                healthy,
                probes,
                collector,
            };
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
        screen.table(&table)?;
        match &self.collector {
            Some(collector) => {
                writeln!(screen)?;
                screen.table(&collector.table())
            }
            None => Ok(()),
        }
    }
}

impl Collector {
    fn table(&self) -> Table {
        let titles = [
            "Through the collector",
            "Queued",
            "Stored",
            "Lost",
            "Refused",
        ];
        let mut table = Table::new(titles);
        for column in 1..=4 {
            table = table.right(column);
        }
        for flow in &self.flows {
            let queued = format!(
                "{} ({} %)",
                figures::bytes(flow.queued_bytes),
                flow.fullness()
            );
            let counts = [flow.stored, flow.lost, flow.refused].map(figures::count);
            table.row([flow.signal.to_string(), queued].into_iter().chain(counts));
        }
        table
    }
}
