//! What the query of a URL says.

use std::time::Duration;

use percent_encoding::percent_decode;

use super::{
    exception::{Exception, Kind},
    form,
};
use crate::embedded::chdb::Parameter;

/// The longest that a session may be kept.
const LONGEST_SESSION: u64 = 3600;
/// How long a session is kept unless the client says so.
const USUAL_SESSION: u64 = 60;

/// What the query of a URL says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The statement, or its beginning.
    pub query: Vec<u8>,
    /// The database that is meant where the statement names none.
    pub database: Option<String>,
    /// The format of the result unless the statement names one.
    pub default_format: Option<String>,
    /// The client's name for the statement.
    pub query_id: Option<String>,
    /// The session that the statement belongs to.
    pub session: Option<Session>,
    /// Who sends it.
    pub user: Option<Vec<u8>>,
    /// The sender's password.
    pub password: Option<Vec<u8>>,
    /// Whether the result is to be in ClickHouse's compression framing.
    pub compress: bool,
    /// Whether the body is in it, and what its checksums are for.
    pub decompress: Option<Checksums>,
    /// The revision of the native protocol that the client knows.
    pub client_protocol_version: Option<u64>,
    /// Whether nothing is to be answered before the statement has ended.
    pub wait_end_of_query: bool,
    /// Values for the placeholders of the statement.
    pub parameters: Vec<Parameter>,
    /// Everything else: settings of the engine for this statement.
    pub settings: Vec<(String, String)>,
}

/// What becomes of the checksums in ClickHouse's compression framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// They must be right.
    Verified,
    /// Nobody looks at them.
    Ignored,
}

/// A session as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: String,
    /// How long it is kept without a statement.
    pub timeout: Duration,
    /// Whether it must be there already.
    pub must_exist: bool,
}

impl Options {
    /// Reads the part of a URL behind `?`.
    pub fn parse(query: &[u8]) -> Result<Self, Exception> {
        let mut options = Self::default();
        let (mut session_id, mut timeout, mut check) = (None, None, None);
        let (mut framed, mut checksums) = (false, Checksums::Verified);
        for pair in query.split(|&byte| byte == b'&').filter(|p| !p.is_empty()) {
            let equals = pair.iter().position(|&byte| byte == b'=');
            let (name, value) = match equals {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            let name = text(decode(name), "name")?;
            let value = decode(value);
            if let Some(parameter) = name.strip_prefix("param_") {
                options.parameters.push((parameter.to_owned(), value));
                continue;
            }
            match name.as_str() {
                "query" => options.query = value,
                "user" => options.user = Some(value),
                "password" => options.password = Some(value),
                _ => {
                    let value = text(value, &name)?;
                    match name.as_str() {
                        "database" => options.database = some(value),
                        "default_format" => options.default_format = some(value),
                        "query_id" => options.query_id = some(value),
                        "session_id" => session_id = some(value),
                        "session_timeout" => timeout = Some(value),
                        "session_check" => check = Some(value),
                        "compress" => options.compress = flag(&name, &value)?,
                        "decompress" => framed = flag(&name, &value)?,
                        "http_native_compression_disable_checksumming_on_decompress" => {
                            if flag(&name, &value)? {
                                checksums = Checksums::Ignored;
                            }
                        }
                        "wait_end_of_query" => options.wait_end_of_query = flag(&name, &value)?,
                        "client_protocol_version" => {
                            options.client_protocol_version =
                                Some(value.parse().map_err(|_| {
                                    Kind::BadArguments.exception(format!(
                                        "client_protocol_version is no number: '{value}'"
                                    ))
                                })?);
                        }
                        "role" => {
                            return Err(Kind::NotImplemented
                                .exception("Roles belong to users and cannot be chosen"));
                        }
                        // What ClickHouse knows and what changes nothing here.
                        "buffer_size" | "quota_key" | "stacktrace" | "close_session" => {}
                        _ => options.settings.push((name, value)),
                    }
                }
            }
        }
        options.decompress = framed.then_some(checksums);
        if let Some(id) = session_id {
            options.session = Some(Session {
                id,
                timeout: session_timeout(timeout.as_deref())?,
                must_exist: check.is_some_and(|check| check == "1"),
            });
        }
        for (name, _) in &options.settings {
            check_setting_name(name)?;
        }
        Ok(options)
    }

    /// Adds what comes in the fields of a form: the statement, parameters, settings.
    pub fn take_form(&mut self, fields: Vec<form::Field>) -> Result<(), Exception> {
        for (name, value) in fields {
            if name == "query" {
                self.query.extend(value);
            } else if let Some(parameter) = name.strip_prefix("param_") {
                self.parameters.push((parameter.to_owned(), value));
            } else {
                check_setting_name(&name)?;
                let value = text(value, &name)?;
                self.settings.push((name, value));
            }
        }
        Ok(())
    }

    /// The last value of a setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().rev().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a setting is given.
    pub fn sets(&self, name: &str) -> bool {
        self.setting(name).is_some()
    }

    /// Whether a setting is on; `default` where it is not given.
    pub fn is_on(&self, name: &str, default: bool) -> bool {
        self.setting(name).map_or(default, |value| {
            value == "1" || value.eq_ignore_ascii_case("true")
        })
    }
}

fn decode(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    percent_decode(&spaced).collect()
}

fn text(value: Vec<u8>, name: &str) -> Result<String, Exception> {
    String::from_utf8(value)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| Kind::BadArguments.exception(format!("The value of '{name}' is not text")))
}

fn some(value: String) -> Option<String> {
    (!value.is_empty()).then_some(value)
}

fn flag(name: &str, value: &str) -> Result<bool, Exception> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" | "" => Ok(false),
        _ => Err(Kind::BadArguments.exception(format!("{name} is neither 0 nor 1: '{value}'"))),
    }
}

fn session_timeout(value: Option<&str>) -> Result<Duration, Exception> {
    let seconds = match value {
        None => Some(USUAL_SESSION),
        Some(value) => value.parse().ok(),
    };
    match seconds {
        Some(seconds) if seconds <= LONGEST_SESSION => Ok(Duration::from_secs(seconds)),
        Some(seconds) => Err(Kind::InvalidSessionTimeout.exception(format!(
            "Session timeout '{seconds}' is larger than the maximum of {LONGEST_SESSION} seconds"
        ))),
        None => Err(Kind::InvalidSessionTimeout.exception(format!(
            "Invalid session timeout: '{}'",
            value.unwrap_or_default()
        ))),
    }
}

/// A name becomes part of a statement.
fn check_setting_name(name: &str) -> Result<(), Exception> {
    let well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    if well_formed {
        return Ok(());
    }
    Err(Kind::UnknownSetting.exception(format!("Unknown setting '{name}'")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_option_is_a_setting() {
        let url = "query=SELECT+%7Bx:String%7D&param_x=a%26b&max_threads=2&database=d&compress=1\
                   &session_id=s&session_timeout=5&default_format=JSON&log_comment=a+b";
        let options = Options::parse(url.as_bytes()).unwrap();
        assert_eq!(options.query, b"SELECT {x:String}");
        assert_eq!(options.parameters, [("x".to_owned(), b"a&b".to_vec())]);
        assert_eq!(options.database.as_deref(), Some("d"));
        assert_eq!(options.default_format.as_deref(), Some("JSON"));
        assert!(options.compress && options.decompress.is_none());
        assert_eq!(options.session.unwrap().timeout, Duration::from_secs(5));
        assert_eq!(
            options.settings,
            [("max_threads", "2"), ("log_comment", "a b")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn nonsense_has_clickhouses_code() {
        for (url, code) in [
            ("a%27b=1", 115),
            ("1a=1", 115),
            ("compress=yes", 36),
            ("database=%ff", 36),
            ("session_id=a&session_timeout=99999", 374),
            ("session_id=a&session_timeout=x", 374),
            ("client_protocol_version=x", 36),
            ("role=administrator", 48),
        ] {
            assert_eq!(
                Options::parse(url.as_bytes()).expect_err(url).code,
                code,
                "{url}"
            );
        }
    }

    #[test]
    fn a_statement_may_be_any_bytes() {
        let options = Options::parse(b"query=SELECT+'%ff%00'").unwrap();
        assert_eq!(options.query, b"SELECT '\xff\0'");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(query in any::<Vec<u8>>()) {
            let _ = Options::parse(&query);
        }

        #[test]
        fn what_is_encoded_is_read(query in any::<Vec<u8>>(), name in "[a-z]{1,9}", value in any::<Vec<u8>>()) {
            let encode = |bytes: &[u8]| {
                percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC).to_string()
            };
            let url = format!("query={}&param_{name}={}", encode(&query), encode(&value));
            let options = Options::parse(url.as_bytes()).unwrap();
            prop_assert_eq!(options.query, query);
            prop_assert_eq!(options.parameters, vec![(name, value)]);
        }

        #[test]
        fn a_setting_that_is_taken_cannot_leave_its_place(name in ".{0,20}") {
            let url = percent_encoding::percent_encode(name.as_bytes(), percent_encoding::NON_ALPHANUMERIC);
            if let Ok(options) = Options::parse(format!("{url}=1").as_bytes()) {
                for (name, _) in options.settings {
                    prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.'));
                }
            }
        }
    }
}
