//! `telemetry reset`: delete all telemetry, while the stack goes on running.

use std::io::{self, Write as _};

use serde::Serialize;

use super::{interrupt::unless_interrupted, start::lock};
use crate::{
    cli::ResetArgs,
    clickhouse::{Client, DataTable, backup::Scratch},
    context::Context,
    error::Result,
    output::{Output, Screen, Unit, figures},
    stack::{Endpoint, StopSignals, flows},
};

#[derive(Serialize)]
struct Reset {
    tables: Vec<Emptied>,
    /// Whether the collector was started anew, without what had waited in its queue.
    queue_emptied: bool,
}

#[derive(Serialize)]
struct Emptied {
    table: DataTable,
    rows_removed: u64,
}

/// What was received and is not in the database yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Empty,
    Holds {
        bytes: u64,
    },
    /// The collector does not tell.
    Unknown,
}

/// Asks, and deletes. The hourly roll-up goes with the spans, as it is a projection of them.
pub(super) async fn run(context: &Context, args: &ResetArgs) -> Result<()> {
    let client = context.clickhouse();
    let (tables, queue) = unless_interrupted(async {
        let tables = count(&client).await?;
        let queue = queue(context).await;
        let action = describe(context, &tables, queue);
        context.printer.confirm(&action, args.yes)?;
        Ok((tables, queue))
    })
    .await?;
    let queue_emptied = queue != Queue::Empty;
    if queue_emptied {
        empty_with_queue(context, args, &client).await?;
    } else {
        unless_interrupted(empty(&client)).await?;
    }
    context.printer.print(&Reset {
        tables,
        queue_emptied,
    })
}

async fn count(client: &Client) -> Result<Vec<Emptied>> {
    let mut tables = Vec::new();
    for table in DataTable::ALL {
        let rows_removed = table.rows(client).await?;
        tables.push(Emptied {
            table,
            rows_removed,
        });
    }
    Ok(tables)
}

async fn queue(context: &Context) -> Queue {
    let endpoints = context.endpoints();
    if endpoints.port(Endpoint::CollectorMetrics).is_none() {
        return Queue::Empty;
    }
    let flows = flows(&Context::http(), &endpoints).await;
    match flows.map(|flows| flows.iter().map(|flow| flow.queued_bytes).sum()) {
        Some(0) => Queue::Empty,
        Some(bytes) => Queue::Holds { bytes },
        None => Queue::Unknown,
    }
}

fn describe(context: &Context, tables: &[Emptied], queue: Queue) -> String {
    let project = context.settings.project.value.as_str();
    let rows = tables.iter().map(|table| table.rows_removed).sum();
    let rows = figures::counted(rows, "row");
    let queued = match queue {
        Queue::Empty => String::new(),
        Queue::Holds { bytes } => {
            let bytes = figures::bytes(bytes);
            format!(" and the {bytes} that wait in the collector's queue")
        }
        Queue::Unknown => " and whatever waits in the collector's queue".to_owned(),
    };
    format!("delete all telemetry of `{project}`, {rows}{queued}")
}

/// Empties the tables while there is no collector, so that nothing of its queue gets into them.
async fn empty_with_queue(context: &Context, args: &ResetArgs, client: &Client) -> Result<()> {
    let patience = args.wait_timeout.0;
    let engine = context.engine();
    let kind = engine.kind();
    let desired = context.settings.desired(|endpoint| kind.offers(endpoint));
    let _lock = lock(context, &context.settings.project(), patience).await?;
    // This takes a moment only, and is not to be left half-done.
    let _signals = StopSignals::listen();
    let progress = "Emptying the collector's queue";
    let _progress = context.printer.progress(progress, None, Unit::Items);
    let emptied = match engine.discard_queue(&desired).await {
        Ok(()) => empty(client).await,
        failed => failed,
    };
    // Whatever failed, the collector may have been stopped for it.
    let started = engine.start(&desired, patience).await;
    if started.is_err() {
        let start = context.command("start");
        context.printer.warn(format!(
            "the collector, which was stopped for its queue, does not run; `{start}` starts it"
        ));
    }
    emptied.and(started)
}

async fn empty(client: &Client) -> Result<()> {
    for table in DataTable::ALL {
        table.empty(client).await?;
    }
    // Copies that a killed backup left behind are telemetry as well.
    Scratch::remove_all(client).await?;
    Ok(())
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
        if self.queue_emptied {
            writeln!(
                screen,
                "The collector was started again with an empty queue"
            )?;
        }
        Ok(())
    }
}
