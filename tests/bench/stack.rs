//! A stack of the benchmark's own.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use telemetry::clickhouse::Client;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::process::{Usage, usage_of};

/// The password that a stack has when nobody sets one.
pub const PASSWORD: &str = "telemetry_password";

/// A stack of the benchmark's own; it is stopped and removed with this value.
pub struct Stack {
    home: TempDir,
    ports: [u16; 5],
    runtime: Runtime,
    clickhouse: Client,
}

impl Stack {
    pub fn new() -> Self {
        let listeners = [(); 5].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{}", ports[2]);
        Self {
            home: TempDir::new().unwrap(),
            ports,
            runtime: Runtime::new().unwrap(),
            clickhouse: Client::new(http, url, "telemetry", PASSWORD),
        }
    }

    /// Where OTLP is taken, over `grpc` or `http`.
    pub fn otlp_url(&self, protocol: &str) -> String {
        let port = self.ports[usize::from(protocol == "http")];
        format!("http://127.0.0.1:{port}")
    }

    pub fn clickhouse_url(&self) -> &str {
        self.clickhouse.url()
    }

    /// Starts it, and says how long that took.
    pub fn start(&mut self) -> Duration {
        let start = Instant::now();
        let [grpc, http, clickhouse, dashboards, health] = self.ports.map(|port| port.to_string());
        let flags = [
            ["--engine", "embedded"],
            ["--otlp-grpc-port", &grpc],
            ["--otlp-http-port", &http],
            ["--clickhouse-port", &clickhouse],
            ["--dashboard-port", &dashboards],
            ["--health-port", &health],
        ];
        self.telemetry("start", flags.as_flattened());
        start.elapsed()
    }

    pub fn stop(&self) {
        self.telemetry("stop", &[]);
    }

    /// What its processes use.
    pub fn usage(&self) -> Usage {
        usage_of(self.home.path())
    }

    /// How many spans it has.
    pub fn spans(&self) -> u64 {
        #[derive(Deserialize)]
        struct Row {
            n: u64,
        }
        let query = self.clickhouse.query("SELECT count() AS n FROM traces");
        self.runtime.block_on(query.row::<Row>()).unwrap().n
    }

    /// Runs a statement on the stack's own tables to the end of its answer.
    pub fn run(&self, sql: &str) {
        let done = self.runtime.block_on(self.clickhouse.query(sql).execute());
        done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Runs a statement, in which tables are named with their database.
    pub fn execute(&self, sql: &str) {
        let query = self.clickhouse.query(sql).database("default");
        let done = self.runtime.block_on(query.execute());
        done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// The number that a statement answers, in a column `n`.
    pub fn number(&self, sql: &str) -> f64 {
        #[derive(Deserialize)]
        struct Row {
            n: f64,
        }
        let query = self.clickhouse.query(sql).database("default");
        self.runtime.block_on(query.row::<Row>()).unwrap().n
    }

    /// How much of the disk a row of a table takes once everything is merged.
    pub fn bytes_per_row(&self, database: &str, table: &str) -> f64 {
        self.execute(&format!("OPTIMIZE TABLE {database}.{table} FINAL"));
        self.number(&format!(
            "SELECT sum(bytes_on_disk) / sum(rows) AS n FROM system.parts \
             WHERE active AND database = '{database}' AND table = '{table}'"
        ))
    }

    fn telemetry(&self, command: &str, flags: &[&str]) {
        let mut run = Command::new(env!("CARGO_BIN_EXE_telemetry"));
        run.arg(command).args(flags).current_dir(self.home.path());
        run.env_clear().env("HOME", self.home.path());
        for kept in ["PATH", "TELEMETRY_ENGINE_LIBRARY"] {
            run.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        let status = run.stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "`telemetry {command}` failed");
    }
}

impl Drop for Stack {
    /// A benchmark that fails leaves nothing running.
    fn drop(&mut self) {
        let stop = Command::new(env!("CARGO_BIN_EXE_telemetry"))
            .args(["stop", "--quiet"])
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .status();
        drop(stop);
    }
}
