//! What this interface must know of a statement before the engine sees it: whether data follows
//! it and where, in which format the result is, and whether it would write to a file.
//!
//! The engine parses and judges the statement; nothing here decides what a user may do.

mod lexer;

use std::ops::Range;

pub use lexer::{Kind, Lexer, Token};

/// How a statement is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// An `INSERT` with its data behind it.
    Insert(Insert),
    /// A statement that a result may be streamed from: `SELECT` in all its spellings.
    Select(Select),
    /// Any other.
    Other {
        /// The format that its `FORMAT` clause names.
        format: Option<String>,
    },
}

/// An `INSERT` that takes its rows from the text or body behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// Where the statement ends, before its `FORMAT` clause or `VALUES`.
    pub head: usize,
    /// The format of the data.
    pub format: String,
    /// Where the data begins.
    pub data: usize,
}

/// A `SELECT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// The format that its `FORMAT` clause names.
    pub format: Option<String>,
    /// Where `INTO OUTFILE` would have to stand: before `FORMAT`, or at the end of the statement,
    /// before a semicolon that ends it.
    pub destination: usize,
}

/// Why a statement cannot be run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `INTO OUTFILE` would write, `FROM INFILE` read, a file of the server.
    File,
    /// A semicolon with more behind it.
    Several,
    /// A semicolon between `FORMAT x` and the data.
    SemicolonBeforeData,
}

/// Reads `text`, which may go on when `complete` is false.
///
/// `Ok(None)` means that more of it is needed to tell.
pub fn analyse(text: &[u8], complete: bool) -> Result<Option<Statement>, Refusal> {
    let mut tokens = if complete {
        Lexer::new(text, 0)
    } else {
        Lexer::of_part(text)
    };
    let Some(first) = tokens.next() else {
        return Ok(complete.then_some(Statement::Other { format: None }));
    };
    // A token that ends with the text may go on in what has not come yet.
    if !complete && first.span.end == text.len() {
        return Ok(None);
    }
    let insert = if first.is_word(text, "INSERT") {
        Some(tokens.clone())
    } else if first.is_word(text, "WITH") {
        insert_after_with(text, tokens.clone())
    } else {
        None
    };
    if let Some(tokens) = insert {
        match analyse_insert(text, tokens, complete)? {
            Target::Data(insert) => return Ok(Some(Statement::Insert(insert))),
            Target::NeedMore => return Ok(None),
            Target::Query => {}
        }
        if !complete {
            return Ok(None);
        }
        return analyse_query(text).map(|(format, _)| Some(Statement::Other { format }));
    }
    if !complete {
        return Ok(None);
    }
    let selects = first.kind == Kind::Open
        || ["SELECT", "WITH", "FROM"]
            .into_iter()
            .any(|word| first.is_word(text, word));
    let (format, destination) = analyse_query(text)?;
    Ok(Some(if selects {
        Statement::Select(Select {
            format,
            destination,
        })
    } else {
        Statement::Other { format }
    }))
}

/// The words a statement begins with, in upper case, at most `count`.
pub fn leading_words(text: &[u8], count: usize) -> Vec<String> {
    Lexer::new(text, 0)
        .skip_while(|token| token.kind == Kind::Open)
        .take(count)
        .take_while(|token| token.kind == Kind::Word)
        .map(|token| String::from_utf8_lossy(&text[token.span]).to_ascii_uppercase())
        .collect()
}

/// `WITH … INSERT INTO …`: what stands behind `INSERT`, if it is one.
fn insert_after_with<'t>(text: &[u8], tokens: Lexer<'t>) -> Option<Lexer<'t>> {
    let mut depth = 0_usize;
    let mut tokens = tokens;
    while let Some(token) = tokens.next() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Word if depth == 0 => {
                if token.is_word(text, "SELECT") {
                    return None;
                }
                if token.is_word(text, "INSERT") {
                    return Some(tokens);
                }
            }
            _ => {}
        }
    }
    None
}

enum Target {
    Data(Insert),
    Query,
    NeedMore,
}

/// What follows `INSERT`: the target, then either a query or data.
fn analyse_insert(text: &[u8], tokens: Lexer<'_>, complete: bool) -> Result<Target, Refusal> {
    let mut tokens = tokens.peekable();
    let mut words = |word: &str| tokens.next_if(|token| token.is_word(text, word)).is_some();
    words("INTO");
    words("TABLE");
    words("FUNCTION");
    // The name itself, which may be any word, and its parts.
    tokens.next();
    while tokens.next_if(|token| token.kind == Kind::Dot).is_some() {
        tokens.next();
    }

    let mut depth = 0_usize;
    let mut previous: Option<Token> = None;
    while let Some(token) = tokens.next() {
        match token.kind {
            Kind::Unterminated if !complete => return Ok(Target::NeedMore),
            Kind::Open => {
                // `INSERT INTO t (SELECT …)` and `INSERT INTO t (a) (SELECT …)`.
                let selects = |token: &Token| {
                    token.kind == Kind::Open
                        || ["SELECT", "WITH"]
                            .into_iter()
                            .any(|word| token.is_word(text, word))
                };
                if depth == 0 && tokens.peek().is_some_and(selects) {
                    return Ok(Target::Query);
                }
                depth += 1;
            }
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Word if depth == 0 => {
                // A word that ends with the text may be the start of a longer one.
                if !complete && token.span.end == text.len() {
                    return Ok(Target::NeedMore);
                }
                let after = |word| previous.as_ref().is_some_and(|t| t.is_word(text, word));
                if token.is_word(text, "INFILE") && after("FROM") {
                    return Err(Refusal::File);
                }
                if ["SELECT", "WITH", "WATCH"]
                    .into_iter()
                    .any(|word| token.is_word(text, word))
                {
                    return Ok(Target::Query);
                }
                if token.is_word(text, "VALUES") {
                    return Ok(Target::Data(Insert {
                        head: token.span.start,
                        format: "Values".to_owned(),
                        data: token.span.end,
                    }));
                }
                if token.is_word(text, "FORMAT") {
                    let Some(name) = tokens.next() else {
                        return Ok(Target::NeedMore);
                    };
                    return data_after_format(text, &token, &name, complete);
                }
            }
            _ => {}
        }
        previous = Some(token);
    }
    Ok(if complete {
        Target::Query
    } else {
        Target::NeedMore
    })
}

/// Data begins after blanks and at most one end of line behind the name of the format.
fn data_after_format(
    text: &[u8],
    keyword: &Token,
    name: &Token,
    complete: bool,
) -> Result<Target, Refusal> {
    let mut data = name.span.end;
    while matches!(text.get(data), Some(b' ' | b'\t' | 0x0c)) {
        data += 1;
    }
    if text.get(data) == Some(&b'\r') {
        data += 1;
    }
    match text.get(data) {
        None if !complete => return Ok(Target::NeedMore),
        Some(b';') => {
            if text[data + 1..]
                .iter()
                .any(|byte| !byte.is_ascii_whitespace())
            {
                return Err(Refusal::SemicolonBeforeData);
            }
            // Whether data follows cannot be told yet, and then it would be refused.
            if !complete {
                return Ok(Target::NeedMore);
            }
            data = text.len();
        }
        Some(b'\n') => data += 1,
        _ => {}
    }
    Ok(Target::Data(Insert {
        head: keyword.span.start,
        format: word(text, name.span.clone()),
        data,
    }))
}

fn word(text: &[u8], span: Range<usize>) -> String {
    String::from_utf8_lossy(&text[span]).into_owned()
}

/// The format that a whole query names, and where its text ends but for that.
fn analyse_query(text: &[u8]) -> Result<(Option<String>, usize), Refusal> {
    let mut depth = 0_usize;
    let mut previous: Option<Token> = None;
    let mut format = None;
    let mut destination = 0;
    let mut ended = false;
    let mut tokens = Lexer::new(text, 0).peekable();
    while let Some(token) = tokens.next() {
        if ended && token.kind != Kind::Semicolon {
            return Err(Refusal::Several);
        }
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Semicolon if depth == 0 => {
                ended = true;
                continue;
            }
            Kind::Word => {
                let after = |word| previous.as_ref().is_some_and(|t| t.is_word(text, word));
                if (token.is_word(text, "OUTFILE") && after("INTO"))
                    || (token.is_word(text, "INFILE") && after("FROM"))
                {
                    return Err(Refusal::File);
                }
                if depth == 0
                    && token.is_word(text, "FORMAT")
                    && let Some(name) = format_name(text, &tokens)
                {
                    format = Some((name, destination));
                }
            }
            _ => {}
        }
        if !ended {
            destination = token.span.end;
        }
        previous = Some(token);
    }
    Ok(match format {
        Some((name, before)) => (Some(name), before),
        None => (None, destination),
    })
}

/// The name behind `FORMAT`, if it is the clause and not a column or an alias of that name: only
/// a semicolon, `SETTINGS` or the end follow it.
fn format_name(text: &[u8], tokens: &std::iter::Peekable<Lexer<'_>>) -> Option<String> {
    let mut ahead = tokens.clone();
    let name = ahead.next().filter(|token| token.kind == Kind::Word)?;
    let last = ahead.next().is_none_or(|token| {
        token.kind == Kind::Semicolon
            || ["SETTINGS", "INTO", "PARALLEL"]
                .into_iter()
                .any(|w| token.is_word(text, w))
    });
    last.then(|| word(text, name.span))
}

#[cfg(test)]
mod tests;
