//! The load: this program once more, as a process of its own.

use std::io::{BufRead as _, BufReader, Write as _, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use telemetry::clickhouse::Client;
use telemetry::otlp::{Encoding, Exporter, Payload, Protocol, Scenario, Signal};
use tokio::runtime::Runtime;

use super::stack::{PASSWORD, Stack};

/// What makes this program the load.
pub const COMMAND: &str = "load";

/// How many requests are on their way at once.
const CONCURRENCY: usize = 16;

/// About so many spans has a trace of the sample telemetry.
const SPANS_PER_TRACE: u64 = 6;

/// How often telemetry is sent at a steady rate, and how many traces of it each time: 12 traces
/// are some 75 spans, so that makes 1,000 spans a second.
const BEAT: (Duration, u32) = (Duration::from_millis(75), 12);

/// How many delays are measured.
const PROBES: u32 = 300;

/// A process that is ready to send.
pub struct Load {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// Delays from sending to seeing, in milliseconds.
pub struct Delays {
    pub p50: f64,
    pub p99: f64,
}

impl Load {
    /// So many spans, all encoded already.
    pub fn prepare(stack: &Stack, protocol: &str, spans: u64, seed: u64) -> Self {
        Self::spawn(stack, "prepared", protocol, spans, seed)
    }

    /// So many spans, each batch encoded when it is sent: for more than fits into memory.
    pub fn stream(stack: &Stack, protocol: &str, spans: u64, seed: u64) -> Self {
        Self::spawn(stack, "streamed", protocol, spans, seed)
    }

    fn spawn(stack: &Stack, mode: &str, protocol: &str, spans: u64, seed: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([COMMAND, mode, protocol, &stack.otlp_url(protocol)])
            .args([spans.to_string(), seed.to_string()])
            .arg(stack.clickhouse_url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut load = Self {
            child,
            stdin,
            stdout,
        };
        assert_eq!(load.line(), "ready");
        load
    }

    /// Lets it send, and says how many spans it did.
    pub fn go(mut self) -> u64 {
        writeln!(self.stdin, "go").unwrap();
        let sent = self.line().parse().unwrap();
        assert!(self.child.wait().unwrap().success());
        sent
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// Measures delays while spans come at a steady rate.
pub fn steady(stack: &Stack) -> Delays {
    let mut load = Load::spawn(stack, "steady", "http", 0, 4);
    writeln!(load.stdin, "go").unwrap();
    let line = load.line();
    assert!(load.child.wait().unwrap().success());
    let (p50, p99) = line.split_once(' ').unwrap();
    Delays {
        p50: p50.parse().unwrap(),
        p99: p99.parse().unwrap(),
    }
}

/// Sends, in the process that is the load.
pub fn run(arguments: &[String]) {
    let [mode, protocol, url, spans, seed, clickhouse] = arguments else {
        panic!("{arguments:?}");
    };
    let protocol = match protocol.as_str() {
        "grpc" => Protocol::Grpc,
        _ => Protocol::HttpProtobuf,
    };
    let (spans, seed): (u64, u64) = (spans.parse().unwrap(), seed.parse().unwrap());
    Runtime::new().unwrap().block_on(async {
        let patience = Duration::from_mins(5);
        let exporter = Exporter::connect(protocol, url, patience).await.unwrap();
        let exporter = exporter.uncompressed();
        let traces = u32::try_from(spans.div_ceil(SPANS_PER_TRACE)).unwrap();
        let scenario = scenario(seed, traces);
        match mode.as_str() {
            "prepared" => {
                let payloads: Vec<_> = payloads(&scenario).collect();
                wait_for_go();
                answer(send(&exporter, payloads.into_iter()).await);
            }
            "streamed" => {
                wait_for_go();
                answer(send(&exporter, payloads(&scenario)).await);
            }
            _ => {
                wait_for_go();
                let (p50, p99) = delays(&exporter, clickhouse).await;
                answer(format!("{p50} {p99}"));
            }
        }
    });
}

fn scenario(seed: u64, traces: u32) -> Scenario {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Scenario {
        seed,
        traces,
        now: u64::try_from(now.as_nanos()).unwrap(),
        spread: Duration::from_hours(1),
        run_id: format!("bench-{seed}"),
        environment: "bench".to_owned(),
    }
}

fn payloads(scenario: &Scenario) -> impl Iterator<Item = Payload> + Send {
    let spans = |batch| Payload::of(&batch, Signal::Traces, Encoding::Protobuf);
    scenario.batches().filter_map(spans)
}

async fn send(exporter: &Exporter, payloads: impl Iterator<Item = Payload>) -> u64 {
    let export = |payload: Payload| async move {
        let accepted = exporter.send(&payload).await.unwrap();
        assert_eq!(accepted.rejected, 0);
        payload.items
    };
    let sent = stream::iter(payloads)
        .map(export)
        .buffer_unordered(CONCURRENCY);
    sent.fold(0, |sum, sent| std::future::ready(sum + sent))
        .await
}

/// Sends at a steady rate, and meanwhile a probe at a time, until each can be queried.
async fn delays(exporter: &Exporter, clickhouse: &str) -> (f64, f64) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let clickhouse = Client::new(http, clickhouse, "telemetry", PASSWORD);
    let background = {
        let exporter = exporter.clone();
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(BEAT.0);
            for seed in 1_000.. {
                beat.tick().await;
                let (exporter, scenario) = (exporter.clone(), scenario(seed, BEAT.1));
                tokio::spawn(async move { send(&exporter, payloads(&scenario)).await });
            }
        })
    };
    let mut delays = Vec::new();
    for seed in 0..PROBES {
        let scenario = scenario(1_000_000 + u64::from(seed), 1);
        let start = Instant::now();
        let sent = send(exporter, payloads(&scenario)).await;
        while visible(&clickhouse, &scenario.first_trace_id()).await < sent {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        delays.push(start.elapsed().as_secs_f64() * 1e3);
        // So that probes are not in step with what they measure.
        tokio::time::sleep(Duration::from_millis(u64::from(seed * 7 % 50))).await;
    }
    background.abort();
    delays.sort_by(f64::total_cmp);
    let quantile = |percent: usize| delays[delays.len() * percent / 100];
    (quantile(50), quantile(99))
}

async fn visible(clickhouse: &Client, trace_id: &str) -> u64 {
    #[derive(Deserialize)]
    struct Row {
        n: u64,
    }
    let query = clickhouse
        .query("SELECT count() AS n FROM traces WHERE trace_id = {trace_id:String}")
        .param("trace_id", trace_id);
    query.row::<Row>().await.unwrap().n
}

fn wait_for_go() {
    answer("ready");
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
}

fn answer(answer: impl std::fmt::Display) {
    let mut stdout = stdout();
    writeln!(stdout, "{answer}").unwrap();
    stdout.flush().unwrap();
}
