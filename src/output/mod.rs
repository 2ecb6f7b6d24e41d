//! What a person or a program sees.
//!
//! Data goes to stdout, everything else to stderr. With `--format json`, a command prints one
//! envelope ([`SCHEMA_VERSION`] is its version); a stream prints one JSON object a line.

mod confirm;
mod envelope;
pub mod figures;
mod printer;
mod progress;
mod screen;
mod style;
mod table;

use std::io;

use serde::Serialize;

pub use confirm::ConfirmError;
pub use envelope::SCHEMA_VERSION;
pub use printer::Printer;
pub use progress::{Progress, Unit};
pub use screen::Screen;
pub use style::{ColorChoice, Format, Verbosity};
pub use table::{Table, visible};

/// The result of a command: data for programs, and a rendering for people.
pub trait Output: Serialize {
    /// Writes the rendering.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()>;
}
