//! `telemetry migrate --from-url` and `--from-compose`.

use std::io::{self, Write as _};

use serde::Serialize;

use super::super::{backup::tidy_up, interrupt::unless_interrupted, start::lock};
use super::LOCK_PATIENCE;
use crate::{
    clickhouse::{
        DataTable,
        backup::Scratch,
        import::{self, Imported, Pending, Source},
    },
    context::Context,
    error::Result,
    output::{Output, Screen, Table, Unit, figures},
    stack::{Adoptions, OldClickhouse},
};

/// What came over.
#[derive(Serialize)]
struct Report {
    tables: Vec<Imported>,
}

/// What would be looked at.
#[derive(Serialize)]
struct DryRun {
    tables: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    table: DataTable,
    source_rows: u64,
    expired: u64,
    left_out: Vec<String>,
}

/// Brings over what the ClickHouse at a URL has.
pub(super) async fn from_url(context: &Context, url: &str, dry_run: bool) -> Result<()> {
    let source = Source::new(Context::http(), url)?;
    import(context, &source, dry_run).await?.print(context)
}

/// Brings over what the ClickHouse of a Compose project has, whether it runs or not.
pub(super) async fn from_compose(context: &Context, old: &str, dry_run: bool) -> Result<()> {
    // Before anything is copied, there is a stack to bring it to.
    let client = context.clickhouse();
    unless_interrupted(async { Ok(client.query("SELECT 1").execute().await?) }).await?;
    let project = context.settings.project();
    let lock = lock(context, &project, LOCK_PATIENCE).await?;
    let desired = context.settings.desired(|_| true);
    let old = OldClickhouse::open(old, &project, &lock, &desired, &context.printer).await?;
    let source = Source::of(old.client.clone());
    let volume = old.volume.clone();
    let imported = import(context, &source, dry_run).await;
    old.close(&context.printer).await;
    let imported = imported?;
    if let Outcome::Imported(_) = imported
        && let Err(error) = Adoptions::add(&project, &volume)
    {
        context.printer.warn(format!(
            "`telemetry start` will go on to tell of volume `{volume}`: {error}"
        ));
    }
    imported.print(context)
}

/// What came of it.
enum Outcome {
    Imported(Report),
    DryRun(DryRun),
}

impl Outcome {
    fn print(&self, context: &Context) -> Result<()> {
        match self {
            Self::Imported(report) => context.printer.print(report),
            Self::DryRun(dry_run) => context.printer.print(dry_run),
        }
    }
}

/// Brings over what a ClickHouse has, and leaves it as it is. Ctrl-C leaves whole days here, which
/// the next time knows again.
async fn import(context: &Context, source: &Source, dry_run: bool) -> Result<Outcome> {
    let client = context.clickhouse();
    let pending = unless_interrupted(async { Ok(import::survey(source, &client).await?) }).await?;
    for table in &pending {
        warn_of_losses(context, table);
    }
    if dry_run {
        let tables = pending.iter().map(Found::from).collect();
        return Ok(Outcome::DryRun(DryRun { tables }));
    }
    let scratch = Scratch::new(client);
    let imported = unless_interrupted(async {
        scratch.create().await?;
        bring_over(context, source, &scratch, &pending).await
    });
    let imported = imported.await;
    tidy_up(context, scratch).await;
    Ok(Outcome::Imported(Report { tables: imported? }))
}

async fn bring_over(
    context: &Context,
    source: &Source,
    scratch: &Scratch,
    pending: &[Pending],
) -> Result<Vec<Imported>> {
    let mut imported = Vec::new();
    for pending in pending {
        let message = format!("Bringing over {}", pending.table());
        let bar = context
            .printer
            .progress(&message, Some(pending.rows()), Unit::Items);
        imported.push(import::bring_over(source, scratch, pending, |rows| bar.set(rows)).await?);
    }
    Ok(imported)
}

fn warn_of_losses(context: &Context, pending: &Pending) {
    let table = pending.table();
    if pending.expired() > 0 {
        context.printer.warn(format!(
            "older than telemetry is kept here, and left where they are: {} of `{table}`; `{}` keeps telemetry longer",
            figures::counted(pending.expired(), "row"),
            context.command("restart --retention-days DAYS"),
        ));
    }
    if !pending.left_out().is_empty() {
        context.printer.warn(format!(
            "columns of `{table}` that have no place here are left out: {}",
            pending.left_out().join(", ")
        ));
    }
}

impl From<&Pending> for Found {
    fn from(pending: &Pending) -> Self {
        Self {
            table: pending.table(),
            source_rows: pending.rows() + pending.expired(),
            expired: pending.expired(),
            left_out: pending.left_out().to_vec(),
        }
    }
}

impl Output for Report {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let mut table = Table::new(["table", "source", "brought over", "already here", "too old"]);
        for column in 1..=4 {
            table = table.right(column);
        }
        for it in &self.tables {
            let counts = [it.source_rows, it.brought, it.present, it.expired];
            let cells = counts.map(figures::count);
            table.row(
                [it.table.name()]
                    .into_iter()
                    .chain(cells.iter().map(String::as_str)),
            );
        }
        screen.table(&table)
    }
}

impl Output for DryRun {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        for Found {
            table,
            source_rows,
            expired,
            ..
        } in &self.tables
        {
            let rows = figures::counted(source_rows - expired, "row");
            writeln!(
                screen,
                "{table}: would bring over {rows}, but for those that are here"
            )?;
        }
        Ok(())
    }
}
