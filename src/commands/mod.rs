//! One file per subcommand: a function from a context and arguments to an output value.

mod backup;
mod clean;
mod completions;
mod config;
mod engine;
mod env;
mod health;
mod interrupt;
mod logs;
mod query;
mod query_stats;
mod query_traces;
mod reset;
mod restart;
mod restore;
pub mod serve;
mod start;
mod status;
mod stop;
pub mod supervise;
mod test;

use crate::{cli::Command, context::Context, error::Result};

/// Runs a command that works on a stack's settings.
///
/// # Errors
///
/// When it fails, and when Ctrl-C ends it.
pub async fn run(context: &Context, command: &Command) -> Result<()> {
    let outcome = dispatch(context, command);
    if command.handles_interrupts() {
        outcome.await
    } else {
        interrupt::unless_interrupted(outcome).await
    }
}

async fn dispatch(context: &Context, command: &Command) -> Result<()> {
    match command {
        Command::Start(args) => start::run(context, args).await,
        Command::Stop(args) => stop::run(context, args).await,
        Command::Restart(args) => restart::run(context, args).await,
        Command::Status => status::run(context).await,
        Command::Health(args) => health::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Test(args) => test::run(context, args).await,
        Command::Query(args) => query::run(context, args).await,
        Command::QueryTraces(args) => query_traces::run(context, args).await,
        Command::QueryStats(args) => query_stats::run(context, args).await,
        Command::Env(args) => env::run(context, args),
        Command::Config => config::run(context),
        Command::Backup(args) => backup::run(context, args).await,
        Command::Restore(args) => restore::run(context, args).await,
        Command::Reset(args) => reset::run(context, args).await,
        Command::Clean(args) => clean::run(context, args).await,
        Command::Engine(args) => engine::run(context, args).await,
        Command::Completions(args) => completions::run(context, args),
        Command::Supervise(args) => supervise::run(args.directory.clone()).await,
        Command::Serve(args) => serve::run(args.directory.clone()),
    }
}
