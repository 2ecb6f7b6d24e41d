//! What can be wrong with a Compose file.

use std::{io, path::PathBuf};

use crate::error::{Code, Failure};

/// Why a Compose file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// It says something that is not understood, or that cannot be.
    #[error("{file}:{problem}")]
    Invalid {
        /// The file, as the person named it.
        file: String,
        /// What is wrong, and where.
        problem: Problem,
    },
    /// It cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
}

impl Failure for ComposeError {
    fn code(&self) -> Code {
        match self {
            Self::Invalid { .. } => Code::InvalidSetting,
            Self::Unreadable(..) => Code::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { problem, .. } => problem.hint.map(str::to_owned),
            Self::Unreadable(..) => None,
        }
    }
}

/// What is wrong at one place of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {}{message}", named(key))]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The key with the keys around it, such as `services.grafana.ports[0].target`; empty if the
    /// file is no YAML, or no mapping.
    pub key: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

impl Problem {
    /// A problem of the file `file`.
    pub(super) fn of(self, file: &str) -> ComposeError {
        ComposeError::Invalid {
            file: file.to_owned(),
            problem: self,
        }
    }
}

fn named(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("`{key}`: ")
    }
}
