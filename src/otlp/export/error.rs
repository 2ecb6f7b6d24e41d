//! Why telemetry could not be sent.

use crate::error::{Code, Failure};
use crate::otlp::{Protocol, Signal};

/// Why telemetry could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Nothing listens there.
    #[error("nothing answers at {url} ({protocol})")]
    Unreachable {
        /// The form of OTLP that was to be spoken.
        protocol: Protocol,
        /// Where.
        url: String,
        /// What became of the connection.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something else listens there.
    #[error("what answers at {url} does not speak {protocol}: {problem}")]
    NotOtlp {
        /// The form of OTLP that was spoken.
        protocol: Protocol,
        /// Where.
        url: String,
        /// What it answered.
        problem: String,
    },
    /// The request is refused, and would be refused again.
    #[error("{signal} are refused over {protocol} ({status}): {reason}")]
    Refused {
        /// What was refused.
        signal: Signal,
        /// The form of OTLP.
        protocol: Protocol,
        /// The status of the answer.
        status: String,
        /// What it says.
        reason: String,
    },
    /// The request was turned away until patience ended.
    #[error("{signal} were turned away over {protocol} {attempts} times: {reason}")]
    GaveUp {
        /// What was turned away.
        signal: Signal,
        /// The form of OTLP.
        protocol: Protocol,
        /// How often.
        attempts: u32,
        /// What the last answer said.
        reason: String,
    },
}

impl ExportError {
    /// The message without what was sent, and where to.
    pub fn reason(&self) -> String {
        match self {
            Self::Refused { status, reason, .. } => format!("{status}: {reason}"),
            Self::GaveUp {
                attempts, reason, ..
            } => format!("turned away {attempts} times: {reason}"),
            Self::Unreachable { .. } | Self::NotOtlp { .. } => self.to_string(),
        }
    }
}

impl Failure for ExportError {
    fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } | Self::NotOtlp { .. } => Code::Unreachable,
            Self::Refused { .. } | Self::GaveUp { .. } => Code::TelemetryLost,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { .. } => {
                "`telemetry start` starts the stack; `telemetry status` shows what runs".to_owned()
            }
            Self::NotOtlp { protocol, .. } => format!(
                "`{}` sets the port; `telemetry config` shows all settings",
                protocol.port_setting()
            ),
            Self::Refused { .. } | Self::GaveUp { .. } => {
                "`telemetry logs` shows what happened".to_owned()
            }
        })
    }
}
