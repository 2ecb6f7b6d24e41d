//! `telemetry completions`: completion scripts for shells.

use crate::{
    cli::{self, CompletionsArgs},
    context::Context,
    error::Result,
};

/// Prints the script for a shell.
pub(super) fn run(context: &Context, args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "telemetry", &mut script);
    context.printer.write_raw(&script).map(drop)
}
