//! The real OpenTelemetry Collector, with the configuration that ships.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::eventually;

/// The configuration that ships.
const CONFIGURATION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/assets/collector/otel-collector-config.yaml"
);

/// A collector that runs, with a queue of its own. It is killed when dropped; if the test fails,
/// its log is shown first.
pub struct Collector {
    program: PathBuf,
    process: Child,
    directory: TempDir,
    pub ports: Ports,
}

/// The ports of a collector.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub otlp_http: u16,
    pub otlp_grpc: u16,
    pub health: u16,
    pub metrics: u16,
}

impl Ports {
    fn free() -> Self {
        let listeners: [TcpListener; 4] =
            std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
        let [otlp_http, otlp_grpc, health, metrics] =
            listeners.map(|listener| listener.local_addr().expect("it is bound").port());
        Self {
            otlp_http,
            otlp_grpc,
            health,
            metrics,
        }
    }
}

impl Collector {
    /// The program, from `TELEMETRY_TEST_COLLECTOR` or where `tests/stand-ins/build` leaves it.
    /// `None`, with the reason printed, where there is none; in CI there must be.
    pub fn program() -> Option<PathBuf> {
        let built = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/target/collector/otelcol-contrib"
        );
        let program = std::env::var_os("TELEMETRY_TEST_COLLECTOR");
        let program = program.map_or_else(|| PathBuf::from(built), PathBuf::from);
        if program.exists() {
            return Some(program);
        }
        let missing = "no collector in TELEMETRY_TEST_COLLECTOR or target/collector";
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("ignored: {missing}");
        None
    }

    /// A collector that sends to ClickHouse's HTTP interface on a port of this machine.
    pub fn start(program: &Path, clickhouse: u16) -> Self {
        let directory = TempDir::new().expect("a temporary directory can be made");
        let ports = Ports::free();
        let configuration = configuration(directory.path(), ports, clickhouse);
        let log = directory.path().join("log");
        let process = spawn(program, &configuration, &log);
        let collector = Self {
            program: program.to_owned(),
            process,
            directory,
            ports,
        };
        eventually("the collector is healthy", || is_healthy(ports.health));
        collector
    }

    /// Kills it where it is, as a machine without memory does, and starts it again on its queue.
    pub fn crash(&mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
        let directory = self.directory.path();
        let (configuration, log) = (directory.join("config.yaml"), directory.join("log"));
        self.process = spawn(&self.program, &configuration, &log);
        eventually("the collector is healthy again", || {
            is_healthy(self.ports.health)
        });
    }

    /// What is in its queue, in bytes; nothing while it does not say so.
    pub fn queued(&self) -> Option<u64> {
        let page = get(self.ports.metrics, "/metrics").ok()?;
        let sizes = page
            .lines()
            .filter(|line| line.starts_with("otelcol_exporter_queue_size{"))
            .map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        let total: f64 = sizes.sum::<Option<f64>>()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        page.contains("otelcol_exporter_queue_size{")
            .then_some(total as u64)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.directory.path().join("log"));
            eprintln!("--- the collector's log ---\n{}", log.unwrap_or_default());
        }
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
    }
}

/// Runs the collector. What it says is added to the log.
fn spawn(program: &Path, configuration: &Path, log: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(log);
    Command::new(program)
        .arg("--config")
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.expect("it can be opened"))
        .spawn()
        .expect("the collector can be run")
}

/// Whether a collector says that it is healthy, on the port of its health check.
pub fn is_healthy(port: u16) -> bool {
    get(port, "/").is_ok_and(|answer| answer.starts_with("HTTP/1.0 200"))
}

/// The answer to a request, with its head.
fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    write!(connection, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Writes the configuration that ships, with nothing changed but addresses and paths, and gives
/// its path. Each of them must be there as often as it is said here.
pub fn configuration(directory: &Path, ports: Ports, clickhouse: u16) -> PathBuf {
    let password = directory.join("password");
    fs::write(&password, "ingest_password").expect("it can be written");
    let mut text = fs::read_to_string(CONFIGURATION).expect("it is there");
    let own = |port: u16| format!("127.0.0.1:{port}");
    for (times, shipped, here) in [
        // First, as another port may begin with the same digits.
        (1, "127.0.0.1:4318", own(ports.otlp_http)),
        (1, "0.0.0.0:4317", own(ports.otlp_grpc)),
        (1, "0.0.0.0:4318", own(ports.otlp_http)),
        (1, "0.0.0.0:13133", own(ports.health)),
        (1, "host: 0.0.0.0", "host: 127.0.0.1".to_owned()),
        (1, "port: 8888", format!("port: {}", ports.metrics)),
        (
            1,
            "http://clickhouse:8123",
            format!("http://{}", own(clickhouse)),
        ),
        (
            1,
            "/run/secrets/clickhouse-ingest-password",
            password.display().to_string(),
        ),
        (
            2,
            "/var/lib/otelcol",
            directory.join("data").display().to_string(),
        ),
    ] {
        assert_eq!(text.matches(shipped).count(), times, "{shipped}");
        text = text.replace(shipped, &here);
    }
    let path = directory.join("config.yaml");
    fs::write(&path, text).expect("it can be written");
    path
}

/// Runs the collector's own check of the configuration.
pub fn validate(program: &Path) -> std::process::Output {
    let directory = TempDir::new().expect("a temporary directory can be made");
    Command::new(program)
        .arg("validate")
        .arg("--config")
        .arg(configuration(directory.path(), Ports::free(), 8123))
        .output()
        .expect("the collector can be run")
}
