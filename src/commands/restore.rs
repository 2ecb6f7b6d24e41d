//! `telemetry restore`: the telemetry of an archive, back in the database.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use serde::Serialize;

use super::{
    backup::{Bars, tidy_up},
    interrupt::unless_interrupted,
};
use crate::{
    cli::RestoreArgs,
    clickhouse::{
        DataTable,
        backup::{self, Archive, BackupError, Scratch},
    },
    context::Context,
    error::Result,
    output::{Output, Screen, Unit, figures},
};

#[derive(Serialize)]
struct Restore {
    file: PathBuf,
    tables: Vec<Restored>,
}

#[derive(Serialize)]
struct Restored {
    table: DataTable,
    rows: u64,
}

/// Restores. The telemetry that is there is not touched before all of the archive is in the
/// database, beside it, and found to be right; so Ctrl-C and failures until then change nothing.
pub(super) async fn run(context: &Context, args: &RestoreArgs) -> Result<()> {
    let archive = unless_interrupted(prepare(context, args)).await?;
    let scratch = unless_interrupted(async { Ok(Scratch::create(context.clickhouse()).await?) });
    let scratch = scratch.await?;
    let steps = Bars::new(&context.printer, "Restoring");
    let staged = unless_interrupted(async { Ok(archive.stage(&scratch, &steps).await?) }).await;
    drop(steps);
    let restored = match staged {
        // This takes a moment only, and is not to be left half-done.
        Ok(()) => {
            let client = context.clickhouse();
            backup::publish(&client, &scratch, archive.manifest(), args.replace)
                .await
                .map_err(Into::into)
        }
        Err(error) => Err(error),
    };
    tidy_up(context, scratch).await;
    restored?;
    let tables = &archive.manifest().tables;
    context.printer.print(&Restore {
        file: args.file.clone(),
        tables: tables
            .iter()
            .map(|table| Restored {
                table: table.name,
                rows: table.contents.rows,
            })
            .collect(),
    })
}

/// Checks the archive, and that what is there may go.
async fn prepare(context: &Context, args: &RestoreArgs) -> Result<Archive> {
    let message = format!("Checking {}", args.file.display());
    let checking = context.printer.progress(&message, None, Unit::Bytes);
    let archive = Archive::open(&args.file).await?;
    drop(checking);
    let client = context.clickhouse();
    let mut present = Vec::new();
    for table in DataTable::ALL {
        let rows = table.rows(&client).await?;
        if rows > 0 {
            present.push(format!("{} in `{table}`", figures::counted(rows, "row")));
        }
    }
    if present.is_empty() {
        return Ok(archive);
    }
    let present = present.join(", ");
    if !args.replace {
        return Err(BackupError::DataExists(present).into());
    }
    let action = format!("delete {present}, and restore the archive instead");
    context.printer.confirm(&action, args.yes)?;
    Ok(archive)
}

impl Output for Restore {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        for Restored { table, rows } in &self.tables {
            let rows = figures::counted(*rows, "row");
            writeln!(screen, "{table}: {rows} restored and verified")?;
        }
        Ok(())
    }
}
