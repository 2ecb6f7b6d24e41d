//! The command line: what can be typed, and nothing of what it does.

mod data;
mod lifecycle;
mod settings;
mod setup;
mod time;
mod usage;

use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use data::{
    BackupArgs, MigrateArgs, Protocol, QueryArgs, QueryStatsArgs, QueryTracesArgs, ResetArgs,
    RestoreArgs, TestArgs,
};
pub use lifecycle::{
    CleanArgs, ContainersArgs, DashboardArgs, DirectoryArgs, EngineArgs, EngineCommand, HealthArgs,
    LogsArgs, RestartArgs, StartArgs, StopArgs, UpdateArgs,
};
pub use settings::SettingsArgs;
pub use setup::{CompletionsArgs, EnvArgs, EnvForm, Sdk};
pub use time::{Patience, Since};
pub use usage::{UsageError, wanted_style};

use crate::{
    output::{ColorChoice, Format, Verbosity},
    settings::Variable,
};

/// A self-hosted telemetry backend in one binary: OTLP in, ClickHouse SQL out
#[derive(Debug, Parser)]
#[command(name = "telemetry", version)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  telemetry start          Start the stack, and print where it listens
  telemetry test           Send sample spans, and wait until all can be queried
  telemetry query-traces   Look at recent spans
  eval \"$(telemetry env)\"  Point OpenTelemetry SDKs at the stack

Exit status: 0 done, 1 failed, 2 usage or settings, 3 not confirmed, 4 unhealthy, 5 no engine,
130 interrupted.")]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Which stack, if there are several [default: telemetry]
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Form of the result: `human`, or `json` for programs [default: human]
    #[arg(long, global = true, value_enum, default_value_t)]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub format: Format,
    /// Say nothing but the result and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more of what is done, and why
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// When to use colours: `auto`, `always` or `never` [default: auto]
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub color: ColorChoice,
}

impl GlobalArgs {
    /// How much is said beside the result.
    pub const fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Something with a stack.
    #[command(flatten)]
    Stack(StackCommand),
    /// Look for what is wrong on this machine or with the stack, and say how to mend it
    #[command(after_help = DOCTOR_HELP)]
    Doctor,
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Keep a server process running
    #[command(hide = true)]
    Supervise(DirectoryArgs),
    /// Run the server process
    #[command(hide = true)]
    Serve(DirectoryArgs),
}

/// What to do with a stack.
#[derive(Debug, Subcommand)]
pub enum StackCommand {
    /// Start the stack in the background and wait until it is ready
    Start(StartArgs),
    /// Stop the stack; its data stays
    Stop(StopArgs),
    /// Stop the stack and start it again, with what has changed in its settings
    Restart(RestartArgs),
    /// Bring images and containers to the versions of this program
    Update(UpdateArgs),
    /// Show what runs, where it listens, and how it is
    Status,
    /// Probe every endpoint and the queues; exit 0 only if all is well, 4 if not
    Health(HealthArgs),
    /// Show the stack's log
    Logs(LogsArgs),
    /// Open the dashboards in a browser
    Dashboard(DashboardArgs),
    /// Send sample telemetry and wait until all of it can be queried
    Test(TestArgs),
    /// Run a ClickHouse SQL statement
    Query(QueryArgs),
    /// Show recent spans, or one trace as a tree
    QueryTraces(QueryTracesArgs),
    /// Show totals, error rates and percentiles, and the size of the tables
    QueryStats(QueryStatsArgs),
    /// Print the variables that point SDKs at the stack
    Env(EnvArgs),
    /// Show every setting, its value, and where that comes from
    #[command(after_help = CONFIG_HELP)]
    Config,
    /// Write all telemetry to one archive
    Backup(BackupArgs),
    /// Bring back the telemetry of an archive
    Restore(RestoreArgs),
    /// Bring the database to this program's schema, or another one's telemetry into it
    Migrate(MigrateArgs),
    /// Delete all telemetry; the stack goes on running
    Reset(ResetArgs),
    /// Stop the stack and delete it, with all its data
    Clean(CleanArgs),
    /// Fetch, find or remove the engine library
    Engine(EngineArgs),
}

const CONFIG_HELP: &str = "\
`start` takes each value from the first of: its flags, the environment, a `.env` file in the current
directory, the default. What it took is recorded, and holds for later commands in every directory
until the next `start`; only the environment overrides it.";

const DOCTOR_HELP: &str = "\
It changes nothing, and works with a stack that runs, one that is stopped, and none. Exit status 0
if there is no problem, 4 if there is one.";

/// What a command does with settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsUse {
    /// It makes a stack as they say.
    Make,
    /// It makes a stack as it was, but for what they say now.
    Remake,
    /// It finds a stack as it was made.
    Find,
}

impl Command {
    /// The command's name, as it is typed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stack(command) => command.name(),
            Self::Doctor => "doctor",
            Self::Completions(_) => "completions",
            Self::Supervise(_) => "supervise",
            Self::Serve(_) => "serve",
        }
    }
}

impl StackCommand {
    const fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Stop(_) => "stop",
            Self::Restart(_) => "restart",
            Self::Update(_) => "update",
            Self::Status => "status",
            Self::Health(_) => "health",
            Self::Logs(_) => "logs",
            Self::Dashboard(_) => "dashboard",
            Self::Test(_) => "test",
            Self::Query(_) => "query",
            Self::QueryTraces(_) => "query-traces",
            Self::QueryStats(_) => "query-stats",
            Self::Env(_) => "env",
            Self::Config => "config",
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Migrate(_) => "migrate",
            Self::Reset(_) => "reset",
            Self::Clean(_) => "clean",
            Self::Engine(_) => "engine",
        }
    }

    /// The settings that the command's own flags set.
    pub fn flags(&self) -> Vec<(Variable, String)> {
        match self {
            Self::Start(args) => args.settings.flags(),
            Self::Restart(args) => args.settings.flags(),
            _ => Vec::new(),
        }
    }

    /// What the command does with settings.
    pub const fn settings_use(&self) -> SettingsUse {
        match self {
            Self::Start(_) => SettingsUse::Make,
            Self::Restart(_) | Self::Update(_) => SettingsUse::Remake,
            _ => SettingsUse::Find,
        }
    }

    /// Whether the command tidies up after Ctrl-C itself. The others leave nothing half-made
    /// when they are dropped.
    pub const fn handles_interrupts(&self) -> bool {
        matches!(
            self,
            Self::Start(_)
                | Self::Restart(_)
                | Self::Update(_)
                | Self::Backup(_)
                | Self::Restore(_)
                | Self::Reset(_)
                | Self::Migrate(_)
        )
    }
}

/// What clap knows of the command line.
///
/// `--project` can stand before and behind every command, and means the stack; except behind
/// those that have a `--project` of their own, where it means what telemetry calls its project.
pub fn definition() -> clap::Command {
    Cli::command().mut_subcommands(|command| {
        if command.get_arguments().any(|arg| arg.get_id() == "project") {
            return command;
        }
        let global = Cli::command();
        let project = global.get_arguments().find(|arg| arg.get_id() == "project");
        command.args(project)
    })
}

/// Understands a command line.
///
/// # Errors
///
/// When it cannot be understood, and when it asks for help or for the version.
pub fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
    color: ColorChoice,
) -> Result<Cli, clap::Error> {
    let matches = definition()
        .color(color.into())
        .try_get_matches_from(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.global.project = project_behind(&cli.command, &matches).or(cli.global.project);
    Ok(cli)
}

/// The stack that is named behind the command.
fn project_behind(command: &Command, matches: &ArgMatches) -> Option<String> {
    let has_its_own = matches!(
        command,
        Command::Stack(StackCommand::QueryTraces(_) | StackCommand::QueryStats(_))
    );
    if has_its_own {
        return None;
    }
    let (_, matches) = matches.subcommand()?;
    matches.try_get_one("project").ok().flatten().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Cli {
        parse(line.split_whitespace().map(Into::into), ColorChoice::Never).unwrap()
    }

    #[test]
    fn the_definition_is_consistent() {
        definition().debug_assert();
    }

    #[test]
    fn a_stack_is_named_before_or_behind_the_command() {
        for line in [
            "telemetry --project shop stop",
            "telemetry stop --project shop",
        ] {
            assert_eq!(
                parsed(line).global.project.as_deref(),
                Some("shop"),
                "{line}"
            );
        }
        assert_eq!(parsed("telemetry stop").global.project, None);
    }

    #[test]
    fn behind_a_query_a_project_is_what_telemetry_calls_one() {
        let cli = parsed("telemetry --project shop query-stats --project checkout");
        assert_eq!(cli.global.project.as_deref(), Some("shop"));
        let Command::Stack(StackCommand::QueryStats(args)) = cli.command else {
            panic!("{:?}", cli.command);
        };
        assert_eq!(args.project.as_deref(), Some("checkout"));
    }

    #[test]
    fn one_trace_is_shown_whole() {
        parsed("telemetry query-traces --trace 4bf9 --format json");
        let line = "telemetry query-traces --trace 4bf9 --limit 3";
        let error = parse(line.split(' ').map(Into::into), ColorChoice::Never).unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
    }

    #[test]
    fn the_name_of_a_command_is_what_is_typed() {
        for command in definition().get_subcommands() {
            let line = match command.get_name() {
                "restore" => "telemetry restore file".to_owned(),
                "query" => "telemetry query 1".to_owned(),
                "engine" => "telemetry engine path".to_owned(),
                "completions" => "telemetry completions bash".to_owned(),
                name @ ("supervise" | "serve") => format!("telemetry {name} --directory /x"),
                name => format!("telemetry {name}"),
            };
            assert_eq!(parsed(&line).command.name(), command.get_name());
        }
    }
}
