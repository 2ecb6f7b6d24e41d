//! ClickHouse's exceptions as its HTTP interface shows them: text, status and header.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;

use crate::embedded::chdb;

/// An error with one of ClickHouse's codes, from the engine or from this server.
///
/// Its [`Display`](fmt::Display) form lacks the version that ClickHouse puts at the end;
/// see [`Exception::render`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Exception {
    /// ClickHouse's number for the kind of error.
    pub code: u32,
    /// ClickHouse's name for the same, `None` if the engine gave none.
    pub name: Option<Cow<'static, str>>,
    /// What went wrong, without the code, the name and the version around it.
    pub message: String,
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.message.ends_with('.') { "" } else { "." };
        write!(
            f,
            "Code: {}. DB::Exception: {}{end}",
            self.code, self.message
        )?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

impl From<chdb::Exception> for Exception {
    /// Takes the engine's text apart: code, message and name.
    fn from(exception: chdb::Exception) -> Self {
        let chdb::Exception {
            code,
            name,
            message,
        } = exception;
        let begin = message.find("DB::Exception: ").map_or(0, |at| at + 15);
        let name_at = name
            .as_ref()
            .and_then(|name| message.rfind(&format!("({name})")));
        let end = name_at.unwrap_or(message.len()).max(begin);
        Self {
            code,
            message: message[begin..end].trim().to_owned(),
            name: name.map(Cow::Owned),
        }
    }
}

impl Exception {
    /// The text of a response's body; `version` is the engine's, as `version()` gives it.
    ///
    /// Clients take the text apart with regular expressions, down to `(official build)`.
    pub fn render(&self, version: &str) -> String {
        format!("{self} (version {version} (official build))")
    }

    /// The status that ClickHouse answers with, if the response has not begun.
    pub fn status(&self) -> StatusCode {
        status_of(self.code)
    }
}

/// The errors that this server raises by itself: ClickHouse's number and name for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A parameter or a header that makes no sense.
    BadArguments,
    /// A checksum in ClickHouse's own compression framing is wrong.
    ChecksumDoesntMatch,
    /// A frame announces more data than is accepted.
    TooLargeSizeCompressed,
    /// Something that ClickHouse has and this server does not.
    NotImplemented,
    /// The text is not SQL, or is more of it than is accepted.
    SyntaxError,
    /// A statement that does not belong on this interface.
    UnknownTypeOfQuery,
    /// A compression method that is not known.
    UnknownCompressionMethod,
    /// A setting whose name cannot be one.
    UnknownSetting,
    /// A change asked for by GET, or by a user who may only read.
    Readonly,
    /// As many queries run as may.
    TooManySimultaneousQueries,
    /// The client stopped sending or reading.
    SocketTimeout,
    /// A query of the same identifier runs.
    QueryWithSameIdIsAlreadyRunning,
    /// The server is shutting down.
    Aborted,
    /// Compressed data that does not decompress.
    CannotDecompress,
    /// The body ended, or the connection did, before the data was whole.
    CannotReadAllData,
    /// `INTO OUTFILE`, which would write on the server's disk.
    IntoOutfileNotAllowed,
    /// `session_check` without such a session.
    SessionNotFound,
    /// A second query in a session that runs one.
    SessionIsLocked,
    /// `session_timeout` that is no number or too large.
    InvalidSessionTimeout,
    /// POST without a length and without chunks.
    HttpLengthRequired,
    /// The query was stopped.
    QueryWasCancelled,
    /// The user may not do this.
    AccessDenied,
    /// No such user, or not that password.
    AuthenticationFailed,
    /// A URL that cannot be decoded.
    PocoException,
    /// The engine did not behave as its interface promises.
    LogicalError,
}

impl Kind {
    /// ClickHouse's number and name, as `errorCodeToName` of the engine knows them.
    const fn code_and_name(self) -> (u32, &'static str) {
        match self {
            Self::CannotReadAllData => (33, "CANNOT_READ_ALL_DATA"),
            Self::BadArguments => (36, "BAD_ARGUMENTS"),
            Self::TooLargeSizeCompressed => (39, "TOO_LARGE_SIZE_COMPRESSED"),
            Self::ChecksumDoesntMatch => (40, "CHECKSUM_DOESNT_MATCH"),
            Self::NotImplemented => (48, "NOT_IMPLEMENTED"),
            Self::LogicalError => (49, "LOGICAL_ERROR"),
            Self::SyntaxError => (62, "SYNTAX_ERROR"),
            Self::UnknownTypeOfQuery => (78, "UNKNOWN_TYPE_OF_QUERY"),
            Self::UnknownCompressionMethod => (89, "UNKNOWN_COMPRESSION_METHOD"),
            Self::UnknownSetting => (115, "UNKNOWN_SETTING"),
            Self::Readonly => (164, "READONLY"),
            Self::TooManySimultaneousQueries => (202, "TOO_MANY_SIMULTANEOUS_QUERIES"),
            Self::SocketTimeout => (209, "SOCKET_TIMEOUT"),
            Self::QueryWithSameIdIsAlreadyRunning => (216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"),
            Self::Aborted => (236, "ABORTED"),
            Self::CannotDecompress => (271, "CANNOT_DECOMPRESS"),
            Self::IntoOutfileNotAllowed => (358, "INTO_OUTFILE_NOT_ALLOWED"),
            Self::SessionNotFound => (372, "SESSION_NOT_FOUND"),
            Self::SessionIsLocked => (373, "SESSION_IS_LOCKED"),
            Self::InvalidSessionTimeout => (374, "INVALID_SESSION_TIMEOUT"),
            Self::HttpLengthRequired => (381, "HTTP_LENGTH_REQUIRED"),
            Self::QueryWasCancelled => (394, "QUERY_WAS_CANCELLED"),
            Self::AccessDenied => (497, "ACCESS_DENIED"),
            Self::AuthenticationFailed => (516, "AUTHENTICATION_FAILED"),
            Self::PocoException => (1000, "POCO_EXCEPTION"),
        }
    }

    /// An exception of this kind.
    pub fn exception(self, message: impl Into<String>) -> Exception {
        let (code, name) = self.code_and_name();
        Exception {
            code,
            name: Some(Cow::Borrowed(name)),
            message: message.into(),
        }
    }
}

/// ClickHouse's table of statuses (its `exceptionCodeToHTTPStatus`); what it does not list is
/// an internal error.
fn status_of(code: u32) -> StatusCode {
    match code {
        // REQUIRED_PASSWORD
        194 => StatusCode::UNAUTHORIZED,
        // UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, SET_NON_GRANTED_ROLE, AUTHENTICATION_FAILED
        192 | 193 | 497 | 512 | 516 => StatusCode::FORBIDDEN,
        // What cannot be parsed, and values or columns that do not fit.
        6 | 8 | 15 | 25 | 26 | 27 | 36 | 37 | 38 | 41 | 44 | 53 | 62 | 72 | 117 | 123 | 167
        | 168 | 223 | 321 | 376 | 427 | 441 | 675 | 676 => StatusCode::BAD_REQUEST,
        // What is not known: functions, identifiers, types, tables, formats, settings, …
        46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => StatusCode::NOT_FOUND,
        // QUERY_IS_TOO_LARGE
        229 => StatusCode::PAYLOAD_TOO_LARGE,
        // NOT_IMPLEMENTED
        48 => StatusCode::NOT_IMPLEMENTED,
        // CANNOT_OPEN_FILE, SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
        76 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
        // HTTP_LENGTH_REQUIRED
        381 => StatusCode::LENGTH_REQUIRED,
        // TIMEOUT_EXCEEDED
        159 => StatusCode::REQUEST_TIMEOUT,
        // UNSUPPORTED_MEDIA_TYPE
        779 => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_reads_as_clickhouse_writes_it() {
        let exception = Exception {
            code: 60,
            name: Some("UNKNOWN_TABLE".into()),
            message: "Unknown table expression identifier 'nosuch'".into(),
        };
        assert_eq!(
            exception.render("26.7.2.1"),
            "Code: 60. DB::Exception: Unknown table expression identifier 'nosuch'. (UNKNOWN_TABLE) \
             (version 26.7.2.1 (official build))"
        );
    }

    #[test]
    fn statuses_follow_clickhouse() {
        for (code, status) in [
            (62, 400),
            (47, 404),
            (60, 404),
            (115, 404),
            (516, 403),
            (497, 403),
            (194, 401),
            (164, 500),
            (202, 500),
            (159, 408),
            (381, 411),
            (48, 501),
            (241, 500),
        ] {
            assert_eq!(status_of(code).as_u16(), status, "code {code}");
        }
    }
}
