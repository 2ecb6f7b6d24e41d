//! `telemetry clean`.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use indicatif::BinaryBytes;
use serde::Serialize;

use super::stop::stop;
use crate::{
    cli::CleanArgs,
    context::Context,
    error::Result,
    output::{Output, Screen},
    stack::ProjectError,
};

/// How long the stack may take to stop; nothing that it holds is wanted any more.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How long another process may take to finish changing the stack.
const LOCK_PATIENCE: Duration = Duration::from_mins(1);

/// What is gone.
#[derive(Debug, Serialize)]
struct Report {
    project: String,
    directory: PathBuf,
    /// Whether there was anything.
    removed: bool,
    /// What held data elsewhere.
    data: Vec<String>,
    bytes: u64,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &CleanArgs) -> Result<()> {
    let project = context.settings.project();
    let mut report = Report {
        project: project.name().to_owned(),
        directory: project.root().to_owned(),
        removed: false,
        data: Vec::new(),
        bytes: 0,
    };
    if !project.exists()? {
        return context.printer.print(&report);
    }
    report.bytes = project
        .size_on_disk()
        .map_err(|error| ProjectError::Io(project.root().to_owned(), error))?;
    let engine = context.engine();
    report.data = engine.data().await?;
    let mut places = format!("`{}`", project.root().display());
    for name in &report.data {
        places.push_str(" and ");
        places.push_str(name);
    }
    let action = format!(
        "stop `{}` and delete {places} with all its telemetry ({})",
        project.name(),
        BinaryBytes(report.bytes)
    );
    context.printer.confirm(&action, args.yes)?;

    // Once before the lock, so that a start under way is not waited for, and once with it.
    stop(context, STOP_PATIENCE).await?;
    let waits = || {
        context
            .printer
            .status("Waiting for another `telemetry` that changes the stack");
    };
    let lock = project.lock(LOCK_PATIENCE, waits).await?;
    engine.stop(STOP_PATIENCE).await?;
    engine.remove_data().await?;
    project.remove(lock)?;
    report.removed = true;
    context.printer.print(&report)
}

impl Output for Report {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let directory = self.directory.display();
        if self.removed {
            let size = BinaryBytes(self.bytes);
            writeln!(screen, "Deleted `{directory}` ({size})")?;
            for name in &self.data {
                writeln!(screen, "Deleted {name}")?;
            }
            Ok(())
        } else {
            writeln!(screen, "Nothing to delete: there is no `{directory}`")
        }
    }
}
