//! One line of the log: `2026-11-24T10:00:00.123Z server INFO listening on 127.0.0.1:4318`.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

/// Which process a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The supervisor itself.
    Supervisor,
    /// The server process, with the engine in it.
    Server,
}

impl Source {
    /// Its name, as it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Server => "server",
        }
    }
}

/// One line of the log. It serialises as the object that `logs --format json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When the supervisor received it, in milliseconds; `None` in text that the supervisor
    /// did not write, such as the message of its own panic.
    pub timestamp: Option<Timestamp>,
    /// Which process said it.
    pub source: Source,
    /// How much it matters, when it says so: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: Option<&'static str>,
    /// What it says, its level included where it begins with one.
    pub message: String,
}

impl Line {
    /// A line said at `timestamp`.
    pub fn new(timestamp: Timestamp, source: Source, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            timestamp: Some(timestamp),
            source,
            level: level(&message),
            message,
        }
    }

    /// The line that `text` is; text of any other form is the supervisor's.
    pub fn parse(text: &str) -> Self {
        Self::parse_exact(text).unwrap_or_else(|| Self {
            timestamp: None,
            source: Source::Supervisor,
            level: level(text),
            message: text.to_owned(),
        })
    }

    fn parse_exact(text: &str) -> Option<Self> {
        let (timestamp, rest) = text.split_once(' ')?;
        let (source, message) = rest.split_once(' ')?;
        let source = match source {
            "supervisor" => Source::Supervisor,
            "server" => Source::Server,
            _ => return None,
        };
        Some(Self::new(timestamp.parse().ok()?, source, message))
    }
}

/// The level that a message begins with, as `tracing` prints it.
fn level(message: &str) -> Option<&'static str> {
    match message.split_whitespace().next()? {
        "ERROR" => Some("error"),
        "WARN" => Some("warn"),
        "INFO" => Some("info"),
        "DEBUG" => Some("debug"),
        "TRACE" => Some("trace"),
        _ => None,
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(timestamp) = self.timestamp {
            write!(f, "{timestamp:.3} {} ", self.source.as_str())?;
        }
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_a_time_a_source_and_a_message() {
        let text = "2026-11-24T10:00:00.123Z server  WARN the disk is nearly full";
        let line = Line::parse(text);
        assert_eq!(line.source, Source::Server);
        assert_eq!(line.level, Some("warn"));
        assert_eq!(line.message, " WARN the disk is nearly full");
        assert_eq!(line.to_string(), text);
    }

    #[test]
    fn a_panic_message_is_a_line_without_a_time() {
        let line = Line::parse("thread 'main' panicked at src/x.rs:1");
        assert_eq!(line.timestamp, None);
        assert_eq!(line.source, Source::Supervisor);
    }

    proptest! {
        #[test]
        fn a_printed_line_reads_back(millisecond in 0_i64..4_000_000_000_000, message in "[^\n]*") {
            let timestamp = Timestamp::from_millisecond(millisecond).unwrap();
            let line = Line::new(timestamp, Source::Server, message);
            prop_assert_eq!(Line::parse(&line.to_string()), line);
        }
    }
}
