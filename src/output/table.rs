//! Tables.

use std::borrow::Cow;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, presets};

/// Rows under named columns.
#[derive(Clone, Debug)]
pub struct Table {
    table: comfy_table::Table,
}

impl Table {
    /// A table with these column titles and no rows.
    pub fn new<T: Into<String>>(titles: impl IntoIterator<Item = T>) -> Self {
        let mut table = comfy_table::Table::new();
        table.set_header(titles.into_iter().map(|title| Cell::new(title.into())));
        Self { table }
    }

    /// A table without titles, as the continuation of another.
    pub fn untitled() -> Self {
        let table = comfy_table::Table::new();
        Self { table }
    }

    /// Aligns a column to the right, as numbers are.
    #[must_use]
    pub fn right(mut self, column: usize) -> Self {
        if let Some(column) = self.table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    /// Adds a row about something that failed. The colour only repeats what the row says.
    pub fn failed_row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells
            .into_iter()
            .map(|cell| Cell::new(visible(cell.as_ref())).fg(Color::Red));
        self.table.add_row(cells);
    }

    /// Adds a row. What a terminal would obey is made visible instead.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells
            .into_iter()
            .map(|cell| Cell::new(visible(cell.as_ref())));
        self.table.add_row(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The text: bordered and fitted to a terminal, or aligned columns at full width.
    pub(super) fn render(&self, is_terminal: bool) -> String {
        let mut table = self.table.clone();
        if is_terminal {
            table.load_style(presets::UTF8_FULL_CONDENSED);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            return table.to_string();
        }
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines: Vec<_> = table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        lines.join("\n")
    }
}

/// Text from outside, safe to show on one line: control characters, with which it could move
/// the cursor or rename the window, are written out, as `\u{1b}` or `\n`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() {
            visible.extend(c.escape_default());
        } else {
            visible.push(c);
        }
    }
    Cow::Owned(visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["name", "rows"]).right(1);
        table.row(["traces", "12"]);
        table.row(["logs", "3456"]);
        table
    }

    #[test]
    fn off_a_terminal_columns_are_aligned_without_borders() {
        let expected = "name    rows\ntraces    12\nlogs    3456";
        assert_eq!(table().render(false), expected);
    }

    #[test]
    fn on_a_terminal_a_table_has_borders() {
        insta::assert_snapshot!(table().render(true), @"
        ┌────────┬──────┐
        │ name   ┆ rows │
        ╞════════╪══════╡
        │ traces ┆   12 │
        │ logs   ┆ 3456 │
        └────────┴──────┘
        ");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        let mut table = Table::new(["name"]);
        table.row(["\u{1b}[2Jgone\n"]);
        assert_eq!(table.render(false), "name\n\\u{1b}[2Jgone\\n");
    }
}
