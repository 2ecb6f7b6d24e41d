//! Findings as they are shown.

use std::io::{self, Write as _};

use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{
    output::{Output, Screen, figures, visible},
    stack::{Finding, Level, Topic},
};

/// Everything that was found, by topic.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    problems: usize,
    notes: usize,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.topic);
        let count = |level| count(&findings, level);
        Self {
            problems: count(Level::Problem),
            notes: count(Level::Note),
            findings,
        }
    }

    pub(super) fn count(&self, level: Level) -> usize {
        count(&self.findings, level)
    }
}

fn count(findings: &[Finding], level: Level) -> usize {
    findings
        .iter()
        .filter(|finding| finding.level == level)
        .count()
}

/// The level at a width of its own. Its colour only repeats it.
fn painted(level: Level) -> String {
    let word = format!("{level:<7}");
    match level {
        Level::Ok => word.green().to_string(),
        Level::Note => word.yellow().to_string(),
        Level::Problem => word.red().bold().to_string(),
    }
}

impl Output for Report {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let mut topic: Option<Topic> = None;
        for finding in &self.findings {
            if topic != Some(finding.topic) {
                topic = Some(finding.topic);
                writeln!(screen, "{}", finding.topic.bold())?;
            }
            let (subject, found) = (visible(&finding.subject), visible(&finding.found));
            writeln!(screen, "  {} {subject}: {found}", painted(finding.level))?;
            if let Some(fix) = &finding.fix {
                writeln!(screen, "          fix: {}", visible(fix))?;
            }
        }
        let counted = |number: usize, thing| figures::counted(number as u64, thing);
        writeln!(
            screen,
            "\n{}, {}",
            counted(self.problems, "problem"),
            counted(self.notes, "note")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_grouped_and_counted() {
        let report = Report::new(vec![
            Finding::note(Topic::Disk, "`/data`", "2 GiB are left").mended_by("buy more"),
            Finding::ok(Topic::Engine, "engine", "embedded"),
            Finding::problem(Topic::Disk, "`/tmp`", "full\u{1b}[2J"),
        ]);
        assert_eq!(report.count(Level::Problem), 1);
        let mut text = Vec::new();
        report.human(&mut Screen::new(&mut text, false)).unwrap();
        let text = String::from_utf8(anstream::adapter::strip_bytes(&text).into_vec()).unwrap();
        insta::assert_snapshot!(text, @r"
        Engine
          ok      engine: embedded
        Disk
          note    `/data`: 2 GiB are left
                  fix: buy more
          problem `/tmp`: full\u{1b}[2J

        1 problem, 1 note
        ");
    }
}
