//! What was measured, beside what was aimed at.

use std::io::{IsTerminal as _, stdout};

use telemetry::output::{Screen, Table};

/// What was measured.
#[derive(Default)]
pub struct Figures {
    rows: Vec<[String; 3]>,
}

impl Figures {
    pub fn add(&mut self, name: &str, measured: String, aim: &str) {
        self.rows.push([name.to_owned(), measured, aim.to_owned()]);
    }

    pub fn print(&self) {
        let mut table = Table::new(["figure", "measured", "aim"]).right(1);
        for row in &self.rows {
            table.row(row);
        }
        let mut stdout = stdout();
        let is_terminal = stdout.is_terminal();
        Screen::new(&mut stdout, is_terminal).table(&table).unwrap();
    }
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
