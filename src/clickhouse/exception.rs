//! ClickHouse's exceptions.

use std::fmt;

/// An exception as ClickHouse's HTTP interface words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// ClickHouse's number of the kind of exception.
    pub code: u32,
    /// ClickHouse's name of the same, such as `UNKNOWN_TABLE`.
    pub name: Option<String>,
    /// What went wrong.
    pub message: String,
}

impl std::error::Error for Exception {}

impl Exception {
    /// Takes the text of an exception apart:
    /// `Code: <code>. DB::Exception: <message> (<NAME>) (version <version>)`.
    ///
    /// `None` if it is no such text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (code, rest) = text.strip_prefix("Code: ")?.split_once(". ")?;
        let code = code.parse().ok()?;
        let message = rest.strip_prefix("DB::Exception: ").unwrap_or(rest);
        let message = match message.rfind(" (version ") {
            Some(end) if message.ends_with(')') => &message[..end],
            _ => message,
        };
        let whole = message;
        let (message, name) = match whole.rsplit_once(" (") {
            Some((message, name)) => match name.strip_suffix(')') {
                Some(name) if is_name(name) => (message, Some(name.to_owned())),
                _ => (whole, None),
            },
            None => (whole, None),
        };
        Some(Self {
            code,
            name,
            message: message.to_owned(),
        })
    }

    /// Whether it says that the credentials are wrong.
    pub fn is_unauthorized(&self) -> bool {
        // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
        matches!(self.code, 192..=194 | 516)
    }

    /// Where in the statement a syntax error is, as an offset in bytes.
    pub fn position(&self) -> Option<usize> {
        let (_, rest) = self.message.split_once("failed at position ")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<usize>().ok()?.checked_sub(1)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

impl fmt::Display for Exception {
    /// The message without the hundred tokens that a syntax error would have expected.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match self.message.split_once(". Expected one of: ") {
            Some((message, _)) => message,
            None => self.message.trim_end_matches('.'),
        };
        f.write_str(message)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => write!(f, " (code {})", self.code),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn code_name_and_message_are_told_apart() {
        let text = "Code: 60. DB::Exception: Unknown table expression identifier 'x' in scope SELECT (1). (UNKNOWN_TABLE) (version 26.7.2.1 (official build))\n";
        let exception = Exception::parse(text).unwrap();
        assert_eq!(exception.code, 60);
        assert_eq!(exception.name.as_deref(), Some("UNKNOWN_TABLE"));
        assert_eq!(
            exception.message,
            "Unknown table expression identifier 'x' in scope SELECT (1)."
        );
        assert_eq!(
            exception.to_string(),
            "Unknown table expression identifier 'x' in scope SELECT (1) (UNKNOWN_TABLE)"
        );
    }

    #[test]
    fn an_exception_without_a_name_keeps_its_message() {
        let exception = Exception::parse("Code: 1001. DB::Exception: std::bad (thing)").unwrap();
        assert_eq!(exception.name, None);
        assert_eq!(exception.message, "std::bad (thing)");
    }

    #[test]
    fn a_syntax_error_is_short_and_has_a_position() {
        let text = "Code: 62. DB::Exception: Syntax error: failed at position 10 (FRM): FRM traces. Expected one of: token, Dot, OR. (SYNTAX_ERROR) (version 26.7)";
        let exception = Exception::parse(text).unwrap();
        assert_eq!(exception.position(), Some(9));
        assert_eq!(
            exception.to_string(),
            "Syntax error: failed at position 10 (FRM): FRM traces (SYNTAX_ERROR)"
        );
    }

    #[test]
    fn what_is_no_exception_is_none() {
        assert_eq!(Exception::parse("<html>404</html>"), None);
        assert_eq!(Exception::parse("Code: x. y"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(Code: [0-9]{0,4}\\. )?\\PC*") {
            if let Some(exception) = Exception::parse(&text) {
                let _ = (exception.position(), exception.to_string());
            }
        }
    }
}
