//! Asking before something is destroyed.

use std::io::{self, IsTerminal as _};

use crate::error::{Code, Failure};

/// Nobody said yes.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// There is nobody to ask.
    #[error("this would {action}, and there is no terminal to ask on")]
    NoTerminal {
        /// What would be done.
        action: String,
    },
    /// The answer was no.
    #[error("not confirmed; nothing was changed")]
    Declined,
    /// Ctrl-C was the answer.
    #[error("interrupted; nothing was changed")]
    Interrupted,
}

impl Failure for ConfirmError {
    fn code(&self) -> Code {
        match self {
            Self::NoTerminal { .. } | Self::Declined => Code::ConfirmationRequired,
            Self::Interrupted => Code::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        matches!(self, Self::NoTerminal { .. })
            .then(|| "add `--yes` to do it without being asked".to_owned())
    }
}

/// Asks on the terminal whether to do `action`, such as "delete all data of `telemetry`".
pub(super) fn ask(action: &str) -> Result<(), ConfirmError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(ConfirmError::NoTerminal {
            action: action.to_owned(),
        });
    }
    let answer = dialoguer::Confirm::new()
        .with_prompt(format!("This will {action}. Go on?"))
        .default(false)
        .interact_opt();
    match answer {
        Ok(Some(true)) => Ok(()),
        Ok(_) => Err(ConfirmError::Declined),
        Err(_) => Err(ConfirmError::Interrupted),
    }
}
