//! Parses, runs, and maps an error to its exit status.

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use telemetry::{
    cli::{self, Cli, Command, UsageError},
    commands,
    context::Context,
    error::{Error, Result},
    output::{Format, Printer, Verbosity},
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (format, color) = cli::wanted_style(&arguments);
    let cli = match cli::parse(arguments, color) {
        Ok(cli) => cli,
        Err(error) if format == Format::Json && error.use_stderr() => {
            let printer = Printer::new(None, format, Verbosity::Normal, color);
            return end(&printer, Err(UsageError::new(&error).into()));
        }
        Err(error) => {
            // A reader that has gone away is no reason to fail.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let global = &cli.global;
    let printer = Arc::new(Printer::new(
        Some(cli.command.name()),
        global.format,
        global.verbosity(),
        global.color,
    ));
    end(&printer, run(&cli, &printer))
}

fn run(cli: &Cli, printer: &Arc<Printer>) -> Result<()> {
    // The server process has threads of its own; its settings come from its supervisor.
    if let Command::Serve(args) = &cli.command {
        return commands::serve::run(args.directory.clone());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives a process timers and events");
    let outcome = runtime.block_on(async {
        match &cli.command {
            Command::Supervise(args) => commands::supervise::run(args.directory.clone()).await,
            command => {
                let context = Context::gather(cli, Arc::clone(printer))?;
                commands::run(&context, command).await
            }
        }
    });
    // Whoever still reads stdin or a file need not be waited for.
    runtime.shutdown_background();
    outcome
}

fn end(printer: &Printer, outcome: Result<(), Error>) -> ExitCode {
    let status = match outcome {
        Ok(()) => 0,
        Err(error) => {
            printer.error(&error);
            error.code().exit_status()
        }
    };
    printer.finish();
    ExitCode::from(status)
}
