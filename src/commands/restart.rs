//! `telemetry restart`.

use std::time::Instant;

use super::{
    choose,
    dry_run::DryRun,
    interrupt::unless_interrupted,
    start::{Outcome, lock, report},
};
use crate::{
    cli::RestartArgs,
    context::Context,
    error::Result,
    output::Unit,
    stack::{Start, Stopped, lifecycle},
};

/// Runs the command.
pub(super) async fn run(context: &Context, args: &RestartArgs) -> Result<()> {
    let started = Instant::now();
    let patience = args.wait_timeout.0;
    let project = context.settings.project();
    // Whatever can be refused is refused while the stack still runs.
    context.settings.check_exposure()?;
    let engine = choose::engine(context, &project, &args.containers).await?;
    let kind = engine.kind();
    let desired = context.settings.desired(|endpoint| kind.offers(endpoint));
    if args.dry_run {
        let mut steps = engine.plan(&desired).await?;
        if steps.is_empty() {
            steps.push("1. stop everything and start it again (nothing has changed)".to_owned());
        }
        return context.printer.print(&DryRun { steps });
    }
    let lock = lock(context, &project, patience).await?;
    let before = context.engine();
    let running = lifecycle::running(&project, before.as_ref(), patience).await?;
    let held = match (&running, &context.record) {
        (Some(_), Some(record)) => Some(&record.endpoints),
        _ => None,
    };
    unless_interrupted(engine.preflight(&desired, held)).await?;
    let _progress = context.printer.progress("Restarting", None, Unit::Items);
    if before.kind() != kind {
        // Its data stays with the engine that has it.
        before.stop(patience).await?;
    }
    let settings = context.settings.to_recorded();
    let (outcome, status) = if running.is_some() {
        let (stopped, status) = lifecycle::restart(
            &project,
            &lock,
            engine.as_ref(),
            &desired,
            settings,
            patience,
        )
        .await?;
        if stopped == Stopped::Killed {
            context.printer.warn(
                "the stack did not stop in time and was killed; what it had acknowledged is stored",
            );
        }
        (Outcome::Restarted, status)
    } else {
        let (Start::Started(status) | Start::AlreadyRunning(status)) = lifecycle::start(
            &project,
            &lock,
            engine.as_ref(),
            &desired,
            settings,
            patience,
        )
        .await?;
        (Outcome::Started, status)
    };
    context
        .printer
        .print(&report(context, outcome, &status, started))
}
