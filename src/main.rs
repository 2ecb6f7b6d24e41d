//! Parses, runs, and maps an error to its exit status.

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use telemetry::{
    cli::{self, UsageError},
    commands,
    error::Result,
    output::{Printer, Verbosity},
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (format, color) = cli::wanted_style(&arguments);
    match cli::parse(arguments, color) {
        Ok(cli) => {
            let global = &cli.global;
            let printer = Printer::new(
                Some(cli.command.name()),
                global.format,
                global.verbosity(),
                global.color,
            );
            let printer = Arc::new(printer);
            end(&printer, commands::run(&cli, &printer))
        }
        Err(error) if error.exit_code() == 0 || is_help(&error) => {
            // A reader that has gone away is no reason to fail.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
        Err(error) => {
            let printer = Printer::new(None, format, Verbosity::Normal, color);
            end(&printer, Err(UsageError::new(&error).into()))
        }
    }
}

/// Whether it is the help that is shown when there is no command.
fn is_help(error: &clap::Error) -> bool {
    error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

fn end(printer: &Printer, outcome: Result<()>) -> ExitCode {
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
