//! ClickHouse's tokens, as far as it takes to find the end of strings and comments.
//!
//! The rules are those of the engine, checked against it: `--` and `#` followed by a space or `!`
//! begin a comment that ends with the line, `/* */` does not nest, strings know both a doubled
//! quote and a backslash, `$tag$` begins a string that ends at the next `$tag$`, and typographic
//! quotes are quotes.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or an unquoted identifier.
    Word,
    /// A number, with whatever letters follow its first digit.
    Number,
    /// A quoted string or a heredoc.
    String,
    /// An identifier in backticks or double quotes.
    Quoted,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `;`.
    Semicolon,
    /// `.`.
    Dot,
    /// `,`.
    Comma,
    /// Any other character.
    Other,
    /// A string, an identifier or a comment that does not end within the text.
    Unterminated,
}

/// A token and the bytes it covers. Spaces and comments are not tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where in the text.
    pub span: Range<usize>,
}

impl Token {
    /// Whether this is the unquoted word `word` in any case; `word` is given in upper case.
    pub fn is_word(&self, text: &[u8], word: &str) -> bool {
        self.kind == Kind::Word && text[self.span.clone()].eq_ignore_ascii_case(word.as_bytes())
    }
}

/// An iterator over the tokens of a text; it never fails and always ends.
#[derive(Clone, Debug)]
pub struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    complete: bool,
}

impl<'t> Lexer<'t> {
    /// The tokens of `text` from byte `at` on.
    pub fn new(text: &'t [u8], at: usize) -> Self {
        Self {
            text,
            at,
            complete: true,
        }
    }

    /// The tokens of a text of which more is to come. What may turn out to be something else then
    /// is unterminated.
    pub fn of_part(text: &'t [u8]) -> Self {
        Self {
            text,
            at: 0,
            complete: false,
        }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    /// Steps over spaces and comments; `false` if a comment does not end.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let skipped = match rest {
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, ..] => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => rest
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .unwrap_or(rest.len()),
                [b'/', b'*', ..] => match find(&rest[2..], b"*/") {
                    Some(end) => end + 4,
                    None => return false,
                },
                _ => match unicode_space(rest) {
                    0 => return true,
                    width => width,
                },
            };
            self.at += skipped;
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let closed = self.skip_blank();
        let start = self.at;
        let rest = self.rest();
        let (kind, length) = match rest {
            [] => return None,
            _ if !closed => (Kind::Unterminated, rest.len()),
            [quote @ (b'`' | b'"'), ..] => quoted(rest, *quote, Kind::Quoted),
            [b'\'', ..] => quoted(rest, b'\'', Kind::String),
            [0xe2, 0x80, 0x98 | 0x99, ..] => typographic(rest, 0x99, Kind::String),
            [0xe2, 0x80, 0x9c | 0x9d, ..] => typographic(rest, 0x9d, Kind::Quoted),
            [b'$', ..] => match heredoc(rest) {
                Some(heredoc) => heredoc,
                None if !self.complete => (Kind::Unterminated, rest.len()),
                None => (Kind::Word, word_length(rest)),
            },
            [b'0'..=b'9', ..] => (Kind::Number, word_length(rest)),
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => (Kind::Word, word_length(rest)),
            [b'(' | b'[' | b'{', ..] => (Kind::Open, 1),
            [b')' | b']' | b'}', ..] => (Kind::Close, 1),
            [b';', ..] => (Kind::Semicolon, 1),
            [b'.', ..] => (Kind::Dot, 1),
            [b',', ..] => (Kind::Comma, 1),
            // It may be a part of a blank or of a quote that has three bytes.
            [0x80..=0xff, ..] if !self.complete && rest.len() < 3 => {
                (Kind::Unterminated, rest.len())
            }
            _ => (Kind::Other, 1),
        };
        self.at += length;
        Some(Token {
            kind,
            span: start..self.at,
        })
    }
}

/// The position of `needle` in `text`.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|window| window == needle)
}

/// The width of a space outside ASCII at the start of `text`, 0 if there is none.
fn unicode_space(text: &[u8]) -> usize {
    match text {
        [0xc2, 0x85 | 0xa0, ..] => 2,
        [0xe1, 0x9a, 0x80, ..]
        | [0xe1, 0xa0, 0x8e, ..]
        | [0xe2, 0x80, 0x80..=0x8d | 0xa8 | 0xa9 | 0xaf, ..]
        | [0xe2, 0x81, 0x9f | 0xa0, ..]
        | [0xe3, 0x80, 0x80, ..]
        | [0xef, 0xbb, 0xbf, ..] => 3,
        _ => 0,
    }
}

fn word_length(text: &[u8]) -> usize {
    let more = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    text.iter()
        .skip(1)
        .position(|byte| !more(byte))
        .map_or(text.len(), |length| length + 1)
}

fn quoted(text: &[u8], quote: u8, kind: Kind) -> (Kind, usize) {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            byte if byte == quote => match text.get(at + 1) {
                Some(&next) if next == quote => at += 2,
                _ => return (kind, at + 1),
            },
            _ => at += 1,
        }
    }
    (Kind::Unterminated, text.len())
}

fn typographic(text: &[u8], closing: u8, kind: Kind) -> (Kind, usize) {
    match find(&text[3..], &[0xe2, 0x80, closing]) {
        Some(end) => (kind, end + 6),
        None => (Kind::Unterminated, text.len()),
    }
}

/// `$tag$ … $tag$`; `None` if the dollar is not the start of one.
fn heredoc(text: &[u8]) -> Option<(Kind, usize)> {
    let tag = 1 + text[1..].iter().position(|&byte| byte == b'$')?;
    let name = &text[1..tag];
    if !name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    {
        return None;
    }
    let delimiter = &text[..=tag];
    let end = find(&text[tag + 1..], delimiter)?;
    Some((Kind::String, tag + 1 + end + delimiter.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        Lexer::new(text.as_bytes(), 0)
            .map(|t| (t.kind, &text[t.span]))
            .collect()
    }

    #[test]
    fn comments_and_spaces_are_not_tokens() {
        assert_eq!(
            kinds("a -- b\n/* c /* d */ e # f\n#! g\n\u{a0}h"),
            [(Kind::Word, "a"), (Kind::Word, "e"), (Kind::Word, "h")]
        );
    }

    #[test]
    fn strings_hide_what_looks_like_sql() {
        for text in [
            "'FORMAT -- x'",
            r"'a\' FORMAT b'",
            "'a'' FORMAT b'",
            "$$ FORMAT $$",
            "$x$ $$ FORMAT $x$",
            "\u{2018}FORMAT\u{2019}",
        ] {
            assert_eq!(kinds(text), [(Kind::String, text)], "{text}");
        }
        for text in ["`FORMAT`", "\"a\"\"b\"", r"`a\`b`"] {
            assert_eq!(kinds(text), [(Kind::Quoted, text)], "{text}");
        }
    }

    #[test]
    fn what_does_not_end_is_said_to_be_unterminated() {
        for text in ["'a", "`a", "/* a", "\"a\\\"", "\u{201c}a"] {
            assert_eq!(kinds(text), [(Kind::Unterminated, text)], "{text}");
        }
    }

    #[test]
    fn a_hash_without_a_space_is_no_comment() {
        assert_eq!(kinds("#a"), [(Kind::Other, "#"), (Kind::Word, "a")]);
    }

    proptest! {
        #[test]
        fn tokens_cover_the_text_in_order_and_without_overlap(text in any::<Vec<u8>>()) {
            let mut end = 0;
            for token in Lexer::new(&text, 0) {
                prop_assert!(token.span.start >= end);
                prop_assert!(token.span.end > token.span.start);
                end = token.span.end;
            }
            prop_assert!(end <= text.len());
        }
    }
}
