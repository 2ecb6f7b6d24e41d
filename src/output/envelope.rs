//! The JSON form of every command's result.

use serde::Serialize;

use crate::error::{Code, Error};

/// Version of the envelope. Fields may be added without changing it.
pub const SCHEMA_VERSION: u32 = 1;

/// One per command; `data` and `error` are always there, one of them null as a rule. Both are
/// set when a command found out that something is wrong, as `health` does.
#[derive(Debug, Serialize)]
pub(super) struct Envelope<'a, D: Serialize> {
    schema_version: u32,
    command: Option<&'a str>,
    status: Status,
    data: Option<D>,
    warnings: Vec<String>,
    error: Option<ErrorReport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Error,
}

/// An error, for programs.
#[derive(Debug, Serialize)]
pub(super) struct ErrorReport {
    /// The stable kind.
    code: Code,
    /// What failed.
    message: String,
    /// Why, outermost first.
    causes: Vec<String>,
    /// What to try next.
    hint: Option<String>,
}

impl<'a, D: Serialize> Envelope<'a, D> {
    pub(super) fn new(
        command: Option<&'a str>,
        data: Option<D>,
        warnings: Vec<String>,
        error: Option<ErrorReport>,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            command,
            status: match error {
                None => Status::Ok,
                Some(_) => Status::Error,
            },
            data,
            warnings,
            error,
        }
    }
}

impl From<&Error> for ErrorReport {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            causes: error.causes(),
            hint: error.hint(),
        }
    }
}
