//! `telemetry stop`.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    cli::StopArgs,
    context::Context,
    error::Result,
    output::{Output, Screen, Unit},
    stack::{RunState, Stopped},
};

/// The stack does not run any more.
#[derive(Debug, Serialize)]
struct Report {
    project: String,
    outcome: Stopped,
    elapsed_ms: u64,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &StopArgs) -> Result<()> {
    let started = Instant::now();
    let outcome = stop(context, args.timeout.0).await?;
    context.printer.print(&Report {
        project: context.settings.project().name().to_owned(),
        outcome,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// Stops the stack, and warns when that did not go well.
pub(super) async fn stop(context: &Context, patience: Duration) -> Result<Stopped> {
    let engine = context.engine();
    // What does not run may still be there.
    if engine.status().await.state == RunState::NotRunning && !engine.has_remains().await {
        return Ok(Stopped::NotRunning);
    }
    let _progress = context.printer.progress("Stopping", None, Unit::Items);
    let outcome = engine.stop(patience).await?;
    if outcome == Stopped::Killed {
        context.printer.warn(format!(
            "the stack did not stop within {patience:?} and was killed; what it had acknowledged is stored"
        ));
    }
    Ok(outcome)
}

impl Output for Report {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let project = &self.project;
        let seconds = Duration::from_millis(self.elapsed_ms).as_secs_f64();
        match self.outcome {
            Stopped::NotRunning => writeln!(screen, "`{project}` is not running"),
            Stopped::Drained => writeln!(screen, "Stopped `{project}` in {seconds:.2} s"),
            Stopped::Killed => writeln!(screen, "Killed `{project}` after {seconds:.2} s"),
        }
    }
}
