//! The one place that writes to stdout and stderr.

use std::{
    fmt::Write as _,
    io::{self, BufWriter, IsTerminal as _, Write as _},
    ops::ControlFlow,
    sync::{Mutex, MutexGuard, PoisonError},
};

use indicatif::MultiProgress;
use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::Value;

use super::{
    ColorChoice, ConfirmError, Format, Output, Progress, Screen, Unit, Verbosity, confirm,
    envelope::{Envelope, ErrorReport},
};
use crate::error::{Code, Error, Failure, Result};

/// Writes a command's result to stdout, and what else there is to say to stderr.
///
/// A reader of stdout that goes away has all it wanted: that is success.
#[derive(Debug)]
pub struct Printer {
    command: Option<&'static str>,
    format: Format,
    verbosity: Verbosity,
    color: ColorChoice,
    bars: MultiProgress,
    pending: Mutex<Pending>,
}

/// What goes into the JSON envelope when it is printed.
#[derive(Debug, Default)]
struct Pending {
    warnings: Vec<String>,
    data: Option<Value>,
}

/// The result could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to stdout")]
struct StdoutFailed(#[source] io::Error);

impl Failure for StdoutFailed {
    fn code(&self) -> Code {
        Code::Io
    }
}

impl Printer {
    /// A printer for the command of this name; `None` before it is known.
    pub fn new(
        command: Option<&'static str>,
        format: Format,
        verbosity: Verbosity,
        color: ColorChoice,
    ) -> Self {
        Self {
            command,
            format,
            verbosity,
            color,
            bars: MultiProgress::new(),
            pending: Mutex::default(),
        }
    }

    /// The form of the result.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Prints the result of the command; the last thing it does.
    ///
    /// # Errors
    ///
    /// When stdout cannot be written to.
    pub fn print(&self, output: &impl Output) -> Result<()> {
        match self.format {
            Format::Human => self.human(output),
            Format::Json => json(&Envelope::new(
                self.command,
                Some(output),
                std::mem::take(&mut self.pending().warnings),
                None,
            )),
        }
        .map(drop)
        .map_err(Error::from)
    }

    /// Prints the result of a command that goes on to fail because of it. In JSON, it is kept
    /// for the envelope that the error is printed in.
    ///
    /// # Errors
    ///
    /// When stdout cannot be written to.
    pub fn print_failed(&self, output: &impl Output) -> Result<()> {
        match self.format {
            Format::Human => drop(self.human(output)?),
            Format::Json => {
                let data = serde_json::to_value(output);
                self.pending().data = Some(data.expect("results have text for keys"));
            }
        }
        Ok(())
    }

    /// Prints one item of a stream: as a person reads it, or as a line of JSON. Breaks when
    /// nobody reads any more.
    ///
    /// # Errors
    ///
    /// When stdout cannot be written to.
    pub fn print_item(&self, item: &impl Output) -> Result<ControlFlow<()>> {
        match self.format {
            Format::Human => self.human(item),
            Format::Json => json(item),
        }
        .map_err(Error::from)
    }

    /// Writes bytes to stdout as they are. Breaks when nobody reads any more.
    ///
    /// # Errors
    ///
    /// When stdout cannot be written to.
    pub fn write_raw(&self, bytes: &[u8]) -> Result<ControlFlow<()>> {
        let mut stdout = io::stdout().lock();
        Ok(flow(stdout.write_all(bytes).and_then(|()| stdout.flush()))?)
    }

    /// Says what is being done.
    pub fn status(&self, message: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.to_stderr(message);
        }
    }

    /// Says what few want to know.
    pub fn detail(&self, message: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.to_stderr(message);
        }
    }

    /// Says what a person should look into: on stderr, or in the JSON envelope.
    pub fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        match self.format {
            Format::Human => self.show_warning(&message),
            Format::Json => self.pending().warnings.push(message),
        }
    }

    /// Prints why the command failed; the last thing it does.
    pub fn error(&self, error: &Error) {
        if self.format == Format::Json {
            let Pending { warnings, data } = std::mem::take(&mut *self.pending());
            let report = ErrorReport::from(error);
            // Nothing is left to tell it to when stdout fails as well.
            let _ = json(&Envelope::new(self.command, data, warnings, Some(report)));
        } else {
            self.to_stderr(&describe(error));
        }
    }

    /// Says what no envelope has said; for the end of the program.
    pub fn finish(&self) {
        for warning in std::mem::take(&mut self.pending().warnings) {
            self.show_warning(&warning);
        }
    }

    /// Begins a piece of work that takes a while, such as "Downloading the engine library".
    ///
    /// On a terminal it is a bar, or a spinner where the total is unknown, that goes away with
    /// the value; elsewhere it is one line.
    pub fn progress(&self, message: &str, total: Option<u64>, unit: Unit) -> Progress {
        if self.verbosity == Verbosity::Quiet {
            return Progress::hidden();
        }
        if io::stderr().is_terminal() {
            return Progress::on_terminal(&self.bars, message, total, unit);
        }
        self.to_stderr(message);
        Progress::hidden()
    }

    /// Asks a person whether to do `action`, such as "delete all data of `telemetry`", unless
    /// `--yes` has answered already.
    ///
    /// # Errors
    ///
    /// When nobody says yes.
    pub fn confirm(&self, action: &str, yes: bool) -> Result<(), ConfirmError> {
        if yes { Ok(()) } else { confirm::ask(action) }
    }

    fn human(&self, output: &impl Output) -> Result<ControlFlow<()>, StdoutFailed> {
        let write = || {
            let stdout = io::stdout().lock();
            let is_terminal = stdout.is_terminal();
            let mut stream = BufWriter::new(self.color.stream(stdout));
            output.human(&mut Screen::new(&mut stream, is_terminal))?;
            stream.flush()
        };
        flow(self.bars.suspend(write))
    }

    fn show_warning(&self, message: &str) {
        self.status(&format!("{} {message}", "warning:".yellow().bold()));
    }

    fn to_stderr(&self, text: &str) {
        // A message that nobody can read is no reason to fail.
        let _ = self
            .bars
            .suspend(|| writeln!(self.color.stream(io::stderr().lock()), "{text}"));
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error as a person reads it: what failed, why, and what to try next.
fn describe(error: &Error) -> String {
    let title = format!("error[{}]:", error.code());
    let mut text = format!("{} {error}", title.red().bold());
    for cause in error.causes() {
        let _ = write!(text, "\n  caused by: {cause}");
    }
    if let Some(hint) = error.hint() {
        let _ = write!(text, "\n\n{} {hint}", "hint:".cyan().bold());
    }
    text
}

fn json(value: &impl Serialize) -> Result<ControlFlow<()>, StdoutFailed> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    let written = serde_json::to_writer(&mut stdout, value).map_err(io::Error::from);
    flow(
        written
            .and_then(|()| writeln!(stdout))
            .and_then(|()| stdout.flush()),
    )
}

fn flow(written: io::Result<()>) -> Result<ControlFlow<()>, StdoutFailed> {
    match written {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(StdoutFailed(error)),
    }
}
