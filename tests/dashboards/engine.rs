//! The real engine, with generated telemetry, asked as Grafana asks it.

use std::{
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::support::stack::Stack;

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

/// A stack with the telemetry. Tests that run at the same time share one; `None`, with the reason
/// printed, where there is no engine library.
pub fn filled() -> Option<Arc<Stack>> {
    static SHARED: Mutex<Weak<Stack>> = Mutex::new(Weak::new());
    // A test that fails while it holds the lock leaves nothing half-made.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stack) = shared.upgrade() {
        return Some(stack);
    }
    let stack = Arc::new(Stack::start()?);
    for statement in TELEMETRY
        .split(";\n")
        .filter(|statement| !statement.trim().is_empty())
    {
        let filled = statement
            .replace("{begin}", &begin().to_string())
            .replace("{spans}", &SPANS.to_string());
        stack.query(&filled);
    }
    *shared = Arc::downgrade(&stack);
    Some(stack)
}

/// Whole days ago, so that it is all within retention.
pub fn begin() -> i64 {
    static BEGIN: LazyLock<i64> = LazyLock::new(|| {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is past 1970");
        let days = i64::try_from(now.as_secs() / 86_400).expect("they are few");
        (days - 5) * 86_400
    });
    *BEGIN
}

/// The answer that Grafana's user gets to a query; the text of the exception where there is none.
pub fn ask(stack: &Stack, sql: &str) -> Result<Answer, String> {
    let request = reqwest::Client::new()
        .post(stack.clickhouse_url("/?database=telemetry&default_format=JSONCompact"))
        .basic_auth("grafana", Some("grafana_password"))
        .body(sql.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let (is_success, text) = runtime.expect("a runtime can be made").block_on(async {
        let answer = request.send().await.expect("ClickHouse answers");
        (
            answer.status().is_success(),
            answer.text().await.expect("the answer is text"),
        )
    });
    if !is_success {
        return Err(text);
    }
    let answer: Value = serde_json::from_str(&text).expect("it is JSON");
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    let columns = answer["meta"].as_array().expect("there are columns");
    let rows = answer["data"].as_array().expect("there are rows");
    Ok(Answer {
        columns: columns
            .iter()
            .map(|column| (text(&column["name"]), text(&column["type"])))
            .collect(),
        rows: rows
            .iter()
            .map(|row| row.as_array().expect("a row is a list").clone())
            .collect(),
    })
}
