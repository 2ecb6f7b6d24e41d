//! `telemetry reset`: delete all telemetry, while the stack goes on running.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::{
    cli::ResetArgs,
    clickhouse::{DataTable, backup::Scratch},
    context::Context,
    error::Result,
    output::{Output, Screen, figures},
};

#[derive(Serialize)]
struct Reset {
    tables: Vec<Emptied>,
}

#[derive(Serialize)]
struct Emptied {
    table: DataTable,
    rows_removed: u64,
}

/// Asks, and deletes. The hourly roll-up goes with the spans, as it is a projection of them.
pub(super) async fn run(context: &Context, args: &ResetArgs) -> Result<()> {
    let client = context.clickhouse();
    let mut tables = Vec::new();
    for table in DataTable::ALL {
        let rows_removed = table.rows(&client).await?;
        tables.push(Emptied {
            table,
            rows_removed,
        });
    }
    let rows = tables.iter().map(|table| table.rows_removed).sum();
    let action = format!(
        "delete all telemetry of `{}`, {}",
        context.settings.project.value.as_str(),
        figures::counted(rows, "row")
    );
    context.printer.confirm(&action, args.yes)?;
    for table in DataTable::ALL {
        table.empty(&client).await?;
    }
    // Copies that a killed backup left behind are telemetry as well.
    Scratch::remove_all(&client).await?;
    context.printer.print(&Reset { tables })
}

impl Output for Reset {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        for Emptied {
            table,
            rows_removed,
        } in &self.tables
        {
            let rows = figures::counted(*rows_removed, "row");
            writeln!(screen, "{table}: {rows} removed")?;
        }
        Ok(())
    }
}
