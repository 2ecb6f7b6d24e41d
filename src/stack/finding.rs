//! What a look at one part of a stack or its surroundings found.

use std::fmt;

use serde::Serialize;

use crate::error::{Error, Failure, causes};

/// What was looked at, what was found, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it belongs to.
    pub topic: Topic,
    /// How much it matters.
    pub level: Level,
    /// What was looked at.
    pub subject: String,
    /// What was found.
    pub found: String,
    /// What mends it: a command, or a setting and its value.
    pub fix: Option<String>,
}

/// What a finding belongs to, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// What runs the stack.
    Engine,
    /// Which programs and which schema these are.
    Versions,
    /// Who listens where.
    Ports,
    /// Room for data.
    Disk,
    /// Room in memory.
    Memory,
    /// Whether clocks agree.
    Clock,
    /// Whether passwords are known to everybody.
    Passwords,
    /// What the environment and `.env` say.
    Settings,
    /// Whether telemetry gets from its senders to where it is found.
    DataPath,
    /// What earlier stacks have left.
    Leftovers,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// It works, and is good to know of.
    Note,
    /// It keeps something from working.
    Problem,
}

impl Finding {
    /// All is as it should be.
    pub fn ok(topic: Topic, subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            topic,
            level: Level::Ok,
            subject: subject.into(),
            found: found.into(),
            fix: None,
        }
    }

    /// Something that is good to know of.
    pub fn note(topic: Topic, subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            level: Level::Note,
            ..Self::ok(topic, subject, found)
        }
    }

    /// Something that keeps something from working.
    pub fn problem(topic: Topic, subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            level: Level::Problem,
            ..Self::ok(topic, subject, found)
        }
    }

    /// The problem that a failure tells of: its message and what lies beneath it, mended as its
    /// hint says.
    pub fn of_failure(topic: Topic, subject: impl Into<String>, failure: &dyn Failure) -> Self {
        let found = told(failure.to_string(), &causes(failure));
        Self {
            fix: failure.hint(),
            ..Self::problem(topic, subject, found)
        }
    }

    /// The same of any error.
    pub fn of_error(topic: Topic, subject: impl Into<String>, error: &Error) -> Self {
        Self {
            fix: error.hint(),
            ..Self::problem(topic, subject, told(error.to_string(), &error.causes()))
        }
    }

    /// The same with what mends it.
    #[must_use]
    pub fn mended_by(self, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..self
        }
    }

    /// The same at another level.
    #[must_use]
    pub fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }
}

/// A message with its causes.
fn told(message: String, causes: &[String]) -> String {
    let causes = causes.iter().map(|cause| format!(": {cause}"));
    message + &causes.collect::<String>()
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Engine => "Engine",
            Self::Versions => "Versions",
            Self::Ports => "Ports",
            Self::Disk => "Disk",
            Self::Memory => "Memory",
            Self::Clock => "Clock",
            Self::Passwords => "Passwords",
            Self::Settings => "Settings",
            Self::DataPath => "Data path",
            Self::Leftovers => "Leftovers",
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Layer {
        message: &'static str,
        source: Option<Box<Layer>>,
    }

    impl Failure for Layer {
        fn code(&self) -> Code {
            Code::Io
        }

        fn hint(&self) -> Option<String> {
            Some("try again".to_owned())
        }
    }

    #[test]
    fn a_failure_is_told_with_its_causes_once_each() {
        let cause = |message, source| Some(Box::new(Layer { message, source }));
        let failure = Layer {
            message: "cannot read it: no such file",
            source: cause("no such file", cause("status 2", None)),
        };
        let finding = Finding::of_failure(Topic::Disk, "file", &failure);
        assert_eq!(finding.found, "cannot read it: no such file: status 2");
        assert_eq!(finding.level, Level::Problem);
        assert_eq!(finding.fix.as_deref(), Some("try again"));
        assert_eq!(
            Finding::of_error(Topic::Disk, "file", &failure.into()),
            finding
        );
    }
}
