//! What can be wrong with settings.

use std::{io, net::IpAddr, path::PathBuf};

use super::{Origin, Variable};
use crate::error::{Code, Failure};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value is not one that the setting can have.
    #[error("{} is `{text}`: {problem}", name(*variable, origin))]
    InvalidValue {
        /// The setting.
        variable: Variable,
        /// What it was set to; masked if it is a secret.
        text: String,
        /// Where that was.
        origin: Origin,
        /// What is expected.
        problem: String,
    },
    /// A line of a `.env` file that names a setting is no assignment.
    #[error("{}:{line}: {problem}", path.display())]
    MalformedLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A `.env` file is there and cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The home directory is not known and no data directory is set.
    #[error("cannot tell where to keep data: there is no home directory")]
    NoHome,
    /// Other machines could reach the stack with a password that everybody knows.
    #[error("refusing to listen on `{host}` with the default {}", list(passwords))]
    DefaultPassword {
        /// The address.
        host: IpAddr,
        /// The passwords that are still the default.
        passwords: Vec<Variable>,
    },
}

/// The setting as the person wrote it, and where.
fn name(variable: Variable, origin: &Origin) -> String {
    let name = variable.name();
    match origin {
        Origin::Flag => format!("`{}`", variable.flag().unwrap_or(name)),
        Origin::Environment => format!("`{name}` in the environment"),
        Origin::DotEnv { .. } => format!("{origin}: `{name}`"),
        Origin::Recorded => format!("`{name}`, {origin},"),
        Origin::Default => format!("`{name}`"),
    }
}

fn list(variables: &[Variable]) -> String {
    let names: Vec<_> = variables
        .iter()
        .map(|variable| format!("`{}`", variable.name()))
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

impl Failure for SettingsError {
    fn code(&self) -> Code {
        match self {
            Self::DefaultPassword { .. } => Code::DefaultPasswordExposed,
            Self::Unreadable(..) => Code::Io,
            Self::InvalidValue { .. } | Self::MalformedLine { .. } | Self::NoHome => {
                Code::InvalidSetting
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::DefaultPassword { passwords, .. } => Some(format!(
                "set {} in the environment or in `.env`, or leave out `--host`",
                list(passwords)
            )),
            Self::NoHome => Some("set `HOME` or `TELEMETRY_DATA_DIR`".to_owned()),
            _ => None,
        }
    }
}
