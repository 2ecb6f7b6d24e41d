//! What a human rendering is written to.

use std::io;

use super::Table;

/// Where a human rendering is written. Colours may always be written: they are taken out where
/// nobody wants them.
pub struct Screen<'w> {
    writer: &'w mut dyn io::Write,
    is_terminal: bool,
}

impl<'w> Screen<'w> {
    /// A screen that writes to `writer`.
    pub fn new(writer: &'w mut dyn io::Write, is_terminal: bool) -> Self {
        Self {
            writer,
            is_terminal,
        }
    }

    /// Whether a person looks at it, and not a pipe.
    pub const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes a table: bordered and fitted on a terminal, aligned columns elsewhere.
    pub fn table(&mut self, table: &Table) -> io::Result<()> {
        writeln!(self.writer, "{}", table.render(self.is_terminal))
    }
}

impl io::Write for Screen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
