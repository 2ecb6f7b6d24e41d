//! `telemetry completions`: completion scripts for shells.

use crate::{
    cli::{self, CompletionsArgs},
    error::Result,
    output::Printer,
};

/// Prints the script for a shell.
pub(super) fn run(printer: &Printer, args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "telemetry", &mut script);
    printer.write_raw(&script).map(drop)
}
