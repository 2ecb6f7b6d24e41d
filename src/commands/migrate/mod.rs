//! `telemetry migrate`: the database, brought to the schema of this program; and the telemetry of
//! another one, brought into it.

mod import;

use std::{
    io::{self, Write as _},
    time::Duration,
};

use serde::Serialize;

use super::{interrupt::unless_interrupted, start::lock};
use crate::{
    cli::MigrateArgs,
    clickhouse::schema::{self, Migration, OverHttp, Parameters, Plan, VERSION},
    context::Context,
    error::Result,
    output::{Output, Screen},
};

/// How long another process may take to finish changing the stack.
const LOCK_PATIENCE: Duration = Duration::from_mins(1);

/// What was done to the schema, or would be.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    /// The version that was found; `None` if there was no database.
    from_version: Option<u32>,
    to_version: u32,
    migrations: Vec<Step>,
    /// Statements that follow from changed settings.
    adjustments: Vec<String>,
}

/// A migration.
#[derive(Serialize)]
struct Step {
    version: u32,
    name: &'static str,
    statements: Vec<&'static str>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &MigrateArgs) -> Result<()> {
    match (&args.from_url, &args.from_compose) {
        (Some(url), _) => import::from_url(context, url, args.dry_run).await,
        (_, Some(project)) => import::from_compose(context, project, args.dry_run).await,
        _ => unless_interrupted(bring_to_schema(context, args.dry_run)).await,
    }
}

/// `start` does the same by itself; this is for whoever wants to look first.
async fn bring_to_schema(context: &Context, dry_run: bool) -> Result<()> {
    let client = context.clickhouse();
    let parameters = Parameters {
        retention_days: context.settings.retention_days.value,
        environment: &context.settings.environment.value,
    };
    let plan = if dry_run {
        schema::plan(&mut OverHttp(&client), &parameters).await?
    } else {
        let _lock = lock(context, &context.settings.project(), LOCK_PATIENCE).await?;
        schema::apply(&client, &parameters).await?
    };
    context.printer.print(&Report::new(plan, dry_run))
}

impl Report {
    fn new(plan: Plan, dry_run: bool) -> Self {
        Self {
            dry_run,
            from_version: plan.from,
            to_version: VERSION,
            migrations: plan.migrations.iter().map(Step::from).collect(),
            adjustments: plan.adjustments,
        }
    }
}

impl From<&Migration> for Step {
    fn from(migration: &Migration) -> Self {
        Self {
            version: migration.version,
            name: migration.name,
            statements: migration.statements(),
        }
    }
}

impl Output for Report {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let to = self.to_version;
        match (self.from_version, self.dry_run) {
            (None, true) => writeln!(screen, "Would make the database, schema version {to}")?,
            (None, false) => writeln!(screen, "Made the database, schema version {to}")?,
            (Some(from), _) if from == to => {
                writeln!(screen, "The database has schema version {to}, the latest")?;
            }
            (Some(from), true) => writeln!(
                screen,
                "Would migrate the database from schema version {from} to {to}"
            )?,
            (Some(from), false) => writeln!(
                screen,
                "Migrated the database from schema version {from} to {to}"
            )?,
        }
        for Step {
            version,
            name,
            statements,
        } in &self.migrations
        {
            writeln!(screen, "\n{version} {name}")?;
            if self.dry_run {
                for statement in statements {
                    writeln!(screen, "{statement};")?;
                }
            }
        }
        if !self.adjustments.is_empty() {
            writeln!(screen, "\nChanged settings")?;
            for statement in &self.adjustments {
                writeln!(screen, "{statement};")?;
            }
        }
        Ok(())
    }
}
