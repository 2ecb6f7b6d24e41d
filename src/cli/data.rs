//! Arguments of the commands that send, query and keep telemetry.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Patience, Since};

/// Arguments of `telemetry test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  telemetry test
  telemetry test --protocol grpc --traces 1000")]
pub struct TestArgs {
    /// How to send
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// How many traces to send
    #[arg(long, value_name = "N", default_value_t = 12)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub traces: u32,
    /// Make the same telemetry again, but for its times
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// How long to wait until all is found, such as `90` (seconds) or `2m`
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub timeout: Patience,
}

/// How telemetry is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// OTLP over gRPC
    Grpc,
    /// OTLP over HTTP, in protobuf
    #[default]
    #[value(name = "http", alias = "http/protobuf")]
    HttpProtobuf,
    /// OTLP over HTTP, in JSON
    #[value(name = "http-json", alias = "http/json")]
    HttpJson,
}

/// Arguments of `telemetry query`.
#[derive(Debug, Args)]
#[command(after_help = "\
Tables: traces, logs, metrics; views: metrics_hourly, otel_traces, otel_logs.

Examples:
  telemetry query \"SELECT span_name, count() FROM traces GROUP BY 1\"
  telemetry query --param service=api \\
    \"SELECT * FROM logs WHERE service_name = {service:String} LIMIT 10\"
  telemetry query --output-format Parquet \"SELECT * FROM traces\" > traces.parquet
  telemetry query - < statement.sql")]
pub struct QueryArgs {
    /// The statement; `-` reads it from stdin
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// Bind a value to `{NAME:Type}` in the statement
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub params: Vec<(String, String)>,
    /// Pass on the answer as it is, in a format of ClickHouse such as `CSV` or `JSONEachRow`
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    pub output_format: Option<String>,
}

fn parameter(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE"),
    }
}

/// Arguments of `telemetry query-traces`.
#[derive(Debug, Args)]
#[command(after_help = "\
A stack other than the default is named before the command:
  telemetry --project STACK query-traces

Examples:
  telemetry query-traces --errors --since 1h
  telemetry query-traces --service api --min-duration 250
  telemetry query-traces --trace 4bf92f3577b34da6a3ce929d0e0e4736")]
pub struct QueryTracesArgs {
    /// Show this trace as a tree
    #[arg(long, value_name = "TRACE_ID")]
    #[arg(conflicts_with_all = ["project", "service", "since", "errors", "min_duration", "limit"])]
    pub trace: Option<String>,
    /// Only spans of this project, as telemetry names it in `project.name`
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only spans of this service
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Only spans since this long ago, such as `15m`, or since this time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Only spans that failed
    #[arg(long)]
    pub errors: bool,
    /// Only spans that took at least this many milliseconds
    #[arg(long, value_name = "MS")]
    pub min_duration: Option<u32>,
    /// At most this many spans
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    pub limit: u32,
}

/// Arguments of `telemetry query-stats`.
#[derive(Debug, Args)]
#[command(after_help = "\
A stack other than the default is named before the command:
  telemetry --project STACK query-stats

Examples:
  telemetry query-stats --since 24h
  telemetry query-stats --project checkout --service api")]
pub struct QueryStatsArgs {
    /// Only this project, as telemetry names it in `project.name`
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Only this service
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Only since this long ago, such as `24h` or `7d`, or since this time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
}

/// Arguments of `telemetry backup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  telemetry backup
  telemetry backup before-upgrade.tar")]
pub struct BackupArgs {
    /// The archive to write [default: telemetry-<PROJECT>-<TIME>.tar]
    pub file: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `telemetry restore`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  telemetry restore before-upgrade.tar
  telemetry restore --replace --yes before-upgrade.tar")]
pub struct RestoreArgs {
    /// The archive
    pub file: PathBuf,
    /// Delete the telemetry that is there first
    #[arg(long)]
    pub replace: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Arguments of `telemetry reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// How long to wait for the collector, if its queue had to be emptied, such as `90` (seconds)
    /// or `2m`
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub wait_timeout: Patience,
}

/// Arguments of `telemetry migrate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  telemetry migrate --dry-run
  telemetry migrate --from-url http://127.0.0.1:18123
  telemetry migrate --from-url http://me:secret@db.example:8123/telemetry
  telemetry migrate --from-compose infra

The telemetry that is brought over is read from tables `traces`, `logs` and `metrics`, whatever
columns they have; they stay as they are. What is here already is not brought again.

The ClickHouse of a Compose project is asked itself while it runs. Otherwise its volume
`PROJECT_clickhouse-data` is copied, and a ClickHouse runs on the copy until all is brought over.")]
pub struct MigrateArgs {
    /// Bring over the telemetry of another ClickHouse, by the URL of its HTTP interface
    #[arg(long, value_name = "URL")]
    pub from_url: Option<String>,
    /// Bring over the telemetry of a stack of Docker Compose, by the name of its project
    #[arg(long, value_name = "PROJECT", conflicts_with = "from_url")]
    pub from_compose: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}
