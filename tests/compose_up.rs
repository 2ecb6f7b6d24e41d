//! The stack that `docker compose up` makes of the Compose file, on a real Docker engine.

#![allow(
    clippy::print_stderr,
    reason = "what a test that fails or is not run has to say"
)]

mod support;

use std::{process::Command, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use support::{collector, eventually};
use telemetry::{
    clickhouse::{
        Client,
        schema::{VERSION, statements},
    },
    otlp::{Exporter, Protocol, Scenario, Signal, deliver},
};

/// A stack made by Docker Compose. Everything of it is removed when it is dropped; if the test
/// fails, its log is shown first.
struct Stack {
    project: String,
    ports: Ports,
}

struct Ports {
    clickhouse: u16,
    grafana: u16,
    otlp_http: u16,
    health: u16,
}

impl Stack {
    /// `None`, with the reason printed, where there are no images for it; in CI there must be.
    fn up(name: &str) -> Option<Self> {
        if std::env::var_os("TELEMETRY_IMAGE_REGISTRY").is_none() {
            let missing =
                "TELEMETRY_IMAGE_REGISTRY, for which see tests/stand-ins/build, is not set";
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            eprintln!("ignored: {missing}");
            return None;
        }
        let mut stack = Self {
            project: format!("t-compose-{name}-{}", std::process::id()),
            ports: Ports {
                clickhouse: 0,
                grafana: 0,
                otlp_http: 0,
                health: 0,
            },
        };
        stack.compose(&["up", "--detach", "--wait"]);
        stack.ports = Ports {
            clickhouse: stack.port("clickhouse", 8123),
            grafana: stack.port("grafana", 3000),
            otlp_http: stack.port("collector", 4318),
            health: stack.port("collector", 13133),
        };
        Some(stack)
    }

    fn compose(&self, arguments: &[&str]) -> String {
        let plugin = std::env::var_os("TELEMETRY_TEST_COMPOSE");
        let mut command = Command::new(plugin.as_deref().unwrap_or("docker".as_ref()));
        if plugin.is_none() {
            command.arg("compose");
        }
        command
            .args(["--file", "compose/docker-compose.yml"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("TELEMETRY_PROJECT", &self.project);
        // Docker takes ports that are free.
        for port in [
            "TELEMETRY_CLICKHOUSE_PORT",
            "TELEMETRY_CLICKHOUSE_NATIVE_PORT",
            "TELEMETRY_COLLECTOR_METRICS_PORT",
            "TELEMETRY_DASHBOARD_PORT",
            "TELEMETRY_HEALTH_PORT",
            "TELEMETRY_OTLP_GRPC_PORT",
            "TELEMETRY_OTLP_HTTP_PORT",
        ] {
            command.env(port, "0");
        }
        let output = command.output().expect("Docker Compose can be run");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).expect("it prints text")
    }

    /// Where a port of a service is published.
    fn port(&self, service: &str, port: u16) -> u16 {
        let published = self.compose(&["port", service, &port.to_string()]);
        let (_, port) = published.trim().rsplit_once(':').expect("an address");
        port.parse().expect("a port")
    }

    fn clickhouse(&self) -> Client {
        let url = format!("http://127.0.0.1:{}", self.ports.clickhouse);
        Client::new(
            reqwest::Client::new(),
            url,
            "telemetry",
            "telemetry_password",
        )
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the stack's log ---\n{}", self.compose(&["logs"]));
        }
        self.compose(&["down", "--volumes", "--timeout", "5"]);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
}

/// The answer to a GET, with the password of `admin` or without.
fn get(port: u16, path: &str, password: Option<&str>) -> (u16, Value) {
    let mut request = reqwest::Client::new().get(format!("http://127.0.0.1:{port}{path}"));
    if let Some(password) = password {
        request = request.basic_auth("admin", Some(password));
    }
    runtime().block_on(async {
        let answer = request.send().await.expect("it answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("the answer is text");
        (status, serde_json::from_str(&text).expect("it is JSON"))
    })
}

#[derive(Deserialize)]
struct Count {
    n: u64,
}

#[test]
fn docker_compose_up_makes_a_stack_that_works() {
    let Some(stack) = Stack::up("up") else { return };
    let scenario = Scenario {
        seed: 1,
        traces: 20,
        now: u64::try_from(jiff::Timestamp::now().as_nanosecond()).expect("it is after 1970"),
        spread: Duration::from_mins(15),
        run_id: "compose".to_owned(),
        environment: "staging".to_owned(),
    };
    // The collector's image has nothing that Compose could ask whether it is ready.
    eventually("the collector is healthy", || {
        collector::is_healthy(stack.ports.health)
    });

    // OTLP is found by SQL.
    let protocol = Protocol::HttpProtobuf;
    let url = format!("http://127.0.0.1:{}", stack.ports.otlp_http);
    let runtime = runtime();
    let delivery = runtime.block_on(async {
        let exporter = Exporter::connect(protocol, &url, Duration::from_secs(20));
        let exporter = exporter.await.expect("the collector answers");
        let delivery = deliver(&scenario, &exporter, protocol, |_| {}).await;
        delivery.expect("all of it is taken")
    });
    let clickhouse = stack.clickhouse();
    for (signal, table) in [
        (Signal::Traces, "traces"),
        (Signal::Logs, "logs"),
        (Signal::Metrics, "metrics"),
    ] {
        let sent = delivery.tallies[signal].sent;
        eventually(&format!("{sent} rows in {table}"), || {
            let count = clickhouse.query(format!("SELECT count() AS n FROM {table}"));
            let rows: Vec<Count> = runtime.block_on(count.rows()).expect("ClickHouse answers");
            rows[0].n == sent
        });
    }

    // Dashboards have somewhere to read.
    let source = "/api/datasources/uid/telemetry/health";
    let (status, health) = get(stack.ports.grafana, source, Some("admin"));
    assert_eq!(status, 200, "{health}");
    assert_eq!(health["status"], "OK");
    let (status, _) = get(stack.ports.grafana, source, Some("wrong"));
    assert_eq!(status, 401);
}

#[test]
fn docker_compose_up_brings_an_older_schema_up_to_date() {
    let Some(stack) = Stack::up("again") else {
        return;
    };
    let runtime = runtime();
    let clickhouse = stack.clickhouse();
    let run = |sql: &str| {
        let query = clickhouse.query(sql).database("default");
        let done = runtime.block_on(query.execute());
        done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    };
    let oldest = include_str!("fixtures/schema/0001.sql")
        .replace("{retention_days}", "90")
        .replace("{environment}", "'development'");
    run("DROP DATABASE telemetry SYNC");
    for statement in statements(&oldest) {
        run(statement);
    }
    run("INSERT INTO telemetry.traces (timestamp, service_name) VALUES (now(), 'kept')");
    stack.compose(&["up", "--detach", "--wait"]);

    let rows = |sql: &str| {
        let rows = clickhouse.query(sql).rows::<Count>();
        runtime.block_on(rows).expect("ClickHouse answers")[0].n
    };
    let version = rows("SELECT max(version)::UInt64 AS n FROM telemetry.schema_migrations");
    assert_eq!(version, u64::from(VERSION));
    let kept = rows("SELECT count() AS n FROM telemetry.traces WHERE received_at >= '1970-01-01'");
    assert_eq!(kept, 1);
}
