//! `telemetry logs`.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    ops::ControlFlow,
    time::Duration,
};

use jiff::Timestamp;
use owo_colors::{OwoColorize as _, Style};

use crate::{
    cli::LogsArgs,
    context::Context,
    error::Result,
    output::{Format, Output, Screen, visible},
    stack::LogLine,
};

/// How often the log is looked at for new lines.
const INTERVAL: Duration = Duration::from_millis(100);

/// Runs the command.
pub(super) async fn run(context: &Context, args: &LogsArgs) -> Result<()> {
    let mut reader = context.engine().logs();
    let said_by_them = |mut lines: Vec<LogLine>| {
        lines.retain(|line| {
            args.services.is_empty() || args.services.iter().any(|it| *it == line.source)
        });
        lines
    };
    let all = reader.read_new().await?;
    let sources: BTreeSet<_> = all
        .iter()
        .map(|line| format!("`{}`", line.source))
        .collect();
    let mut lines = said_by_them(all);
    if lines.is_empty() && !args.follow {
        let nothing = if sources.is_empty() {
            let start = context.command("start");
            format!("There is no log yet; `{start}` begins one")
        } else {
            let said = sources.into_iter().collect::<Vec<_>>().join(", ");
            format!("`{}` said nothing; {said} did", args.services.join("`, `"))
        };
        context.printer.status(&nothing);
    }
    if let Some(since) = args.since {
        let begin = since.timestamp(Timestamp::now());
        lines = lines.split_off(first_since(&lines, begin));
    }
    if let Some(tail) = args.tail {
        lines = lines.split_off(lines.len().saturating_sub(tail));
    }
    let is_human = context.printer.format() == Format::Human;
    loop {
        for line in &mut lines {
            if is_human && !args.timestamps {
                line.timestamp = None;
            }
            if let ControlFlow::Break(()) = context.printer.print_item(line)? {
                return Ok(());
            }
        }
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
        lines = said_by_them(reader.read_new().await?);
    }
}

/// Where the lines since `begin` start. A line without a time belongs to the one before it.
fn first_since(lines: &[LogLine], begin: Timestamp) -> usize {
    lines
        .iter()
        .position(|line| line.timestamp.is_some_and(|at| at >= begin))
        .unwrap_or(lines.len())
}

impl Output for LogLine {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        if let Some(timestamp) = self.timestamp {
            write!(screen, "{} ", format_args!("{timestamp:.3}").dimmed())?;
        }
        let source = match &*self.source {
            "supervisor" | "collector" => Style::new().cyan(),
            "grafana" => Style::new().magenta(),
            _ => Style::new().blue(),
        };
        let message = self.message.trim_start().replace('\t', " ");
        let message = visible(&message);
        let (level, rest) = match self.level {
            Some(_) => message.split_once(' ').unwrap_or((&message, "")),
            None => ("", &*message),
        };
        let style = match self.level {
            Some("error") => Style::new().red().bold(),
            Some("warn") => Style::new().yellow().bold(),
            Some("info") => Style::new().green(),
            _ => Style::new().dimmed(),
        };
        let source = format_args!("{:10}", self.source).style(source).to_string();
        let level = format!("{level:5}");
        writeln!(screen, "{source} {} {rest}", level.style(style))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: Option<i64>, message: &str) -> LogLine {
        LogLine {
            timestamp: second.map(|second| Timestamp::from_second(second).unwrap()),
            source: "server".into(),
            level: None,
            message: message.to_owned(),
        }
    }

    #[test]
    fn what_has_no_time_is_as_old_as_what_it_follows() {
        let lines = [
            line(None, "a panic"),
            line(Some(1), "one"),
            line(None, "more of one"),
            line(Some(2), "two"),
        ];
        let at = |second| first_since(&lines, Timestamp::from_second(second).unwrap());
        assert_eq!((at(1), at(2), at(3)), (1, 3, 4));
    }

    #[test]
    fn a_line_is_aligned_and_says_its_level_once() {
        let mut bytes = Vec::new();
        let mut line = line(Some(0), " WARN it is \u{1b}[2J full");
        line.level = Some("warn");
        line.human(&mut Screen::new(&mut bytes, false)).unwrap();
        let text = anstream::adapter::strip_bytes(&bytes).into_vec();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "1970-01-01T00:00:00.000Z server     WARN  it is \\u{1b}[2J full\n"
        );
    }
}
