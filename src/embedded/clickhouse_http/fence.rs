//! What those who may not do everything may say.
//!
//! The engine refuses what their role does not grant. This is about the rest, which no grant
//! governs; see [`Role`].

use super::{
    exception::{Exception, Kind},
    sql::{self, Lexer},
};
use crate::embedded::chdb::{Analysis, Effect, Role};

/// A function that reads files, and those that take SQL or the structure of a table as text,
/// in which a call of it could hide.
const REFUSED: [&str; 14] = [
    "EVAL",
    "EXECUTABLE",
    "FILE",
    "FUZZJSON",
    "FUZZQUERY",
    "GENERATERANDOM",
    "INPUT",
    "NULL",
    "STRUCTURETOCAPNPROTOSCHEMA",
    "STRUCTURETOPROTOBUFSCHEMA",
    "VALUES",
    "VIEWEXPLAIN",
    "VIEWIFPERMITTED",
    "FORMAT",
];

/// Refuses a statement that `role` may not run, or that nobody may on this interface.
///
/// `text` is the statement without an insert's data; `reads` is whether it must change nothing.
pub fn check(role: Role, text: &[u8], analysis: Analysis, reads: bool) -> Result<(), Exception> {
    if analysis.statements > 1 {
        return Err(Kind::SyntaxError.exception("Multi-statements are not allowed"));
    }
    if role != Role::Administrator {
        check_effect(role, analysis.effect)?;
        check_calls(text)?;
    }
    if reads && !may_be_got(text, analysis.effect) {
        return Err(Kind::Readonly.exception(
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies \
             readonly. You should use method POST for modifying queries",
        ));
    }
    Ok(())
}

fn check_effect(role: Role, effect: Effect) -> Result<(), Exception> {
    match (role, effect) {
        (_, Effect::Read) | (Role::Ingest, Effect::Write) => Ok(()),
        (_, Effect::Unknown) => Err(Kind::SyntaxError.exception("Syntax error")),
        (Role::Reader, _) => Err(Kind::Readonly.exception("Cannot execute query in readonly mode")),
        _ => Err(Kind::AccessDenied.exception("Not enough privileges to run such a statement")),
    }
}

/// `SET` and `USE` change nothing but the connection; what does not parse is told so by the
/// engine, with `readonly` set.
fn may_be_got(text: &[u8], effect: Effect) -> bool {
    match effect {
        Effect::Read | Effect::Unknown => true,
        Effect::Control => {
            let words = sql::leading_words(text, 2);
            let word = |at: usize| words.get(at).map(String::as_str);
            matches!(
                (word(0), word(1)),
                (Some("SET"), Some(second)) if second != "ROLE" && second != "DEFAULT"
            ) || word(0) == Some("USE")
        }
        _ => false,
    }
}

fn check_calls(text: &[u8]) -> Result<(), Exception> {
    let mut previous: Option<String> = None;
    for token in Lexer::new(text, 0) {
        let name = match token.kind {
            sql::Kind::Open if text[token.span.start] == b'(' => {
                if let Some(name) = previous.filter(|name| REFUSED.contains(&name.as_str())) {
                    return Err(Kind::AccessDenied.exception(format!(
                        "Not enough privileges to call the function {}",
                        name.to_ascii_lowercase()
                    )));
                }
                None
            }
            sql::Kind::Word => Some(&text[token.span.clone()]),
            // An escape within quotes could spell any name.
            sql::Kind::Quoted => Some(text[token.span.clone()].get(1..).unwrap_or_default()),
            _ => None,
        };
        previous = name.map(|name| {
            let quoted = token.kind == sql::Kind::Quoted;
            if quoted && name.contains(&b'\\') {
                return "FILE".to_owned();
            }
            let name = String::from_utf8_lossy(name).to_ascii_uppercase();
            name.trim_end_matches(['`', '"', '\u{201d}']).to_owned()
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READ: Analysis = Analysis {
        statements: 1,
        effect: Effect::Read,
    };

    fn code(role: Role, text: &str) -> Option<u32> {
        check(role, text.as_bytes(), READ, false)
            .err()
            .map(|e| e.code)
    }

    #[test]
    fn files_stay_closed() {
        for text in [
            "SELECT file('/etc/passwd')",
            "SELECT FILE /* x */ ('/etc/passwd')",
            "SELECT `file`('/etc/passwd')",
            "SELECT \"file\" ('/etc/passwd')",
            r"SELECT `fi\x6ce`('/etc/passwd')",
            "SELECT * FROM values('a Int8, b String ALIAS file(''/etc/passwd'')', 1)",
            "SELECT * FROM generateRandom('a String')",
            "SELECT * FROM view(SELECT 1 FROM null('a Int8'))",
        ] {
            assert_eq!(code(Role::Reader, text), Some(497), "{text}");
            assert_eq!(code(Role::Ingest, text), Some(497), "{text}");
            assert_eq!(code(Role::Administrator, text), None, "{text}");
        }
        for text in [
            "SELECT 'file(1)'",
            "SELECT file FROM t",
            "SELECT count(file)",
            "SELECT isNull(a)",
        ] {
            assert_eq!(code(Role::Reader, text), None, "{text}");
        }
    }

    #[test]
    fn who_reads_changes_nothing() {
        for (text, effect, allowed) in [
            ("SELECT 1", Effect::Read, true),
            ("SET max_threads = 1", Effect::Control, true),
            ("USE a", Effect::Control, true),
            ("SET ROLE x", Effect::Control, false),
            ("SYSTEM FLUSH LOGS", Effect::Control, false),
            ("INSERT INTO t VALUES", Effect::Write, false),
            ("CREATE FUNCTION f", Effect::WriteGlobal, false),
        ] {
            let analysis = Analysis {
                statements: 1,
                effect,
            };
            let checked = check(Role::Administrator, text.as_bytes(), analysis, true);
            assert_eq!(checked.is_ok(), allowed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in any::<Vec<u8>>()) {
            let _ = check(Role::Reader, &text, READ, true);
        }
    }
}
