//! ClickHouse's exceptions.

/// An exception, as the engine words it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Exception {
    /// ClickHouse's number, such as 60; 0 when the text names none.
    pub code: u32,
    /// ClickHouse's name, such as `UNKNOWN_TABLE`.
    pub name: Option<String>,
    /// The whole text, `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`.
    pub message: String,
}

impl Exception {
    /// Reads code and name out of the text.
    pub fn parse(message: impl Into<String>) -> Self {
        let message = message.into();
        let trimmed = message.trim_end();
        let code = trimmed
            .split_once("Code: ")
            .and_then(|(_, rest)| {
                rest.split(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        Self {
            code,
            name: name(trimmed).map(str::to_owned),
            message: trimmed.to_owned(),
        }
    }
}

/// The name in the last parentheses that hold nothing but a name; a version may follow it.
fn name(message: &str) -> Option<&str> {
    message.rmatch_indices('(').find_map(|(start, _)| {
        let (name, _) = message[start + 1..].split_once(')')?;
        let is_name = name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        (is_name && name.len() > 2).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::Exception;

    #[test]
    fn code_and_name_are_read_from_the_text() {
        let exception = Exception::parse(
            "Code: 60. DB::Exception: Unknown table expression identifier 'nope' in scope \
             SELECT count() FROM nope. (UNKNOWN_TABLE)\n",
        );
        assert_eq!(exception.code, 60);
        assert_eq!(exception.name.as_deref(), Some("UNKNOWN_TABLE"));
        assert!(exception.message.ends_with("(UNKNOWN_TABLE)"));
    }

    #[test]
    fn a_version_behind_the_name_is_not_the_name() {
        let exception = Exception::parse(
            "Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR) (version 26.7.2.1)",
        );
        assert_eq!(exception.name.as_deref(), Some("SYNTAX_ERROR"));
    }

    #[test]
    fn a_text_without_a_code_is_kept_whole() {
        let exception = Exception::parse("Cannot open file");
        assert_eq!((exception.code, exception.name), (0, None));
        assert_eq!(exception.message, "Cannot open file");
    }
}
