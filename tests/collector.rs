//! The real OpenTelemetry Collector, run as a process with the configuration that ships, in front
//! of this program's own ClickHouse HTTP interface.

mod support;

use std::time::Duration;

use support::{
    collector::{self, Collector},
    eventually,
    stack::Stack,
};
use telemetry::otlp::{Exporter, Protocol, Scenario, Signal, deliver};

#[test]
fn the_collector_accepts_its_configuration() {
    let Some(program) = Collector::program() else {
        return;
    };
    let output = collector::validate(&program);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// A table and what tells how many items of a signal are in it.
const TABLES: [(Signal, &str); 3] = [
    (Signal::Traces, "traces"),
    (Signal::Logs, "logs"),
    (Signal::Metrics, "metrics"),
];

/// Sends sample telemetry of the time `now`, the same wherever it is sent to, and waits until
/// `stack` has all of it.
fn send(now: u64, stack: &Stack, http: u16, grpc: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let mut sent = [0; 3];
    for (seed, protocol, port) in [
        (1, Protocol::Grpc, grpc),
        (2, Protocol::HttpProtobuf, http),
        (3, Protocol::HttpJson, http),
    ] {
        let scenario = Scenario {
            seed,
            traces: 20,
            now,
            spread: Duration::from_mins(15),
            run_id: format!("{seed:016x}"),
            environment: "staging".to_owned(),
        };
        let url = format!("http://127.0.0.1:{port}");
        let delivery = runtime.block_on(async {
            let exporter = Exporter::connect(protocol, &url, Duration::from_secs(20))
                .await
                .expect("the endpoint answers");
            deliver(&scenario, &exporter, protocol, |_| {})
                .await
                .expect("all of it is taken")
        });
        for (sum, (signal, _)) in sent.iter_mut().zip(TABLES) {
            let tally = &delivery.tallies[signal];
            assert_eq!(tally.rejected, 0, "{tally:?}");
            *sum += tally.sent;
        }
    }
    for (sent, (_, table)) in sent.iter().zip(TABLES) {
        assert!(*sent > 0, "{table}");
        eventually(&format!("{sent} rows in {table}"), || {
            let sql =
                format!("SELECT count() FROM {table} WHERE project_name != 'telemetry-collector'");
            stack.query(&sql) == sent.to_string()
        });
    }
}

#[test]
fn what_comes_by_the_collector_is_stored_as_the_receiver_stores_it() {
    let Some(program) = Collector::program() else {
        return;
    };
    let (Some(direct), Some(behind)) = (Stack::start(), Stack::start()) else {
        return;
    };
    let collector = Collector::start(&program, behind.ports.clickhouse);
    let now = u64::try_from(jiff::Timestamp::now().as_nanosecond()).expect("it is after 1970");
    send(now, &direct, direct.ports.otlp_http, direct.ports.otlp_grpc);
    send(
        now,
        &behind,
        collector.ports.otlp_http,
        collector.ports.otlp_grpc,
    );
    for (_, table) in TABLES {
        // The receiver numbers what it took, to know it again. The collector's own metrics come
        // too, when they are due.
        let all = format!(
            "SELECT * EXCEPT (export_id, received_at) FROM {table} WHERE project_name != 'telemetry-collector' \
             ORDER BY ALL FORMAT JSONEachRow"
        );
        let (direct, behind) = (direct.query(&all), behind.query(&all));
        for (direct, behind) in direct.lines().zip(behind.lines()) {
            assert_eq!(behind, direct, "{table}");
        }
    }
}
