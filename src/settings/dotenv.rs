//! `.env` files, as far as they concern this program.
//!
//! Such a file belongs to many programs, whose dialects differ. So only the assignments of
//! documented names are read, and what other programs wrote beside them is stepped over.

use super::Variable;

/// An assignment of one of our names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub variable: Variable,
    /// The line of the name, from 1.
    pub line: usize,
    pub value: Result<String, &'static str>,
}

/// The assignments of documented names in the text of a `.env` file.
///
/// `NAME=value`, with or without `export`, blanks around the `=`, quotes around the value, and
/// a comment behind it. Single quotes keep everything as it is; in double quotes, a backslash
/// takes the meaning from the next character, and `\n` is a line break.
pub(super) fn parse(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let (name, rest) = split_name(line);
        let rest = rest.trim_start();
        let value = rest.strip_prefix('=').map(str::trim_start);
        if let Some(variable) = Variable::from_name(name) {
            found.push(Assignment {
                variable,
                line: index + 1,
                value: value.ok_or("expected `NAME=value`").and_then(unquote),
            });
        } else if let Some(quote) = value.and_then(opens_quote) {
            // Somebody's key or certificate, of many lines: none of them is an assignment. A
            // quote that is never closed was none.
            if let Some(length) = lines.clone().position(|(_, line)| line.contains(quote)) {
                lines.nth(length);
            }
        }
    }
    found
}

/// The name that a line begins with, and what follows it.
fn split_name(line: &str) -> (&str, &str) {
    let line = line.trim_start_matches('\u{feff}').trim_start();
    let line = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
        .unwrap_or(line)
        .trim_start();
    let end = line
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(line.len());
    line.split_at(end)
}

/// The quote that a value opens and does not close.
fn opens_quote(value: &str) -> Option<char> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    (!value[1..].contains(quote)).then_some(quote)
}

/// A value without its quotes and without the comment behind it.
fn unquote(value: &str) -> Result<String, &'static str> {
    const UNCLOSED: &str = "the quote is not closed on this line";
    let Some(quote @ ('"' | '\'')) = value.chars().next() else {
        let end = comment_start(value).unwrap_or(value.len());
        return Ok(value[..end].trim_end().to_owned());
    };
    let mut inside = String::new();
    let mut characters = value[1..].chars();
    loop {
        match characters.next().ok_or(UNCLOSED)? {
            c if c == quote => break,
            '\\' if quote == '"' => match characters.next().ok_or(UNCLOSED)? {
                'n' => inside.push('\n'),
                escaped => inside.push(escaped),
            },
            c => inside.push(c),
        }
    }
    let rest = characters.as_str().trim_start();
    if !rest.is_empty() && !rest.starts_with('#') {
        return Err("text follows the closing quote");
    }
    Ok(inside)
}

/// Where a comment begins: at a `#` that is first or behind a blank.
fn comment_start(value: &str) -> Option<usize> {
    value
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|&at| at == 0 || value[..at].ends_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<(usize, Variable, Result<String, &'static str>)> {
        parse(text)
            .into_iter()
            .map(|found| (found.line, found.variable, found.value))
            .collect()
    }

    fn value(text: &str) -> Result<String, &'static str> {
        values(&format!("ENVIRONMENT={text}")).remove(0).2
    }

    #[test]
    fn only_documented_names_are_read() {
        let text = "# ours\nTELEMETRY_HOST=127.0.0.2\nDATABASE_URL=postgres://x\nnot a line\n";
        let expected = (2, Variable::Host, Ok("127.0.0.2".to_owned()));
        assert_eq!(values(text), [expected]);
    }

    #[test]
    fn quotes_blanks_export_and_comments_are_understood() {
        for (text, expected) in [
            ("plain", "plain"),
            ("  two words  # note", "two words"),
            ("a#b", "a#b"),
            ("# only a note", ""),
            ("'p#w \"d\\n'", "p#w \"d\\n"),
            ("\"a\\\"b\\nc\\$\" # note", "a\"b\nc$"),
            ("''", ""),
        ] {
            assert_eq!(value(text), Ok(expected.to_owned()), "{text}");
        }
        let exported = values("\u{feff}export  ENVIRONMENT = ci");
        assert_eq!(exported, [(1, Variable::Environment, Ok("ci".to_owned()))]);
        assert_eq!(values("exportENVIRONMENT=ci"), []);
    }

    #[test]
    fn a_malformed_value_of_ours_is_reported() {
        assert!(value("'open").is_err());
        assert!(value("\"open\\").is_err());
        assert!(value("'a' b").is_err());
        assert!(values("ENVIRONMENT: ci")[0].2.is_err());
    }

    #[test]
    fn what_looks_like_ours_within_a_foreign_text_of_many_lines_is_not_read() {
        let text = "KEY=\"-----BEGIN\nENVIRONMENT=x\n-----END\"\nTELEMETRY_PROJECT=a";
        assert_eq!(values(text), [(4, Variable::Project, Ok("a".to_owned()))]);
    }

    #[test]
    fn a_foreign_quote_that_is_never_closed_hides_nothing() {
        let text = "MOTTO='tis\nTELEMETRY_PROJECT=a";
        assert_eq!(values(text), [(2, Variable::Project, Ok("a".to_owned()))]);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in "(ENVIRONMENT|export|A)?[ =]?['\"\\\\#a\n ]*\\PC*") {
            parse(&text);
        }
    }
}
