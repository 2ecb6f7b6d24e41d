//! The real engine, with generated telemetry and with none.

use std::{path::PathBuf, sync::OnceLock};

use serde_json::Value;
use telemetry::{
    clickhouse::schema::{MAX_RETENTION_DAYS, Parameters},
    embedded::chdb::{Connection, Engine, EngineOptions, Library, Role},
};

/// When the telemetry begins: the start of a day.
pub const BEGIN: i64 = 1_767_571_200;

/// Three days of it.
pub const END: i64 = BEGIN + 3 * 86_400;

/// How many spans there are.
pub const SPANS: u64 = 300_000;

/// The telemetry that is asked for.
const TELEMETRY: &str = include_str!("telemetry.sql");

/// An answer: its columns with their types, and its rows.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub columns: Vec<(String, String)>,
    pub rows: Vec<Vec<Value>>,
}

/// A connection that may do what Grafana may, in a database with telemetry; `None`, with the
/// reason printed, where there is no engine library.
pub fn filled() -> Option<Connection> {
    let mut connection = engine()?.connect_as(Role::Reader).expect("the role exists");
    run(&mut connection, "USE telemetry");
    run(&mut connection, "SET readonly = 1");
    Some(connection)
}

/// A connection in a database whose tables are empty.
pub fn empty() -> Option<Connection> {
    let mut connection = engine()?.connect().expect("the engine accepts a connection");
    run(&mut connection, "USE nothing");
    Some(connection)
}

/// The answer to a query; the text of the exception where there is none.
pub fn ask(connection: &mut Connection, sql: &str) -> Result<Answer, String> {
    let result = connection
        .execute(sql.as_bytes(), "JSONCompact", &[])
        .map_err(|exception| exception.to_string())?;
    let answer: Value = serde_json::from_slice(result.data()).expect("it is JSON");
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    let columns = answer["meta"].as_array().expect("there are columns");
    let rows = answer["data"].as_array().expect("there are rows");
    Ok(Answer {
        columns: columns.iter().map(|column| (text(&column["name"]), text(&column["type"]))).collect(),
        rows: rows.iter().map(|row| row.as_array().expect("a row is a list").clone()).collect(),
    })
}

fn engine() -> Option<&'static Engine> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    ENGINE.get_or_init(boot).as_ref()
}

fn boot() -> Option<Engine> {
    let Some(library) = std::env::var_os("TELEMETRY_ENGINE_LIBRARY").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "CI must set TELEMETRY_ENGINE_LIBRARY");
        eprintln!("ignored: TELEMETRY_ENGINE_LIBRARY is not set");
        return None;
    };
    // Not removed at the end: the engine's threads outlive the tests.
    let directory = tempfile::tempdir().expect("a temporary directory can be made").keep();
    let options = EngineOptions {
        data_dir: directory.join("data"),
        config_dir: directory.join("config"),
        memory_limit: 1 << 30,
    };
    let library = Library::load(&library).expect("the library loads");
    let engine = Engine::boot(library, &options).expect("the engine boots");
    let mut connection = engine.connect().expect("the engine accepts a connection");
    let parameters = Parameters { retention_days: MAX_RETENTION_DAYS, environment: "development" };
    for statement in parameters.init() {
        run(&mut connection, &statement);
        let nothing = statement.replace("EXISTS telemetry", "EXISTS nothing").replace("telemetry.", "nothing.");
        run(&mut connection, &nothing);
    }
    run(&mut connection, "USE telemetry");
    for statement in TELEMETRY.split(";\n") {
        if !statement.trim().is_empty() {
            let filled = statement.replace("{begin}", &BEGIN.to_string()).replace("{spans}", &SPANS.to_string());
            run(&mut connection, &filled);
        }
    }
    for statement in ["OPTIMIZE TABLE traces FINAL", "SYSTEM STOP MERGES"] {
        run(&mut connection, statement);
    }
    Some(engine)
}

fn run(connection: &mut Connection, sql: &str) {
    if let Err(exception) = connection.execute(sql.as_bytes(), "Null", &[]) {
        panic!("{sql}: {exception}");
    }
}
