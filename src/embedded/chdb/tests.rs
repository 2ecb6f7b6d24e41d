//! On the real library. A process can hold one engine, so the tests share it.

use super::{
    Effect,
    testing::{self, connection, text},
};

#[test]
fn parameters_are_bound_and_not_pasted() {
    let Some(mut connection) = connection() else {
        return;
    };
    let parameters = [("text".to_owned(), b"a' OR 'b".to_vec())];
    let sql = b"SELECT {text:String} AS text, length(text)";
    let result = connection
        .execute(sql, "TabSeparatedRaw", &parameters)
        .expect("it runs");
    assert_eq!(result.data(), b"a' OR 'b\t8\n");
}

#[test]
fn a_failed_statement_gives_the_exception_and_leaves_the_connection_usable() {
    let Some(mut connection) = connection() else {
        return;
    };
    let Err(exception) = connection.execute(b"SELECT * FROM nowhere", "TabSeparated", &[]) else {
        panic!("the table does not exist");
    };
    assert_eq!(
        (exception.code, exception.name.as_deref()),
        (60, Some("UNKNOWN_TABLE"))
    );
    assert_eq!(text(&mut connection, "SELECT 1"), "1");
}

#[test]
fn an_answer_is_streamed_in_several_chunks() {
    let Some(mut connection) = connection() else {
        return;
    };
    let sql = b"SELECT number FROM numbers(500000)";
    let mut stream = connection.stream(sql, "RowBinary", &[]).expect("it begins");
    let (mut chunks, mut bytes) = (0, 0);
    while let Some(chunk) = stream.next_chunk().expect("it goes on") {
        chunks += 1;
        bytes += chunk.data().len();
    }
    assert_eq!(bytes, 500_000 * 8);
    assert!(chunks > 1);
}

#[test]
fn a_stream_dropped_early_is_cancelled() {
    let Some(mut connection) = connection() else {
        return;
    };
    let mut stream = connection
        .stream(
            b"SELECT number FROM numbers(1000000000000)",
            "RowBinary",
            &[],
        )
        .expect("it begins");
    assert!(stream.next_chunk().expect("it goes on").is_some());
    drop(stream);
    assert_eq!(text(&mut connection, "SELECT 2"), "2");
}

#[test]
fn an_insert_is_visible_once_it_is_finished_and_never_when_dropped() {
    let Some(mut connection) = connection() else {
        return;
    };
    text(
        &mut connection,
        "CREATE TABLE numbers_in (n UInt32) ENGINE = MergeTree ORDER BY n",
    );
    let mut insert = connection
        .insert(b"INSERT INTO numbers_in (n)", "CSV", &[])
        .expect("it begins");
    insert.append(b"1\n2\n").expect("it goes on");
    insert.append(b"3\n").expect("it goes on");
    assert_eq!(insert.finish().expect("it commits").rows, 3);
    let mut abandoned = connection
        .insert(b"INSERT INTO numbers_in (n)", "CSV", &[])
        .expect("it begins");
    abandoned.append(b"4\n").expect("it goes on");
    drop(abandoned);
    assert_eq!(
        text(&mut connection, "SELECT sum(n), count() FROM numbers_in"),
        "6\t3"
    );
}

#[test]
fn settings_and_temporary_tables_end_with_their_connection() {
    let (Some(mut one), Some(mut other)) = (connection(), connection()) else {
        return;
    };
    text(&mut one, "SET max_threads = 1");
    text(&mut one, "CREATE TEMPORARY TABLE mine (n UInt8)");
    assert_eq!(text(&mut one, "SELECT getSetting('max_threads')"), "1");
    assert_ne!(text(&mut other, "SELECT getSetting('max_threads')"), "1");
    assert_eq!(text(&mut other, "EXISTS TEMPORARY TABLE mine"), "0");
}

#[test]
fn the_engine_stays_up_while_nobody_is_connected() {
    let Some(mut connection) = connection() else {
        return;
    };
    text(
        &mut connection,
        "CREATE TABLE fleeting (n UInt8) ENGINE = Memory",
    );
    text(&mut connection, "INSERT INTO fleeting VALUES (7)");
    drop(connection);
    let mut later = testing::connection().expect("there was one before");
    assert_eq!(text(&mut later, "SELECT n FROM fleeting"), "7");
}

#[test]
fn the_engine_tells_what_a_statement_would_do() {
    let Some(mut connection) = connection() else {
        return;
    };
    for (sql, statements, effect) in [
        ("SELECT {x:UInt8} FORMAT JSON", 1, Effect::Read),
        ("EXPLAIN SELECT 1", 1, Effect::Read),
        ("INSERT INTO t VALUES (1)", 1, Effect::Write),
        ("CREATE FUNCTION f AS x -> x", 1, Effect::WriteGlobal),
        ("SET max_threads = 1", 1, Effect::Control),
        ("SET ROLE administrator", 1, Effect::Control),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 1, Effect::Control),
        ("SELECT 1; DROP TABLE t", 2, Effect::Write),
        ("SELEC", 0, Effect::Unknown),
        ("", 0, Effect::Unknown),
    ] {
        let analysis = connection.analyse(sql.as_bytes());
        assert_eq!(
            (analysis.statements, analysis.effect),
            (statements, effect),
            "{sql}"
        );
    }
}

/// The name of what tells the child process of the test below that it is one.
#[cfg(target_os = "linux")]
const ABORTS: &str = "TELEMETRY_TEST_ABORTS_AT_EXIT";

/// Does something only in the child process of the test below.
#[cfg(target_os = "linux")]
#[test]
fn child_that_registers_an_exit_handler() {
    if std::env::var_os(ABORTS).is_some() {
        super::ffi::abort_at_exit();
    }
}

/// The engine's library registers such handlers, which race its threads.
#[cfg(target_os = "linux")]
#[test]
fn a_process_of_tests_ends_without_exit_handlers() {
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "embedded::chdb::tests::child_that_registers_an_exit_handler",
        ])
        .env(ABORTS, "")
        .output()
        .expect("the child runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// The name of the directory for the child process of the test below.
const CHILD_DIR: &str = "TELEMETRY_TEST_ENGINE_DIR";

/// Runs only in the child process of the test below.
#[test]
fn child_that_writes_and_exits() {
    let (Some(dir), Some(library)) = (std::env::var_os(CHILD_DIR), testing::library()) else {
        return;
    };
    let engine = testing::boot(&library, dir.as_ref());
    let mut connection = engine.connect().expect("the engine accepts a connection");
    text(
        &mut connection,
        "CREATE TABLE IF NOT EXISTS runs (n UInt8) ENGINE = MergeTree ORDER BY n",
    );
    text(&mut connection, "INSERT INTO runs VALUES (1)");
    let count = text(&mut connection, "SELECT count() FROM runs");
    drop((connection, engine));
    super::exit(count.parse().expect("a number"));
}

#[test]
fn a_process_can_end_at_once_and_the_next_one_finds_its_data() {
    if testing::library().is_none() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    for run in 1..=3 {
        let output = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "embedded::chdb::tests::child_that_writes_and_exits",
            ])
            .env(CHILD_DIR, dir.path())
            .output()
            .expect("the child runs");
        assert_eq!(output.status.code(), Some(run), "{output:?}");
    }
}
