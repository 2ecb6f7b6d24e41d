//! `--dry-run`: what would be done.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::output::{Output, Screen};

/// What would be done.
#[derive(Debug, Serialize)]
pub(super) struct DryRun {
    /// Each step: what, why, and after which.
    pub steps: Vec<String>,
}

impl Output for DryRun {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        if self.steps.is_empty() {
            return writeln!(screen, "Nothing to do");
        }
        for step in &self.steps {
            writeln!(screen, "{step}")?;
        }
        Ok(())
    }
}
