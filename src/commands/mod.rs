//! One file per subcommand: a function from a context and arguments to an output value.

mod backup;
mod choose;
mod clean;
mod completions;
mod config;
mod dashboard;
mod doctor;
mod dry_run;
mod engine;
mod env;
mod health;
mod interrupt;
mod logs;
mod migrate;
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
mod update;

use std::sync::Arc;

use crate::{
    cli::{Cli, Command, StackCommand},
    context::Context,
    error::Result,
    output::Printer,
};

/// Runs a command.
///
/// # Errors
///
/// When it fails, and when Ctrl-C ends it.
pub fn run(cli: &Cli, printer: &Arc<Printer>) -> Result<()> {
    match &cli.command {
        Command::Completions(args) => completions::run(printer, args),
        Command::Serve(args) => serve::run(args.directory.clone()),
        Command::Supervise(args) => block_on(supervise::run(args.directory.clone())),
        Command::Doctor => {
            let project = cli.global.project.as_deref();
            block_on(interrupt::unless_interrupted(doctor::run(project, printer)))
        }
        Command::Stack(command) => block_on(async {
            let context = Context::gather(cli.global.project.as_deref(), command, printer)?;
            let outcome = Box::pin(on_stack(&context, command));
            if command.handles_interrupts() {
                outcome.await
            } else {
                interrupt::unless_interrupted(outcome).await
            }
        }),
    }
}

/// One thread is enough for what waits for others most of the time.
fn block_on(command: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives a process timers and events");
    let outcome = runtime.block_on(command);
    // A thread that still reads stdin or a file need not be waited for.
    runtime.shutdown_background();
    outcome
}

async fn on_stack(context: &Context, command: &StackCommand) -> Result<()> {
    match command {
        StackCommand::Start(args) => start::run(context, args).await,
        StackCommand::Stop(args) => stop::run(context, args).await,
        StackCommand::Restart(args) => restart::run(context, args).await,
        StackCommand::Update(args) => update::run(context, args).await,
        StackCommand::Status => status::run(context).await,
        StackCommand::Health(args) => health::run(context, args).await,
        StackCommand::Logs(args) => logs::run(context, args).await,
        StackCommand::Dashboard(args) => dashboard::run(context, args).await,
        StackCommand::Test(args) => test::run(context, args).await,
        StackCommand::Query(args) => query::run(context, args).await,
        StackCommand::QueryTraces(args) => query_traces::run(context, args).await,
        StackCommand::QueryStats(args) => query_stats::run(context, args).await,
        StackCommand::Env(args) => env::run(context, args),
        StackCommand::Config => config::run(context),
        StackCommand::Backup(args) => backup::run(context, args).await,
        StackCommand::Restore(args) => restore::run(context, args).await,
        StackCommand::Migrate(args) => migrate::run(context, args).await,
        StackCommand::Reset(args) => reset::run(context, args).await,
        StackCommand::Clean(args) => clean::run(context, args).await,
        StackCommand::Engine(args) => engine::run(context, args).await,
    }
}
