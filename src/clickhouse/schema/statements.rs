//! Splitting a script into its statements.

/// The statements of `sql`, without the semicolons between them and without the comments and
/// white space around them. A semicolon in a string, a quoted name or a comment separates nothing.
pub fn statements(sql: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    // Start and end of what the current statement has so far.
    let mut current: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(first) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let end = at + token_length(rest, first);
        if first == ';' {
            statements.extend(current.take().map(|(start, end)| &sql[start..end]));
        } else if !first.is_whitespace() && !is_comment(rest) {
            current = Some((current.map_or(at, |(start, _)| start), end));
        }
        at = end;
    }
    statements.extend(current.map(|(start, end)| &sql[start..end]));
    statements
}

fn is_comment(rest: &str) -> bool {
    rest.starts_with("--") || rest.starts_with("/*")
}

/// Bytes of the comment, the quoted text or else the character that `rest` begins with.
fn token_length(rest: &str, first: char) -> usize {
    if rest.starts_with("--") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return comment.find("*/").map_or(rest.len(), |end| end + 4);
    }
    if !matches!(first, '\'' | '"' | '`') {
        return first.len_utf8();
    }
    // A doubled quote reads as two texts side by side, which comes to the same.
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == first => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn semicolons_in_strings_names_and_comments_separate_nothing() {
        let sql = r#"-- one; two
SELECT 'a;''b\';' AS `x;y`, "z;" /* ; */ + 1 -- end;
;; /* nothing */ ;
SELECT 2 -- last"#;
        assert_eq!(
            statements(sql),
            [
                r#"SELECT 'a;''b\';' AS `x;y`, "z;" /* ; */ + 1"#,
                "SELECT 2"
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_split_without_a_panic(sql in any::<String>()) {
            for statement in statements(&sql) {
                prop_assert!(!statement.trim().is_empty());
            }
        }
    }
}
