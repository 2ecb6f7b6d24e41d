//! `telemetry config`: every setting, its value and where that comes from.

use std::io;

use serde::Serialize;

use crate::{
    context::Context,
    error::Result,
    output::{Output, Screen, Table},
    settings::Origin,
};

#[derive(Serialize)]
struct Config {
    settings: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    /// Masked, if it is a secret.
    value: String,
    origin: &'static str,
    /// The file that says so.
    file: Option<String>,
    line: Option<usize>,
    #[serde(skip)]
    shown_origin: String,
}

/// Shows the settings.
pub(super) fn run(context: &Context) -> Result<()> {
    let settings = context
        .settings
        .shown()
        .map(|(variable, value, origin)| {
            let (file, line) = match origin {
                Origin::DotEnv { path, line } => (Some(path.display().to_string()), Some(*line)),
                _ => (None, None),
            };
            Entry {
                name: variable.name(),
                value,
                origin: origin.kind(),
                file,
                line,
                shown_origin: origin.to_string(),
            }
        })
        .collect();
    context.printer.print(&Config { settings })
}

impl Output for Config {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let mut table = Table::new(["Setting", "Value", "Origin"]);
        for entry in &self.settings {
            table.row([entry.name, &entry.value, &entry.shown_origin]);
        }
        screen.table(&table)
    }
}
