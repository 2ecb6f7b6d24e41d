//! Arguments of the commands that start, stop and watch a stack.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Patience, SettingsArgs, Since};
use crate::docker::plan::PullPolicy;

/// Arguments of `telemetry start`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each setting has a variable too, in the environment or in `.env`, as `TELEMETRY_HOST` for `--host`;
passwords have variables only. `telemetry config` shows them all.

Examples:
  telemetry start
  telemetry start --otlp-http-port 14318 --project shop
  CLICKHOUSE_PASSWORD=… CLICKHOUSE_INGEST_PASSWORD=… CLICKHOUSE_GRAFANA_PASSWORD=… \\
    telemetry start --host 0.0.0.0")]
pub struct StartArgs {
    /// Stay in the foreground and log to stderr, as containers and systemd want it
    #[arg(long)]
    pub foreground: bool,
    /// How long to wait until the stack is ready, such as `90` (seconds) or `2m`
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub wait_timeout: Patience,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "foreground")]
    pub dry_run: bool,
    /// How containers are started.
    #[command(flatten)]
    pub containers: ContainersArgs,
    /// Settings for this start.
    #[command(flatten)]
    pub settings: Box<SettingsArgs>,
}

/// How containers are started, where a stack has any.
#[derive(Debug, Args)]
pub struct ContainersArgs {
    /// When images are pulled: `missing`, `always` or `never` [default: missing]
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub pull: PullPolicy,
    /// Leave what was made when the start fails, to look into it
    #[arg(long)]
    pub keep: bool,
}

/// Arguments of `telemetry stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// How long it may take to store what was received, such as `90` (seconds) or `2m`
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub timeout: Patience,
}

/// Arguments of `telemetry restart`.
#[derive(Debug, Args)]
#[command(after_help = "\
What the stack was started with stays, but for what `.env`, the environment and flags say now.

Examples:
  telemetry restart
  telemetry restart --retention-days 30")]
pub struct RestartArgs {
    /// How long to wait until the stack is ready again, such as `90` (seconds) or `2m`
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub wait_timeout: Patience,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How containers are started.
    #[command(flatten)]
    pub containers: ContainersArgs,
    /// Settings for the new start.
    #[command(flatten)]
    pub settings: Box<SettingsArgs>,
}

/// Arguments of `telemetry update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every version of this program comes with versions of what it runs. `update` fetches these, and makes
anew what of a running stack is of another. Its data stays, and is brought to this program's schema.")]
pub struct UpdateArgs {
    /// How long to wait until the stack is ready again, such as `90` (seconds) or `2m`
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub wait_timeout: Patience,
    /// Leave what was made when it fails, to look into it
    #[arg(long)]
    pub keep: bool,
}

/// Arguments of `telemetry health`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  telemetry health
  telemetry health --wait --timeout 2m && npm test")]
pub struct HealthArgs {
    /// Wait until every probe passes
    #[arg(long)]
    pub wait: bool,
    /// How long to wait, such as `90` (seconds) or `2m`
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "wait")]
    pub timeout: Patience,
}

/// Arguments of `telemetry logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  telemetry logs --tail 50
  telemetry logs -f --since 10m")]
pub struct LogsArgs {
    /// Only what these services say
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Go on with what is logged from now on
    #[arg(long, short)]
    pub follow: bool,
    /// Begin with the last N lines
    #[arg(long, short = 'n', value_name = "N")]
    pub tail: Option<usize>,
    /// Begin this long ago, such as `10m`, or at this time, such as `2026-01-31T09:00:00Z`
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Begin each line with the time when it was said; `--timestamps=false` leaves that out
    #[arg(long, short, value_name = "BOOL", hide_possible_values = true)]
    #[arg(
        default_value_t = true,
        hide_default_value = true,
        default_missing_value = "true"
    )]
    #[arg(num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub timestamps: bool,
}

/// Arguments of `telemetry dashboard`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  telemetry dashboard
  telemetry dashboard --print")]
pub struct DashboardArgs {
    /// Print where they are, and open nothing
    #[arg(long)]
    pub print: bool,
}

/// Arguments of `telemetry clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Arguments of `telemetry engine`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub struct EngineArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: EngineCommand,
}

/// What to do with the engine library.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum EngineCommand {
    /// Fetch the engine library, unless it is there
    Install,
    /// Print where the engine library is
    Path,
    /// Remove the engine library that was fetched
    Remove,
}

/// Arguments of the processes of a stack.
#[derive(Debug, Args)]
pub struct DirectoryArgs {
    /// The project's directory
    #[arg(long)]
    pub directory: PathBuf,
}
