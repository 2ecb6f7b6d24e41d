//! `telemetry start`.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{choose, dry_run::DryRun, interrupt::unless_interrupted};
use crate::{
    cli::StartArgs,
    context::Context,
    error::{Code, Failure, Result},
    output::{Output, Screen, Table},
    settings::{Origin, Recorded, Variable},
    stack::{
        ChangeLock, Endpoint, Engine, EngineKind, Project, Record, Recording, Service, StackStatus,
        Start, lifecycle,
    },
};

/// The stack runs, and this is where.
#[derive(Debug, Serialize)]
pub(super) struct Started {
    project: String,
    outcome: Outcome,
    engine: EngineKind,
    clickhouse_version: Option<String>,
    endpoints: BTreeMap<Endpoint, String>,
    clickhouse_user: String,
    data_directory: PathBuf,
    elapsed_ms: u64,
    #[serde(skip)]
    next: Vec<(String, &'static str)>,
}

/// What was done so that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It was started.
    Started,
    /// It was stopped and started again.
    Restarted,
    /// It ran.
    AlreadyRunning,
}

/// The stack runs in the background, and was to run in the foreground.
#[derive(Debug, thiserror::Error)]
#[error("the stack of project `{project}` runs already, in another process")]
struct RunsElsewhere {
    project: String,
    stop: String,
}

impl Failure for RunsElsewhere {
    fn code(&self) -> Code {
        Code::StackBusy
    }

    fn hint(&self) -> Option<String> {
        Some(format!("`{}` stops it", self.stop))
    }
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &StartArgs) -> Result<()> {
    let started = Instant::now();
    let patience = args.wait_timeout.0;
    let project = context.settings.project();
    context.settings.check_exposure()?;
    if args.foreground {
        return in_foreground(context, &project, patience, started).await;
    }

    // Looked for before the lock is taken, as it may have to be fetched; and not at all for a
    // stack that runs.
    let observed = context.engine();
    let running = lifecycle::running(&project, observed.as_ref(), patience).await?;
    let (engine, outcome) = if let Some(status) = running {
        if args.dry_run {
            return context.printer.print(&DryRun { steps: Vec::new() });
        }
        (observed, Start::AlreadyRunning(status))
    } else {
        let engine = choose::engine(context, &project, &args.containers).await?;
        if args.dry_run {
            let kind = engine.kind();
            let desired = context.settings.desired(|endpoint| kind.offers(endpoint));
            let steps = engine.plan(&desired).await?;
            return context.printer.print(&DryRun { steps });
        }
        let lock = lock(context, &project, patience).await?;
        let outcome = start(context, &project, &lock, engine.as_ref(), patience).await?;
        (engine, outcome)
    };
    for old in engine.adoptable().await {
        let command = context.command(&format!("migrate --from-compose {old}"));
        context.printer.status(&format!(
            "There is telemetry of the Compose project `{old}`; `{command}` brings it over"
        ));
    }
    let started = match outcome {
        Start::Started(status) => report(context, Outcome::Started, &status, started),
        Start::AlreadyRunning(status) => {
            warn_of_differences(context, &project);
            report(context, Outcome::AlreadyRunning, &status, started)
        }
    };
    context.printer.print(&started)
}

/// The right to change the stack.
pub(super) async fn lock(
    context: &Context,
    project: &Project,
    patience: Duration,
) -> Result<ChangeLock> {
    let waits = || {
        context
            .printer
            .status("Waiting for another `telemetry` that changes the stack");
    };
    unless_interrupted(async { Ok(project.lock(patience, waits).await?) }).await
}

/// Starts the stack as the settings say.
async fn start(
    context: &Context,
    project: &Project,
    lock: &ChangeLock,
    engine: &dyn Engine,
    patience: Duration,
) -> Result<Start> {
    let _progress = context
        .printer
        .progress("Starting", None, crate::output::Unit::Items);
    let settings = &context.settings;
    let kind = engine.kind();
    let desired = settings.desired(|endpoint| kind.offers(endpoint));
    let recorded = settings.to_recorded();
    lifecycle::start(project, lock, engine, &desired, recorded, patience).await
}

/// Runs the stack below this process until a signal ends it.
async fn in_foreground(
    context: &Context,
    project: &Project,
    patience: Duration,
    started: Instant,
) -> Result<()> {
    let observed = context.engine();
    refuse_beside(context, project, observed.as_ref(), patience).await?;
    let engine = choose::engine_for_foreground(context, project).await?;
    let lock = lock(context, project, patience).await?;
    // Another may have started it while this one looked for the library or waited for the lock.
    refuse_beside(context, project, &engine, patience).await?;
    let kind = engine.kind();
    let desired = context.settings.desired(|endpoint| kind.offers(endpoint));
    let recorded = context.settings.to_recorded();
    let mut recording = Some(Recording::begin(
        project,
        engine.kind(),
        &desired,
        recorded,
    )?);
    let ended = engine
        .run_in_foreground(&desired, patience, |version| {
            if let Some(recording) = recording.take() {
                recording.complete(version)?;
            }
            drop(lock);
            let report = describe(context, Outcome::Started, version, started);
            context.printer.print(&report)
        })
        .await;
    if let (Err(_), Some(recording)) = (&ended, recording) {
        recording.undo()?;
    }
    ended
}

/// Refuses to run a stack beside the one that runs.
async fn refuse_beside(
    context: &Context,
    project: &Project,
    engine: &dyn Engine,
    patience: Duration,
) -> Result<()> {
    match lifecycle::running(project, engine, patience).await? {
        None => Ok(()),
        Some(_) => Err(RunsElsewhere {
            project: project.name().to_owned(),
            stop: context.command("stop"),
        }
        .into()),
    }
}

/// Where the stack runs.
pub(super) fn report(
    context: &Context,
    outcome: Outcome,
    status: &StackStatus,
    started: Instant,
) -> Started {
    let version = status.version_of(Service::Clickhouse);
    describe(context, outcome, version, started)
}

fn describe(
    context: &Context,
    outcome: Outcome,
    version: Option<&str>,
    started: Instant,
) -> Started {
    let settings = &context.settings;
    let project = settings.project();
    // What runs already may listen elsewhere than this command's settings say.
    let record = Record::read(&project.record_path()).ok().flatten();
    let endpoints = record
        .as_ref()
        .map_or_else(|| context.endpoints(), |record| record.endpoints);
    let user = record
        .as_ref()
        .and_then(|record| record.settings.get("CLICKHOUSE_USER"))
        .unwrap_or(&settings.clickhouse_user.value);
    let next = [
        ("test", "sends sample telemetry and finds it again"),
        ("env", "points OpenTelemetry SDKs at the stack"),
        ("dashboard", "shows what came in"),
        ("status", "shows how it is"),
    ];
    Started {
        project: project.name().to_owned(),
        outcome,
        engine: record
            .as_ref()
            .map_or_else(|| context.engine_kind(), |record| record.engine),
        clickhouse_version: version.map(str::to_owned),
        endpoints: endpoints
            .offered()
            .map(|endpoint| (endpoint, endpoints.url(endpoint)))
            .collect(),
        clickhouse_user: user.clone(),
        data_directory: project.root().to_owned(),
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        next: next
            .into_iter()
            .map(|(name, does)| match name {
                "env" => (format!("eval \"$({})\"", context.command(name)), does),
                _ => (context.command(name), does),
            })
            .collect(),
    }
}

/// Says what was asked for and is not so, as a stack that runs is left alone. What is only a
/// default was not asked for.
fn warn_of_differences(context: &Context, project: &Project) {
    let Ok(Some(record)) = Record::read(&project.record_path()) else {
        return;
    };
    let differing = differing(context, &record.settings);
    if differing.is_empty() {
        return;
    }
    context.printer.warn(format!(
        "the stack runs with other values of {}; `{}` applies the new ones",
        differing.join(", "),
        context.command("restart")
    ));
}

fn differing(context: &Context, running: &Recorded) -> Vec<String> {
    let settings = &context.settings;
    let wanted = settings.to_recorded();
    let kind = context.engine_kind();
    // Naming the engine that it runs on asks for nothing else.
    let is_so =
        |variable| variable == Variable::Engine && settings.engine.value.as_str() == kind.as_str();
    settings
        .shown()
        .filter(|(variable, _, _)| !is_so(*variable))
        .filter(|(variable, _, origin)| variable.is_recorded() && **origin != Origin::Default)
        .map(|(variable, _, _)| variable.name())
        .filter(|name| wanted.get(*name) != running.get(*name))
        .map(|name| format!("`{name}`"))
        .collect()
}

impl Output for Started {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let project = &self.project;
        let seconds = Duration::from_millis(self.elapsed_ms).as_secs_f64();
        match self.outcome {
            Outcome::Started => writeln!(screen, "Started `{project}` in {seconds:.2} s")?,
            Outcome::Restarted => writeln!(screen, "Restarted `{project}` in {seconds:.2} s")?,
            Outcome::AlreadyRunning => writeln!(screen, "`{project}` is already running")?,
        }
        writeln!(screen)?;
        let mut table = Table::new(["Endpoint", "URL"]);
        for (endpoint, url) in &self.endpoints {
            table.row([endpoint.label(), url]);
        }
        screen.table(&table)?;
        writeln!(screen)?;
        writeln!(screen, "Next:")?;
        let width = self.next.iter().map(|(command, _)| command.len()).max();
        for (command, does) in &self.next {
            writeln!(
                screen,
                "  {command:width$}  {does}",
                width = width.unwrap_or(0)
            )?;
        }
        Ok(())
    }
}
