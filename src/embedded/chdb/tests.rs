//! On the real library. A process can hold one engine, so the tests share it.

use std::sync::OnceLock;

use super::{Connection, Engine, EngineOptions, Library};

/// A connection to the tests' engine; `None`, with the reason printed, where there is no library.
fn connection() -> Option<Connection> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let Some(path) = std::env::var_os("TELEMETRY_ENGINE_LIBRARY") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI must set TELEMETRY_ENGINE_LIBRARY"
            );
            eprintln!("ignored: TELEMETRY_ENGINE_LIBRARY is not set");
            return None;
        };
        // Not removed at the end: the engine's threads outlive the tests.
        let dir = tempfile::tempdir()
            .expect("a temporary directory can be made")
            .keep();
        let options = EngineOptions {
            data_dir: dir.join("data"),
            config_dir: dir.join("config"),
            memory_limit: 1 << 30,
        };
        let library = Library::load(path.as_ref()).expect("the library loads");
        Some(Engine::boot(library, &options).expect("the engine boots"))
    });
    engine
        .as_ref()
        .map(|engine| engine.connect().expect("the engine accepts a connection"))
}

fn text(connection: &mut Connection, sql: &str) -> String {
    let result = connection
        .execute(sql.as_bytes(), "TabSeparated", &[])
        .expect(sql);
    String::from_utf8(result.data().to_vec()).expect("TabSeparated of text is UTF-8")
}

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
    assert_eq!(text(&mut connection, "SELECT 1"), "1\n");
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
    assert_eq!(text(&mut connection, "SELECT 2"), "2\n");
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
        "6\t3\n"
    );
}

#[test]
fn settings_and_temporary_tables_end_with_their_connection() {
    let (Some(mut one), Some(mut other)) = (connection(), connection()) else {
        return;
    };
    text(&mut one, "SET max_threads = 1");
    text(&mut one, "CREATE TEMPORARY TABLE mine (n UInt8)");
    assert_eq!(text(&mut one, "SELECT getSetting('max_threads')"), "1\n");
    assert_ne!(text(&mut other, "SELECT getSetting('max_threads')"), "1\n");
    assert_eq!(text(&mut other, "EXISTS TEMPORARY TABLE mine"), "0\n");
}
