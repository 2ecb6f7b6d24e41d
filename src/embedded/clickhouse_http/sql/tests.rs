use proptest::prelude::*;

use super::*;

fn statement(text: &str) -> Statement {
    analyse(text.as_bytes(), true)
        .expect("not refused")
        .expect("decided")
}

/// The statement, its format and its data, as cut out of the text.
fn insert(text: &str) -> (&str, String, &str) {
    match statement(text) {
        Statement::Insert(insert) => (
            text[..insert.head].trim_end(),
            insert.format,
            &text[insert.data..],
        ),
        other => panic!("{text:?} is {other:?}"),
    }
}

#[test]
fn data_begins_behind_the_format_and_one_end_of_line() {
    for (text, head, format, data) in [
        (
            "INSERT INTO t FORMAT CSV\n1\n2",
            "INSERT INTO t",
            "CSV",
            "1\n2",
        ),
        (
            "INSERT INTO t FORMAT CSV  \r\n1",
            "INSERT INTO t",
            "CSV",
            "1",
        ),
        (
            "INSERT INTO t FORMAT CSV\n\n1",
            "INSERT INTO t",
            "CSV",
            "\n1",
        ),
        (
            "insert into d.t (a, `b`) format JSONEachRow {\"a\":1}",
            "insert into d.t (a, `b`)",
            "JSONEachRow",
            "{\"a\":1}",
        ),
        (
            "INSERT INTO TABLE t VALUES (1), (2)",
            "INSERT INTO TABLE t",
            "Values",
            " (1), (2)",
        ),
        ("INSERT t VALUES(1)", "INSERT t", "Values", "(1)"),
        (
            "INSERT INTO format FORMAT TSV\nx",
            "INSERT INTO format",
            "TSV",
            "x",
        ),
        (
            "INSERT INTO `values` VALUES (1)",
            "INSERT INTO `values`",
            "Values",
            " (1)",
        ),
        (
            "INSERT INTO values (format) VALUES (1)",
            "INSERT INTO values (format)",
            "Values",
            " (1)",
        ),
        (
            "/* FORMAT X */ INSERT -- SELECT\n INTO t FORMAT TSV\n1",
            "/* FORMAT X */ INSERT -- SELECT\n INTO t",
            "TSV",
            "1",
        ),
        (
            "INSERT INTO t SETTINGS async_insert=0, x='FORMAT Y' FORMAT CSV\n1",
            "INSERT INTO t SETTINGS async_insert=0, x='FORMAT Y'",
            "CSV",
            "1",
        ),
        (
            "INSERT INTO FUNCTION null('a Int') FORMAT CSV\n1",
            "INSERT INTO FUNCTION null('a Int')",
            "CSV",
            "1",
        ),
        (
            "INSERT INTO t (* EXCEPT(a)) FORMAT CSV\n1",
            "INSERT INTO t (* EXCEPT(a))",
            "CSV",
            "1",
        ),
        ("INSERT INTO t FORMAT CSV;\n", "INSERT INTO t", "CSV", ""),
    ] {
        assert_eq!(insert(text), (head, format.to_owned(), data), "{text:?}");
    }
}

#[test]
fn data_is_never_read_as_sql() {
    let text = "INSERT INTO t FORMAT LineAsString\nSELECT 1 INTO OUTFILE 'x'; DROP TABLE t /* '";
    assert_eq!(
        insert(text).2,
        "SELECT 1 INTO OUTFILE 'x'; DROP TABLE t /* '"
    );
}

#[test]
fn an_insert_of_a_query_has_no_data() {
    for text in [
        "INSERT INTO t SELECT 1",
        "INSERT INTO t (a) SELECT 1 FORMAT CSV",
        "INSERT INTO t (a) (SELECT 1)",
        "INSERT INTO t ((SELECT 1))",
        "INSERT INTO t WITH 1 AS x SELECT x",
        "WITH x AS (SELECT 1 AS a) INSERT INTO t SELECT a FROM x",
        "EXPLAIN INSERT INTO t VALUES (1)",
    ] {
        assert!(matches!(statement(text), Statement::Other { .. }), "{text}");
    }
}

#[test]
fn the_format_of_a_query_is_its_clause_and_nothing_else() {
    let select = |text| match statement(text) {
        Statement::Select(Select {
            format,
            destination,
        }) => (format, destination),
        other => panic!("{other:?}"),
    };
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(select("SELECT 1"), (None, 8));
    assert_eq!(select("SELECT 1 ; -- end"), (None, 8));
    assert_eq!(select("SELECT 1 -- FORMAT CSV"), (None, 8));
    assert_eq!(select("SELECT 1 FORMAT CSV"), (some("CSV"), 8));
    assert_eq!(select("SELECT 1 /* x */ format csv;"), (some("csv"), 8));
    assert_eq!(select("SELECT 1 FORMAT CSV SETTINGS a=1"), (some("CSV"), 8));
    assert_eq!(
        select("SELECT 1 SETTINGS a=1 FORMAT CSV"),
        (some("CSV"), 21)
    );
    assert_eq!(select("SELECT 1 AS format FORMAT CSV"), (some("CSV"), 18));
    assert_eq!(select("SELECT format FROM t"), (None, 20));
    assert_eq!(select("SELECT 'FORMAT CSV'"), (None, 19));
    assert_eq!(select("SELECT (SELECT 1 FORMAT)"), (None, 24));
    assert_eq!(
        select("(SELECT 1) UNION ALL (SELECT 2) FORMAT TSV"),
        (some("TSV"), 31)
    );
    assert_eq!(select("FROM t SELECT a FORMAT TSV"), (some("TSV"), 15));
    assert_eq!(
        statement("SHOW TABLES FORMAT JSON"),
        Statement::Other {
            format: some("JSON")
        }
    );
}

#[test]
fn files_of_the_server_are_out_of_reach() {
    for text in [
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT 1 into /* */ OutFile '/tmp/x'",
        "SELECT * FROM (SELECT 1 INTO OUTFILE 'x')",
        "EXPLAIN SELECT 1 INTO OUTFILE 'x'",
        "SHOW TABLES INTO -- \n OUTFILE 'x'",
        "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        "INSERT INTO t (a) FROM INFILE 'x'",
        "INSERT INTO t SELECT 1 INTO OUTFILE 'x'",
    ] {
        assert_eq!(analyse(text.as_bytes(), true), Err(Refusal::File), "{text}");
    }
    assert!(analyse(b"SELECT 'INTO OUTFILE'", true).is_ok());
    assert!(analyse(b"SELECT 1 /* INTO OUTFILE */", true).is_ok());
}

#[test]
fn one_request_is_one_statement() {
    for text in [
        "SELECT 1; SELECT 2",
        "SELECT 1;; DROP TABLE t",
        "SET a=1; SELECT 2",
    ] {
        assert_eq!(
            analyse(text.as_bytes(), true),
            Err(Refusal::Several),
            "{text}"
        );
    }
    for text in ["SELECT 1;", "SELECT 1;;; -- x", "SELECT ';'"] {
        assert!(analyse(text.as_bytes(), true).is_ok(), "{text}");
    }
    assert_eq!(
        analyse(b"INSERT INTO t FORMAT CSV; 1", true),
        Err(Refusal::SemicolonBeforeData)
    );
}

#[test]
fn leading_words_are_told_in_upper_case() {
    assert_eq!(
        leading_words(b"/* a */ kill Query where 1", 2),
        ["KILL", "QUERY"]
    );
    assert_eq!(leading_words(b"((select 1))", 1), ["SELECT"]);
    assert!(leading_words(b"", 2).is_empty());
}

#[test]
fn what_may_go_on_in_another_way_is_waited_for() {
    for text in [
        "INSERT INTO t FORMAT\u{2028}CSV\n1",
        "INSERT INTO t $$ FORMAT CSV\n1 $$ FORMAT CSV\n1",
        "INSERT INTO \u{2018}t FORMAT CSV\u{2019} FORMAT CSV\n1",
    ] {
        let whole = analyse(text.as_bytes(), true);
        for end in 0..text.len() {
            let part = analyse(&text.as_bytes()[..end], false);
            assert!(
                part == Ok(None) || part == whole,
                "{text:?} to {end}: {part:?}"
            );
        }
    }
}

proptest! {
    /// However the body arrives, the verdict on its beginning is the verdict on the whole.
    #[test]
    fn a_verdict_on_a_part_stands_for_the_whole(
        text in prop::sample::select(vec![
            "INSERT INTO t FORMAT CSV\n1,2\n3,4",
            "insert into d.t (a, b) SETTINGS x = 'y' Format Native \r\nabc",
            "INSERT INTO format VALUES (1, 'a'), (2, 'b')",
            "INSERT INTO t SELECT 1 FORMAT CSV",
            "WITH 1 AS a INSERT INTO t SELECT a",
            "SELECT 1 FORMAT CSV",
            "/* c */ INSERT INTO t FORMAT Values(1)",
            "INSERT INTO t FORMAT CSV;",
        ]),
        cut in 0_usize..60,
    ) {
        let cut = cut.min(text.len());
        let whole = analyse(text.as_bytes(), true);
        if let Ok(Some(part)) = analyse(&text.as_bytes()[..cut], false) {
            prop_assert_eq!(Ok(Some(part)), whole);
        }
    }

    #[test]
    fn nothing_makes_it_panic(text in any::<Vec<u8>>(), complete in any::<bool>()) {
        let _ = analyse(&text, complete);
    }

    #[test]
    fn a_destination_and_data_lie_within_the_text(text in "[a-zA-Z(); '`\\-\n]{0,80}") {
        match analyse(text.as_bytes(), true) {
            Ok(Some(Statement::Select(select))) => prop_assert!(select.destination <= text.len()),
            Ok(Some(Statement::Insert(insert))) => {
                prop_assert!(insert.head <= insert.data && insert.data <= text.len());
            }
            _ => {}
        }
    }
}
