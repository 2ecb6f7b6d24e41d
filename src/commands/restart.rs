//! `telemetry restart`.

use std::time::{Duration, Instant};

use super::{
    interrupt::unless_interrupted,
    start::{Outcome, engine, lock, report, start},
    stop::stop,
};
use crate::{
    cli::RestartArgs,
    context::Context,
    error::Result,
    stack::{Start, Stopped, lifecycle, port::preflight_beside},
};

/// How long it may take to store what was received.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);

/// Runs the command.
pub(super) async fn run(context: &Context, args: &RestartArgs) -> Result<()> {
    let started = Instant::now();
    let patience = args.wait_timeout.0;
    let project = context.settings.project();
    // Whatever can be refused is refused while the stack still runs.
    context.settings.check_exposure()?;
    let engine = engine(context, &project).await?;
    let lock = lock(context, &project, patience).await?;
    let running = lifecycle::running(&project, &engine, patience).await?;
    let held = match (&running, &context.record) {
        (Some(_), Some(record)) => Some(&record.endpoints),
        _ => None,
    };
    preflight_beside(&context.settings.endpoints(), held)?;
    let stopped = unless_interrupted(stop(context, DRAIN_PATIENCE)).await?;
    let outcome = match stopped {
        Stopped::NotRunning => Outcome::Started,
        Stopped::Drained | Stopped::Killed => Outcome::Restarted,
    };
    let (Start::Started(status) | Start::AlreadyRunning(status)) =
        start(context, &project, &lock, &engine, patience).await?;
    context
        .printer
        .print(&report(context, outcome, &status, started))
}
