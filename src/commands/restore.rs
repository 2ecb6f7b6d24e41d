//! `telemetry restore`: the telemetry of an archive, back in the database.

use std::io::{self, Write as _};

use serde::Serialize;

use super::{
    backup::{ArchivedTable, Bars, tidy_up},
    interrupt::unless_interrupted,
};
use crate::{
    cli::RestoreArgs,
    clickhouse::{
        Client, DataTable,
        backup::{self, Archive, ArchiveFile, BackupError, Scratch},
    },
    context::Context,
    error::Result,
    output::{Output, Screen, figures},
};

#[derive(Serialize)]
struct Restore {
    file: String,
    tables: Vec<ArchivedTable>,
}

/// Restores. The telemetry that is there is not touched before all of the archive is in the
/// database, beside it, and found to be right; so Ctrl-C and failures until then change nothing.
pub(super) async fn run(context: &Context, args: &RestoreArgs) -> Result<()> {
    let bars = Bars::new(&context.printer, "Restoring");
    let archive = unless_interrupted(check(context, args, &bars)).await?;
    let scratch = Scratch::new(context.clickhouse());
    let staged = unless_interrupted(async {
        scratch.create().await?;
        Ok(archive.stage(&scratch, &bars).await?)
    });
    let staged = staged.await;
    drop(bars);
    let restored = match staged {
        Ok(expired) => {
            warn_of_expiry(context, expired);
            // This takes a moment only, and is not to be left half-done.
            let placed = if args.replace {
                backup::replace(&scratch).await
            } else {
                backup::add(&scratch).await
            };
            placed.map_err(Into::into)
        }
        Err(error) => Err(error),
    };
    tidy_up(context, scratch).await;
    restored?;
    let tables = &archive.manifest().tables;
    context.printer.print(&Restore {
        file: args.file.display().to_string(),
        tables: tables.iter().map(ArchivedTable::from).collect(),
    })
}

/// Checks that what is there may go, and the archive.
async fn check(context: &Context, args: &RestoreArgs, bars: &Bars<'_>) -> Result<Archive> {
    let file = ArchiveFile::open(&args.file)?;
    let client = context.clickhouse();
    let present = present(&client).await?;
    if let (Some(present), false) = (&present, args.replace) {
        return Err(BackupError::DataExists(present.clone()).into());
    }
    let archive = file.check(bars).await?;
    archive.fits(&client).await?;
    if let Some(present) = present {
        let action = format!("delete {present}, and restore the archive instead");
        context.printer.confirm(&action, args.yes)?;
    }
    Ok(archive)
}

/// The telemetry that there is, in words.
async fn present(client: &Client) -> Result<Option<String>> {
    let mut present = Vec::new();
    for table in DataTable::ALL {
        let rows = table.rows(client).await?;
        if rows > 0 {
            present.push(format!("{} in `{table}`", figures::counted(rows, "row")));
        }
    }
    Ok((!present.is_empty()).then(|| present.join(", ")))
}

fn warn_of_expiry(context: &Context, rows: u64) {
    if rows > 0 {
        let (rows, restart) = (
            figures::counted(rows, "restored row"),
            context.command("restart --retention-days DAYS"),
        );
        context.printer.warn(format!(
            "older than telemetry is kept, and soon deleted: {rows}; to keep them, `{restart}` and restore again"
        ));
    }
}

impl Output for Restore {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        for ArchivedTable { table, rows, .. } in &self.tables {
            let rows = figures::counted(*rows, "row");
            writeln!(screen, "{table}: {rows} restored and verified")?;
        }
        Ok(())
    }
}
