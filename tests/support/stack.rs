//! A running stack: the real binary and the real engine, on ports of its own.

use std::{net::TcpListener, path::PathBuf, sync::OnceLock};

use super::sandbox::{Ended, Run, Sandbox};

/// A stack in a home of its own. It is stopped, and everything of it removed, when dropped; if
/// the test fails, its log is shown first.
pub struct Stack {
    sandbox: Sandbox,
    library: PathBuf,
    pub ports: Ports,
}

/// The ports of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub otlp_http: u16,
    pub otlp_grpc: u16,
    pub clickhouse: u16,
    pub dashboards: u16,
    pub health: u16,
}

impl Ports {
    /// Ports that are free now, below those that systems give to clients: one that keeps on
    /// connecting while nobody listens would be given that very port in the end, and be connected
    /// to itself.
    pub fn free() -> Self {
        let bind = || TcpListener::bind(("127.0.0.1", rand::random_range(10_000..32_768)));
        let free = || std::iter::repeat_with(bind).flatten().next();
        // Held together, so that they differ.
        let listeners: [TcpListener; 5] = std::array::from_fn(|_| free().expect("it has no end"));
        let [otlp_http, otlp_grpc, clickhouse, dashboards, health] =
            listeners.map(|listener| listener.local_addr().expect("it is bound").port());
        Self {
            otlp_http,
            otlp_grpc,
            clickhouse,
            dashboards,
            health,
        }
    }

    /// The flags of `start` that set them.
    pub fn flags(self) -> String {
        format!(
            "--otlp-http-port {} --otlp-grpc-port {} --clickhouse-port {} --dashboard-port {} \
             --health-port {}",
            self.otlp_http, self.otlp_grpc, self.clickhouse, self.dashboards, self.health
        )
    }
}

impl Stack {
    /// A stack that runs. `None` where there is no engine library: the test cannot be made then,
    /// which it says, and which is a failure in CI.
    pub fn start() -> Option<Self> {
        let mut stack = Self::prepare()?;
        // Between the choice of a port and its use, another test may take it.
        for _ in 0..5 {
            let ended = stack.start_with("").output();
            if ended.status == Some(0) {
                return Some(stack);
            }
            assert!(ended.stderr.contains("port_in_use"), "{}", ended.stderr);
            stack.ports = Ports::free();
        }
        panic!("no port stays free");
    }

    /// The same, not started yet.
    pub fn prepare() -> Option<Self> {
        Some(Self {
            library: library()?,
            sandbox: Sandbox::new(),
            ports: Ports::free(),
        })
    }

    /// A run of `telemetry start` on the ports of this stack, with more arguments.
    pub fn start_with(&self, arguments: &str) -> Run<'_> {
        self.telemetry(&format!("start {} {arguments}", self.ports.flags()))
    }

    /// A run of `telemetry` with these arguments, which are separated by blanks. But for `start`,
    /// the stack is found by what it was started with.
    pub fn telemetry(&self, arguments: &str) -> Run<'_> {
        self.configured(self.sandbox.telemetry(arguments))
    }

    /// A run of a shell script, in which `telemetry` is the real binary.
    pub fn shell(&self, script: &str) -> Run<'_> {
        self.configured(self.sandbox.shell(script))
    }

    /// The home directory.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The directory of the stack.
    pub fn directory(&self) -> PathBuf {
        self.sandbox.home().join(".local/share/telemetry/telemetry")
    }

    /// A URL on the port of OTLP over HTTP, such as that of `/v1/traces`.
    pub fn otlp_http_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.otlp_http)
    }

    /// The URL of OTLP over gRPC.
    pub fn otlp_grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.otlp_grpc)
    }

    /// A URL on the port of ClickHouse's HTTP interface.
    pub fn clickhouse_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.clickhouse)
    }

    /// ClickHouse's answer to a statement, tab-separated, without the last line's end.
    pub fn query(&self, sql: &str) -> String {
        self.query_in("telemetry", sql)
    }

    /// The same, where a table without a database is one of `database`.
    pub fn query_in(&self, database: &str, sql: &str) -> String {
        let request = reqwest::Client::new()
            .post(self.clickhouse_url("/"))
            .query(&[("database", database), ("default_format", "TabSeparated")])
            .header("X-ClickHouse-User", "telemetry")
            .header("X-ClickHouse-Key", "telemetry_password")
            .body(sql.to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let (status, text) = runtime.block_on(async {
            let answer = request.send().await.expect("ClickHouse answers");
            let status = answer.status();
            (status, answer.text().await.expect("the answer is text"))
        });
        assert!(status.is_success(), "{sql}: {text}");
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// A URL on the port of the dashboards.
    pub fn dashboards_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.dashboards)
    }

    /// A URL on the port of the health check.
    pub fn health_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.health)
    }

    /// Sends `signal`, such as `KILL`, to a process.
    pub fn signal(signal: &str, pid: u64) {
        let status = std::process::Command::new("kill")
            .args([format!("-{signal}"), pid.to_string()])
            .status();
        assert!(status.expect("kill is there").success());
    }

    /// The process that serves.
    pub fn server(&self) -> Option<u64> {
        let status = self.telemetry("status --format json").json();
        status["data"]["services"][0]["pid"].as_u64()
    }

    /// The process that keeps it running.
    pub fn supervisor(&self) -> u64 {
        let path = self.directory().join("run/supervisor.json");
        let text = std::fs::read_to_string(path).expect("the supervisor has said something");
        let state: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        state["supervisor"].as_u64().expect("it names itself")
    }

    /// Whether the stack runs, starts, stops or whatever else, as `status` says.
    pub fn state(&self) -> String {
        let status = self.telemetry("status --format json").json();
        status["data"]["state"]
            .as_str()
            .expect("it is text")
            .to_owned()
    }

    /// Settings for snapshots, in which what differs from run to run is replaced.
    pub fn snapshot_settings(&self) -> insta::Settings {
        let mut settings = insta::Settings::clone_current();
        for (port, name) in [
            (self.ports.otlp_http, "[OTLP_HTTP]"),
            (self.ports.otlp_grpc, "[OTLP_GRPC]"),
            (self.ports.clickhouse, "[CLICKHOUSE]"),
            (self.ports.dashboards, "[DASHBOARDS]"),
            (self.ports.health, "[HEALTH]"),
        ] {
            settings.add_filter(&format!(r"\b{port}\b"), name);
        }
        for (pattern, replacement) in [
            (r"\d+\.\d\d s\b", "[SECONDS] s"),
            (r"\(\d+(\.\d+)? [KM]iB\)", "([SIZE])"),
            (r#""elapsed_ms":\d+"#, r#""elapsed_ms":[MS]"#),
            (r#""latency_us":\d+"#, r#""latency_us":[US]"#),
            (r#""bytes":[1-9]\d*"#, r#""bytes":[BYTES]"#),
        ] {
            settings.add_filter(pattern, replacement);
        }
        settings
    }

    fn configured<'s>(&self, run: Run<'s>) -> Run<'s> {
        run.env("TELEMETRY_ENGINE_LIBRARY", &self.library.to_string_lossy())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Ended { stdout, stderr, .. } = self.telemetry("logs").output();
            eprintln!("--- the stack's log ---\n{stdout}{stderr}");
        }
        let ended = self.telemetry("clean --yes").output();
        if !std::thread::panicking() {
            assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        }
    }
}

/// The engine library to test with.
fn library() -> Option<PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY
        .get_or_init(|| {
            let library = std::env::var_os("TELEMETRY_ENGINE_LIBRARY").map(PathBuf::from);
            if library.is_none() {
                let missing = "no stack was started: `TELEMETRY_ENGINE_LIBRARY` is not set";
                assert!(std::env::var_os("CI").is_none(), "{missing}");
                eprintln!("{missing}");
            }
            library
        })
        .clone()
}
