//! `telemetry query-stats`: totals, error rates and percentiles, and the size of the tables.

use std::io::{self, Write as _};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    cli::QueryStatsArgs,
    clickhouse::stats::{self, Figures, ServiceFigures, Since, StatsFilter, TableFigures},
    context::Context,
    error::Result,
    output::{Output, Screen, Table, figures},
};

#[derive(Serialize)]
struct Stats {
    /// Where the range really begins.
    since: Option<Timestamp>,
    total: Figures,
    services: Vec<ServiceFigures>,
    tables: Vec<TableFigures>,
}

/// Shows the figures.
pub(super) async fn run(context: &Context, args: &QueryStatsArgs) -> Result<()> {
    let client = context.clickhouse();
    let now = Timestamp::now();
    let filter = StatsFilter {
        project: args.project.clone(),
        service: args.service.clone(),
        since: args
            .since
            .map(|since| Since::new(since.timestamp(now), now)),
    };
    let stats = Stats {
        since: filter.since.map(Since::timestamp),
        total: stats::total(&client, &filter).await?,
        services: stats::by_service(&client, &filter).await?,
        tables: stats::tables(&client).await?,
    };
    if let Some(Since::Hour(hour)) = filter.since {
        let message = format!("counted in whole hours, from {}", time(hour));
        context.printer.status(&message);
    }
    if stats.tables.iter().all(|table| table.rows == 0) {
        let message = "there is no telemetry yet; `telemetry test` sends some";
        context.printer.status(message);
    }
    context.printer.print(&stats)
}

fn time(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn milliseconds(number: Option<f64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.2}"))
}

/// Cells of the columns that totals and services share.
fn cells(figures: &Figures) -> [String; 6] {
    [
        figures::count(figures.spans),
        figures::count(figures.errors),
        format!("{:.2} %", figures.error_rate * 100.0),
        milliseconds(figures.p50_ms),
        milliseconds(figures.p95_ms),
        milliseconds(figures.p99_ms),
    ]
}

impl Output for Stats {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let mut spans = Table::new([
            "Project",
            "Service",
            "Spans",
            "Errors",
            "Error rate",
            "p50 ms",
            "p95 ms",
            "p99 ms",
        ]);
        for column in 2..8 {
            spans = spans.right(column);
        }
        for service in &self.services {
            let name = [service.project.clone(), service.service.clone()];
            spans.row(name.into_iter().chain(cells(&service.figures)));
        }
        let name = ["all".to_owned(), String::new()];
        spans.row(name.into_iter().chain(cells(&self.total)));
        screen.table(&spans)?;
        writeln!(screen)?;

        let mut tables = Table::new(["Table", "Rows", "On disk", "Oldest"])
            .right(1)
            .right(2);
        for table in &self.tables {
            tables.row([
                table.table.to_string(),
                figures::count(table.rows),
                figures::bytes(table.bytes_on_disk),
                table.oldest.map_or_else(|| "-".to_owned(), time),
            ]);
        }
        screen.table(&tables)
    }
}
