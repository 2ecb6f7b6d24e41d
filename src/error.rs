//! What can go wrong, as a person or a script sees it.
//!
//! Each concern has an error enum of its own; what they share is [`Failure`]: a stable
//! [`Code`], from which the exit status follows, and a hint, which is the next thing to try.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable name for a kind of failure, printed with every error and put in the JSON envelope.
///
/// The names are part of the interface: they may be added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The command line does not parse, or asks for something contradictory.
    Usage,
    /// A setting has a value it cannot have.
    InvalidSetting,
    /// A destructive command was not confirmed.
    ConfirmationRequired,
    /// The stack would be reachable from other machines with a default password.
    DefaultPasswordExposed,
    /// No engine to run the stack on: no Docker, and no chDB library.
    NoEngine,
    /// The engine library could not be fetched.
    EngineDownload,
    /// The engine library is there but is not the one it should be.
    EngineInvalid,
    /// The engine did not start.
    EngineStart,
    /// Another process changes the same stack now.
    StackBusy,
    /// The command needs a running stack and there is none.
    NotRunning,
    /// A port that the stack needs is taken.
    PortInUse,
    /// A service did not become ready in time.
    NotReady,
    /// A health probe failed, or what is received is not being stored.
    Unhealthy,
    /// An endpoint does not answer.
    Unreachable,
    /// An endpoint refused the credentials.
    Unauthorized,
    /// ClickHouse answered with an exception.
    Query,
    /// A newer program made the database.
    SchemaNewer,
    /// A newer ClickHouse wrote the data.
    ClickhouseNewer,
    /// Telemetry that was sent was refused, or never became visible.
    TelemetryLost,
    /// A backup archive is damaged, or not one.
    InvalidArchive,
    /// Data is already there and was not to be replaced.
    DataExists,
    /// What was restored is not what was backed up.
    VerificationFailed,
    /// A file or directory could not be read or written.
    Io,
    /// Stopped by a signal.
    Interrupted,
}

impl Code {
    /// The code as it is printed: `snake_case`, stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::InvalidSetting => "invalid_setting",
            Self::ConfirmationRequired => "confirmation_required",
            Self::DefaultPasswordExposed => "default_password_exposed",
            Self::NoEngine => "no_engine",
            Self::EngineDownload => "engine_download",
            Self::EngineInvalid => "engine_invalid",
            Self::EngineStart => "engine_start",
            Self::StackBusy => "stack_busy",
            Self::NotRunning => "not_running",
            Self::PortInUse => "port_in_use",
            Self::NotReady => "not_ready",
            Self::Unhealthy => "unhealthy",
            Self::Unreachable => "unreachable",
            Self::Unauthorized => "unauthorized",
            Self::Query => "query",
            Self::SchemaNewer => "schema_newer",
            Self::ClickhouseNewer => "clickhouse_newer",
            Self::TelemetryLost => "telemetry_lost",
            Self::InvalidArchive => "invalid_archive",
            Self::DataExists => "data_exists",
            Self::VerificationFailed => "verification_failed",
            Self::Io => "io",
            Self::Interrupted => "interrupted",
        }
    }

    /// The exit status of a command that ends with this code.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Usage | Self::InvalidSetting => 2,
            Self::ConfirmationRequired => 3,
            Self::Unhealthy => 4,
            Self::NoEngine | Self::EngineDownload => 5,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What every error enum of this program can say about itself beside its message.
pub trait Failure: std::error::Error + Send + Sync + 'static {
    /// The stable kind of this failure.
    fn code(&self) -> Code;

    /// The next thing to try, as a full command where there is one.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Any failure, as commands return it.
#[derive(Debug)]
pub struct Error(Box<dyn Failure>);

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The stable kind of this failure.
    pub fn code(&self) -> Code {
        self.0.code()
    }

    /// The next thing to try.
    pub fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    /// The messages of what lies beneath, outermost first; a message that its wrapper
    /// already quotes is left out.
    pub fn causes(&self) -> Vec<String> {
        causes(&*self.0)
    }
}

/// The messages of what lies beneath an error, as [`Error::causes`] gives them.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !said.contains(&message) {
            causes.push(message.clone());
        }
        said = message;
        source = cause.source();
    }
    causes
}

impl<F: Failure> From<F> for Error {
    fn from(failure: F) -> Self {
        Self(Box::new(failure))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }

    fn layers(messages: &[&'static str]) -> Option<Box<Layer>> {
        let (&message, beneath) = messages.split_first()?;
        let source = layers(beneath);
        Some(Box::new(Layer { message, source }))
    }

    #[test]
    fn causes_are_told_once_each_outermost_first() {
        let error = Error::from(*layers(&["a: b", "b", "c", "c", "d"]).unwrap());
        assert_eq!(error.to_string(), "a: b");
        assert_eq!(error.causes(), ["c", "d"]);
    }

    #[test]
    fn a_code_has_one_name_wherever_it_is_written() {
        for code in [Code::Usage, Code::DefaultPasswordExposed, Code::Io] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn scripts_can_tell_from_the_exit_status_what_to_do_next() {
        let expected = [
            (Code::Query, 1),
            (Code::Usage, 2),
            (Code::InvalidSetting, 2),
            (Code::ConfirmationRequired, 3),
            (Code::Unhealthy, 4),
            (Code::NoEngine, 5),
            (Code::EngineDownload, 5),
            (Code::Interrupted, 130),
        ];
        for (code, status) in expected {
            assert_eq!(code.exit_status(), status, "{code}");
        }
    }
}
