//! Measures a whole stack from outside, and prints each figure beside its aim:
//!
//! ```text
//! cargo bench --bench ingest
//! TELEMETRY_BENCH_SOAK=10000000 cargo bench --bench ingest
//! ```
//!
//! It starts a stack of its own through the real binary, on free ports and with an empty home, and
//! loads it from a second process. `TELEMETRY_ENGINE_LIBRARY` names the engine library, without
//! which the stack fetches it first. `TELEMETRY_BENCH_SPANS` is how many spans each protocol is
//! timed with, `TELEMETRY_BENCH_SOAK` how many there are in the end. Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used, reason = "whatever fails ends the benchmark")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

mod figures;
mod load;
mod process;
#[allow(dead_code, reason = "other benchmarks use the rest of it")]
mod stack;

use std::thread::sleep;
use std::time::{Duration, Instant};

use figures::{Figures, megabytes};
use load::Load;
use process::Usage;
use stack::Stack;

/// How long the idle stack is watched.
const IDLE: Duration = Duration::from_secs(5);

/// How long a new stack is left alone before that.
const SETTLE: Duration = Duration::from_secs(3);

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == load::COMMAND => load::run(rest),
        _ if arguments.iter().any(|argument| argument == "--bench") => measure(),
        // `cargo test --all-targets` comes here too, and has no time for it.
        _ => {}
    }
}

fn measure() {
    let timed = number("TELEMETRY_BENCH_SPANS", 500_000);
    let soak = number("TELEMETRY_BENCH_SOAK", 2_000_000);
    let mut figures = Figures::default();
    let mut stack = Stack::new();

    let first = stack.start();
    figures.add(
        "ready, first start",
        format!("{:.2} s", first.as_secs_f64()),
        "",
    );
    stack.stop();
    let again = stack.start();
    figures.add(
        "ready, later starts",
        format!("{:.2} s", again.as_secs_f64()),
        "< 1 s",
    );

    sleep(SETTLE);
    let before = stack.usage();
    sleep(IDLE);
    let idle = stack.usage();
    let share = idle.cpu.saturating_sub(before.cpu).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    figures.add(
        "resident memory, idle",
        megabytes(idle.resident),
        "< 300 MB",
    );
    figures.add("CPU, idle", format!("{share:.2} %"), "< 1 %");

    let delays = load::steady(&stack);
    figures.add(
        "sent to visible at 1,000 spans/s, p50",
        format!("{:.0} ms", delays.p50),
        "",
    );
    figures.add(
        "sent to visible at 1,000 spans/s, p99",
        format!("{:.0} ms", delays.p99),
        "< 500 ms",
    );

    for (protocol, seed) in [("grpc", 1), ("http", 2)] {
        let load = Load::prepare(&stack, protocol, timed, seed);
        time(&stack, load, &format!("OTLP, {protocol}"), &mut figures);
    }

    let stored = stack.spans();
    if soak > stored {
        let load = Load::stream(&stack, "http", soak - stored, 3);
        load.go();
    }
    let after = stack.usage();
    figures.add(
        &format!("resident memory after {} spans", stack.spans()),
        megabytes(after.resident),
        "< 800 MB after 10 M",
    );
    figures.add("most of it at any time", megabytes(after.peak), "");
    sleep(IDLE);
    let rested = stack.usage();
    let name = format!("resident memory {} s later", IDLE.as_secs());
    figures.add(&name, megabytes(rested.resident), "< 800 MB after 10 M");
    let bytes = stack.bytes_per_row("telemetry", "traces");
    figures.add(
        "on disk, merged",
        format!("{bytes:.1} bytes/span"),
        "< 60 bytes/span",
    );
    stack.stop();
    figures.print();
}

/// Times spans from the first request until all of them can be queried.
fn time(stack: &Stack, load: Load, name: &str, figures: &mut Figures) {
    let stored = stack.spans();
    let Usage { cpu: before, .. } = stack.usage();
    let start = Instant::now();
    let sent = load.go();
    while stack.spans() < stored + sent {
        sleep(Duration::from_millis(2));
    }
    let wall = start.elapsed().as_secs_f64();
    let cpu = stack.usage().cpu.saturating_sub(before).as_secs_f64();
    assert_eq!(stack.spans(), stored + sent, "each span is stored once");
    figures.add(name, format!("{:.0} spans/s", sent as f64 / wall), "");
    figures.add(
        &format!("{name}, per core"),
        format!("{:.0} spans/s", sent as f64 / cpu),
        "> 50,000 spans/s",
    );
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| {
        let number = text.parse();
        number.unwrap_or_else(|_| panic!("`{variable}` is a number of spans, not `{text}`"))
    })
}
