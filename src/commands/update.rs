//! `telemetry update`: bring what runs to the versions of this program.

use std::io::{self, Write as _};

use serde::Serialize;

use super::{choose, start::lock};
use crate::{
    cli::{ContainersArgs, UpdateArgs},
    context::Context,
    docker::plan::PullPolicy,
    error::Result,
    output::{Output, Screen, Table, Unit},
    stack::{RunState, Service, ServiceStatus, StackStatus, lifecycle},
};

/// What was done.
#[derive(Debug, Serialize)]
struct Updated {
    project: String,
    outcome: Outcome,
    services: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Some of it was made anew.
    Updated,
    /// All of it was as it should be.
    UpToDate,
    /// It does not run; what it takes is here.
    Fetched,
}

/// What became of a service.
#[derive(Debug, Serialize)]
struct Change {
    service: Service,
    before: Option<String>,
    after: Option<String>,
    /// Whether it was started anew.
    restarted: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &UpdateArgs) -> Result<()> {
    let patience = args.wait_timeout.0;
    let project = context.settings.project();
    context.settings.check_exposure()?;
    let containers = ContainersArgs {
        pull: PullPolicy::Missing,
        keep: args.keep,
    };
    let engine = choose::engine(context, &project, &containers).await?;
    let kind = engine.kind();
    let desired = context.settings.desired(|endpoint| kind.offers(endpoint));
    engine.fetch(&desired).await?;
    let lock = lock(context, &project, patience).await?;
    let before = engine.status().await;
    let runs = lifecycle::running(&project, engine.as_ref(), patience)
        .await?
        .is_some()
        || before.state == RunState::Partial;
    if !runs {
        return context.printer.print(&Updated {
            project: project.name().to_owned(),
            outcome: Outcome::Fetched,
            services: Vec::new(),
        });
    }
    let _progress = context.printer.progress("Updating", None, Unit::Items);
    let settings = context.settings.to_recorded();
    let after = lifecycle::update(
        &project,
        &lock,
        engine.as_ref(),
        &desired,
        settings,
        patience,
    )
    .await?;
    let services = changes(&before, &after);
    let outcome = if services.iter().any(|change| change.restarted) {
        Outcome::Updated
    } else {
        Outcome::UpToDate
    };
    context.printer.print(&Updated {
        project: project.name().to_owned(),
        outcome,
        services,
    })
}

fn changes(before: &StackStatus, after: &StackStatus) -> Vec<Change> {
    let earlier = |service| {
        before
            .services
            .iter()
            .find(|status| status.service == service)
    };
    let change = |status: &ServiceStatus| {
        let earlier = earlier(status.service);
        Change {
            service: status.service,
            before: earlier.and_then(|status| status.version.clone()),
            after: status.version.clone(),
            restarted: earlier.and_then(|status| status.since) != status.since,
        }
    };
    after.services.iter().map(change).collect()
}

impl Output for Updated {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let project = &self.project;
        match self.outcome {
            Outcome::Updated => writeln!(screen, "Updated `{project}`\n")?,
            Outcome::UpToDate => return writeln!(screen, "`{project}` is up to date"),
            Outcome::Fetched => {
                return writeln!(
                    screen,
                    "`{project}` does not run; what it takes is here for the next start"
                );
            }
        }
        let mut table = Table::new(["Service", "Before", "Now", ""]);
        for change in &self.services {
            let known = |version: &Option<String>| version.clone().unwrap_or("-".to_owned());
            let remark = match (change.before == change.after, change.restarted) {
                (_, false) => "as it was",
                (true, true) => "made anew",
                (false, true) => "",
            };
            let (before, after) = (known(&change.before), known(&change.after));
            table.row([change.service.as_str(), &before, &after, remark]);
        }
        screen.table(&table)
    }
}
