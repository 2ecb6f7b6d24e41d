//! Measures the Overview dashboard over seven days, each panel beside the same question asked of
//! the spans themselves:
//!
//! ```text
//! cargo bench --bench dashboards
//! cargo bench --bench dashboards -- 50000000
//! ```
//!
//! The argument is how many spans there are, 5 million by default. It starts a stack of its own, on
//! free ports and with an empty home, and has ClickHouse make them. `TELEMETRY_ENGINE_LIBRARY` names
//! the engine library, without which the stack fetches it first. Linux only.

#![allow(clippy::unwrap_used, reason = "whatever fails ends the benchmark")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
#![allow(dead_code, reason = "it shares modules and uses a part of each")]

#[path = "../dashboards/expand.rs"]
mod expand;
mod figures;
mod process;
mod stack;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use expand::{Choice, Scope};
use figures::Figures;
use serde_json::Value;
use stack::Stack;

const OVERVIEW: &str = include_str!("../../assets/grafana/dashboards/overview.json");

/// The spans of one INSERT.
const SPANS: &str = include_str!("spans.sql");

/// How many spans one INSERT makes.
const BATCH: u64 = 1_000_000;

/// How often each question is asked; the fastest answer counts.
const ROUNDS: usize = 5;

const WEEK: i64 = 7 * 86_400;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` comes here too, and has no time for it.
    if arguments.iter().any(|argument| argument == "--bench") {
        let count = arguments.iter().find(|argument| !argument.starts_with('-'));
        measure(count.map_or(5_000_000, |count| {
            count.parse().expect("it is a number of spans")
        }));
    }
}

fn measure(spans: u64) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let to = i64::try_from(now).unwrap() / 3600 * 3600;
    let from = to - WEEK;

    let mut stack = Stack::new();
    stack.start();
    for first in (0..spans).step_by(usize::try_from(BATCH).unwrap()) {
        let batch = SPANS
            .replace("{begin}", &from.to_string())
            .replace("{first}", &first.to_string())
            .replace("{count}", &BATCH.min(spans - first).to_string())
            .replace("{step}", &(WEEK as u64 * 1_000_000_000 / spans).to_string());
        stack.run(&batch);
    }

    let everything = ["project", "service", "environment"]
        .map(|name| (name.to_owned(), Choice::All(Vec::new())));
    let scope = Scope {
        from,
        to,
        interval: 3600,
        variables: BTreeMap::from(everything),
    };
    let dashboard: Value = serde_json::from_str(OVERVIEW).unwrap();
    let mut figures = Figures::default();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        let sql = scope.expand(panel["targets"][0]["rawSql"].as_str().unwrap());
        let rolled_up = fastest(&stack, &sql);
        let raw = fastest(&stack, &expand::of_spans(&sql).expect("it has both"));
        figures.add(
            title,
            format!("{:.1} ms", milliseconds(rolled_up)),
            "< 300 ms",
        );
        figures.add(
            &format!("{title}, of the spans themselves"),
            format!("{:.1} ms", milliseconds(raw)),
            "",
        );
        let ratio = rolled_up.as_secs_f64() / raw.as_secs_f64();
        figures.add(&format!("{title}, ratio"), format!("{ratio:.3}"), "< 0.1");
    }
    stack.stop();
    figures.print();
}

fn fastest(stack: &Stack, sql: &str) -> Duration {
    let time = |_| {
        let start = Instant::now();
        stack.run(sql);
        start.elapsed()
    };
    (0..ROUNDS).map(time).min().unwrap()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
