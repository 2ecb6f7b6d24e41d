//! What those who may not do everything may say.
//!
//! The engine refuses what their role does not grant. This is about the rest, which no grant
//! governs; see [`Role`]. It reads words and quotes as the engine does and refuses names, wherever
//! they stand: it would rather refuse a harmless alias than miss a call in disguise.

use super::{
    exception::{Exception, Kind},
    sql::{self, Lexer, Token},
};
use crate::embedded::chdb::{Analysis, Effect, Parameter, Role};

/// What reads files or calls other machines, or shows what others ask. A function needs no
/// parentheses to be called: `SELECT * APPLY file`, `arrayMap(file, …)`.
const NAMES: [&str; 10] = [
    "AICLASSIFY",
    "AIEMBED",
    "AIEXTRACT",
    "AIGENERATE",
    "AITRANSLATE",
    "ARROWSTREAM",
    "CATBOOSTEVALUATE",
    "FILE",
    "JEMALLOC_PROFILE_TEXT",
    "PROCESSLIST",
];

/// Table functions that take SQL, the structure of a table or the name of one as text, in which
/// a call or a name could hide.
const TABLE_FUNCTIONS: [&str; 15] = [
    "CLUSTER",
    "CLUSTERALLREPLICAS",
    "EVAL",
    "EXECUTABLE",
    "FUZZJSON",
    "FUZZQUERY",
    "GENERATERANDOM",
    "INPUT",
    "LOOP",
    "MERGE",
    "NULL",
    "SQLSTANDARDVALUES",
    "VALUES",
    "VIEWEXPLAIN",
    "VIEWIFPERMITTED",
];

/// What clients and Grafana ask the engine about itself. The engine shows everybody whatever it
/// shows one, since all are the same user to it: who runs what, which errors others met.
const SYSTEM_TABLES: [&str; 29] = [
    "aggregate_function_combinators",
    "build_options",
    "collations",
    "columns",
    "completions",
    "contributors",
    "current_roles",
    "data_skipping_indices",
    "data_type_families",
    "databases",
    "enabled_roles",
    "events",
    "formats",
    "functions",
    "keywords",
    "licenses",
    "merge_tree_settings",
    "metrics",
    "numbers",
    "numbers_mt",
    "one",
    "parts",
    "parts_columns",
    "settings",
    "table_engines",
    "table_functions",
    "tables",
    "time_zones",
    "zeros",
];

/// Refuses a statement that `role` may not run, or that nobody may on this interface.
///
/// `text` is the statement without an insert's data; `reads` is whether it must change nothing.
pub fn check(
    role: Role,
    text: &[u8],
    parameters: &[Parameter],
    analysis: Analysis,
    reads: bool,
) -> Result<(), Exception> {
    if analysis.statements > 1 {
        return Err(Kind::SyntaxError.exception("Multi-statements are not allowed"));
    }
    if analysis.effect == Effect::Write && calls_input(text) {
        return Err(Kind::NotImplemented.exception(
            "INSERT ... SELECT ... FROM input() is not supported: insert the data into a table \
             of its own first",
        ));
    }
    if role != Role::Administrator {
        check_effect(role, analysis)?;
        check_names(text)?;
        check_identifiers(text, parameters)?;
    }
    if reads && !may_be_got(text, analysis) {
        return Err(Kind::Readonly.exception(
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies \
             readonly. You should use method POST for modifying queries",
        ));
    }
    Ok(())
}

/// Refuses a database whose tables could then be named without it.
pub fn check_database(role: Role, database: &str) -> Result<(), Exception> {
    if role != Role::Administrator && database == "system" {
        return Err(denied("use the database system"));
    }
    Ok(())
}

fn denied(what: impl std::fmt::Display) -> Exception {
    Kind::AccessDenied.exception(format!("Not enough privileges to {what}"))
}

fn check_effect(role: Role, analysis: Analysis) -> Result<(), Exception> {
    match (role, analysis.effect) {
        (_, Effect::Read) | (Role::Ingest, Effect::Write) => Ok(()),
        // Does not parse, which the engine words better.
        (_, Effect::Unknown) if analysis.statements == 0 => Ok(()),
        (Role::Reader, _) => Err(Kind::Readonly.exception("Cannot execute query in readonly mode")),
        _ => Err(denied("run such a statement")),
    }
}

/// `SET` and `USE` change nothing but the connection; what does not parse is told so by the
/// engine.
fn may_be_got(text: &[u8], analysis: Analysis) -> bool {
    match analysis.effect {
        Effect::Read => true,
        Effect::Unknown => analysis.statements == 0,
        Effect::Control => {
            let words = sql::leading_words(text, 2);
            let word = |at: usize| words.get(at).map(String::as_str);
            matches!(
                (word(0), word(1)),
                (Some("SET"), Some(second)) if second != "ROLE" && second != "DEFAULT"
            ) || word(0) == Some("USE")
        }
        Effect::Write | Effect::WriteGlobal => false,
    }
}

/// The engine would read the data of such an insert from the server's standard input.
fn calls_input(text: &[u8]) -> bool {
    let tokens: Vec<_> = Lexer::new(text, 0).collect();
    tokens.windows(2).any(|two| {
        let name = identifier(text, &two[0]).ok().flatten();
        name.is_some_and(|name| name.eq_ignore_ascii_case("input"))
            && text[two[1].span.start] == b'('
    })
}

fn check_names(text: &[u8]) -> Result<(), Exception> {
    let mut tokens = Lexer::new(text, 0).peekable();
    let mut after_dot = false;
    while let Some(token) = tokens.next() {
        let Some(name) = identifier(text, &token)? else {
            after_dot = token.kind == sql::Kind::Dot;
            continue;
        };
        let upper = name.to_ascii_uppercase();
        let is_called = || {
            let mut ahead = tokens.clone();
            ahead
                .next()
                .is_some_and(|next| text[next.span.start] == b'(')
        };
        if !after_dot && NAMES.contains(&upper.as_str())
            || TABLE_FUNCTIONS.contains(&upper.as_str()) && is_called()
        {
            return Err(denied(format_args!("name {name} here")));
        }
        if name == "system" {
            let mut ahead = tokens.clone();
            if ahead.next().is_some_and(|next| next.kind == sql::Kind::Dot) {
                let table = match ahead.next() {
                    Some(token) => identifier(text, &token)?,
                    None => None,
                };
                if !table
                    .as_deref()
                    .is_some_and(|table| SYSTEM_TABLES.contains(&table))
                {
                    let table = table.unwrap_or_default();
                    return Err(denied(format_args!("read system.{table}")));
                }
            }
        }
        after_dot = false;
    }
    Ok(())
}

/// The name that a token spells, if it is one.
fn identifier(text: &[u8], token: &Token) -> Result<Option<String>, Exception> {
    let spelled = String::from_utf8_lossy(&text[token.span.clone()]);
    match token.kind {
        sql::Kind::Word => Ok(Some(spelled.into_owned())),
        // An escape could spell any name.
        sql::Kind::Quoted if spelled.contains('\\') => Err(denied("write names with a backslash")),
        sql::Kind::Quoted => {
            let quotes = ['`', '"', '\u{201c}', '\u{201d}'];
            Ok(Some(spelled.trim_matches(quotes).to_owned()))
        }
        _ => Ok(None),
    }
}

/// `{name:Identifier}` takes a name from a parameter.
fn check_identifiers(text: &[u8], parameters: &[Parameter]) -> Result<(), Exception> {
    let takes_names = Lexer::new(text, 0).any(|token| token.is_word(text, "IDENTIFIER"));
    if !takes_names {
        return Ok(());
    }
    for (name, value) in parameters {
        let value = String::from_utf8_lossy(value).to_ascii_uppercase();
        let suspicious = value.contains('\\')
            || value.contains("SYSTEM")
            || NAMES.iter().any(|name| value.contains(name));
        if suspicious {
            return Err(denied(format_args!(
                "take a name from the parameter {name}"
            )));
        }
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
        check(role, text.as_bytes(), &[], READ, false)
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
            "SELECT \u{201c}file\u{201d}('/etc/passwd')",
            r"SELECT `fi\x6ce`('/etc/passwd')",
            "SELECT * APPLY file FROM (SELECT '/etc/passwd')",
            "SELECT arrayMap(file, ['/etc/passwd'])",
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
            "SELECT t.file FROM t",
            "SELECT count(files)",
            "SELECT isNull(a) FROM t WHERE b IN (NULL)",
            "SELECT format('{}', a)",
        ] {
            assert_eq!(code(Role::Reader, text), None, "{text}");
        }
    }

    #[test]
    fn what_others_ask_stays_hidden() {
        for text in [
            "SELECT query FROM system.processes",
            "SELECT query FROM `system` . \"processes\"",
            "SELECT * FROM system./* tables */errors",
            "SELECT * FROM system.{t:Identifier}",
            "SELECT * FROM merge('system', '.*')",
            "SHOW PROCESSLIST",
        ] {
            assert_eq!(code(Role::Reader, text), Some(497), "{text}");
        }
        for text in [
            "SELECT name FROM system.tables",
            "SELECT 1 FROM `system`.`one`",
            "SELECT system FROM t",
        ] {
            assert_eq!(code(Role::Reader, text), None, "{text}");
        }
        assert!(check_database(Role::Reader, "system").is_err());
        assert!(check_database(Role::Administrator, "system").is_ok());
    }

    #[test]
    fn nobody_reads_the_servers_own_input() {
        let write = Analysis {
            statements: 1,
            effect: Effect::Write,
        };
        for text in [
            "INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV",
            "INSERT INTO t SELECT a FROM `INPUT` ('a Int8') FORMAT CSV",
        ] {
            let refused = check(Role::Administrator, text.as_bytes(), &[], write, false);
            assert_eq!(refused.expect_err("refused").code, 48, "{text}");
        }
        let column = b"INSERT INTO t (input) SELECT 1";
        assert!(check(Role::Administrator, column, &[], write, false).is_ok());
    }

    #[test]
    fn a_name_in_a_parameter_is_looked_at() {
        let named = |value: &str| {
            let parameters = [("d".to_owned(), value.as_bytes().to_vec())];
            let text = b"SELECT * FROM {d:Identifier}.tables";
            check(Role::Reader, text, &parameters, READ, false).is_ok()
        };
        assert!(named("telemetry"));
        assert!(!named("system"));
        assert!(!named(r"sys\x74em"));
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
            let checked = check(Role::Administrator, text.as_bytes(), &[], analysis, true);
            assert_eq!(checked.is_ok(), allowed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in any::<Vec<u8>>()) {
            let _ = check(Role::Reader, &text, &[], READ, true);
        }
    }
}
