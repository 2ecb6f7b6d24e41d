//! What goes through the collector, as its metrics of itself tell.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Endpoint, Endpoints};
use crate::otlp::Signal;

/// How long a queue that holds something may stay as it is before nothing seems to leave it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a queue is looked at meanwhile.
const INTERVAL: Duration = Duration::from_millis(100);

/// How much of a queue may be used before it is nearly full, in percent.
const NEARLY_FULL: u64 = 80;

/// What has become of one signal's telemetry since the collector was started. Items are spans, log
/// records and metric points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The signal.
    pub signal: Signal,
    /// What waits to be stored, in bytes.
    pub queued_bytes: u64,
    /// The most that may wait, in bytes.
    pub queue_capacity_bytes: u64,
    /// Items that were stored.
    pub stored: u64,
    /// Items that could not be stored, and are lost.
    pub lost: u64,
    /// Items that were not taken in. Clients were told, and may have tried again.
    pub refused: u64,
}

impl Flow {
    /// How much of the queue is used, in percent.
    pub fn fullness(&self) -> u64 {
        (self.queued_bytes * 100)
            .checked_div(self.queue_capacity_bytes)
            .unwrap_or_default()
    }
}

/// What has become of each signal's telemetry; `None` where that is not offered or not told.
pub async fn flows(http: &reqwest::Client, endpoints: &Endpoints) -> Option<[Flow; 3]> {
    endpoints.port(Endpoint::CollectorMetrics)?;
    read_from(http, &endpoints.url(Endpoint::CollectorMetrics)).await
}

/// The same of what plays the collector's part where there is none: it counts under the same names
/// beside the health check, has one queue for all signals, and answers when what it was sent is
/// stored. So what it could not store is refused, and not lost.
pub async fn receiver_flows(http: &reqwest::Client, endpoints: &Endpoints) -> Option<[Flow; 3]> {
    if endpoints.port(Endpoint::CollectorMetrics).is_some() {
        return flows(http, endpoints).await;
    }
    let flows = read_from(http, &endpoints.url(Endpoint::Health)).await?;
    Some(flows.map(|flow| Flow { lost: 0, ..flow }))
}

async fn read_from(http: &reqwest::Client, url: &str) -> Option<[Flow; 3]> {
    let request = http.get(format!("{url}/metrics")).timeout(PATIENCE);
    let answer = request.send().await.ok()?;
    let metrics = answer.error_for_status().ok()?.text().await.ok()?;
    Some(Signal::ALL.map(|signal| read(signal, &metrics)))
}

/// What is wrong with the way that `flows` go, as far as that can be told by watching for a
/// moment: queues that nothing leaves, and queues that will soon take nothing more.
pub async fn obstruction(
    http: &reqwest::Client,
    endpoints: &Endpoints,
    flows: &[Flow; 3],
) -> Option<String> {
    if let Some(flow) = flows.iter().find(|flow| flow.fullness() >= NEARLY_FULL) {
        let (signal, fullness) = (flow.signal, flow.fullness());
        return Some(format!("the queue of {signal} is {fullness} % full"));
    }
    let mut waiting: Vec<Flow> = flows
        .iter()
        .filter(|it| it.queued_bytes > 0)
        .copied()
        .collect();
    let deadline = Instant::now() + PATIENCE;
    while !waiting.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(INTERVAL).await;
        let now = self::flows(http, endpoints).await?;
        waiting.retain(|before| {
            let now = now.iter().find(|now| now.signal == before.signal);
            now.is_some_and(|now| now.queued_bytes > 0 && now.stored == before.stored)
        });
    }
    let stuck: Vec<_> = waiting.iter().map(|flow| flow.signal.as_str()).collect();
    if stuck.is_empty() {
        return None;
    }
    let stuck = stuck.join(", ");
    Some(format!(
        "{stuck}: what waits in the queue is not being stored"
    ))
}

fn read(signal: Signal, metrics: &str) -> Flow {
    let items = match signal {
        Signal::Traces => "spans",
        Signal::Logs => "log_records",
        Signal::Metrics => "metric_points",
    };
    let of_signal = format!("data_type=\"{signal}\"");
    let sum = |name: &str, label: &str| -> u64 { samples(metrics, name, label).sum() };
    let items = |prefix: &str| sum(&format!("otelcol_{prefix}_{items}"), "");
    Flow {
        signal,
        queued_bytes: sum("otelcol_exporter_queue_size", &of_signal),
        queue_capacity_bytes: sum("otelcol_exporter_queue_capacity", &of_signal),
        stored: items("exporter_sent"),
        lost: items("exporter_send_failed"),
        refused: items("receiver_refused") + items("receiver_failed"),
    }
}

/// The values of a metric in the Prometheus text format that have this label, or no labels at all.
fn samples<'m>(metrics: &'m str, name: &'m str, label: &'m str) -> impl Iterator<Item = u64> {
    metrics.lines().filter_map(move |line| {
        let (series, value) = line.rsplit_once(' ')?;
        let labels = series.strip_prefix(name)?;
        let is_it = labels.is_empty() || labels.starts_with('{');
        (is_it && (labels.is_empty() || labels.contains(label))).then(|| count(value))?
    })
}

/// A count as Prometheus writes it, such as `1.073741824e+09`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float saturates"
)]
fn count(value: &str) -> Option<u64> {
    value.parse().ok().map(|value: f64| value as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    const METRICS: &str = r#"
# TYPE otelcol_exporter_queue_size gauge
otelcol_exporter_queue_capacity{data_type="logs",exporter="clickhouse"} 1.073741824e+09
otelcol_exporter_queue_capacity{data_type="traces",exporter="clickhouse"} 1.073741824e+09
otelcol_exporter_queue_size{data_type="logs",exporter="clickhouse"} 7
otelcol_exporter_queue_size{data_type="traces",exporter="clickhouse"} 9.63367641e+08
otelcol_exporter_sent_spans{exporter="clickhouse"} 75
otelcol_exporter_sent_spans_more{exporter="clickhouse"} 1000
otelcol_exporter_send_failed_spans{exporter="clickhouse"} 3
otelcol_receiver_refused_spans{receiver="otlp",transport="grpc"} 4
otelcol_receiver_refused_spans{receiver="otlp",transport="http"} 5
otelcol_receiver_failed_spans{receiver="otlp",transport="http"} 6
"#;

    #[test]
    fn each_signal_has_its_own_figures() {
        let traces = read(Signal::Traces, METRICS);
        let expected = Flow {
            signal: Signal::Traces,
            queued_bytes: 963_367_641,
            queue_capacity_bytes: 1 << 30,
            stored: 75,
            lost: 3,
            refused: 15,
        };
        assert_eq!(traces, expected);
        assert_eq!(traces.fullness(), 89);
        assert_eq!(read(Signal::Logs, METRICS).queued_bytes, 7);
        assert_eq!(read(Signal::Metrics, METRICS).fullness(), 0);
    }

    #[test]
    fn a_queue_without_a_signal_is_that_of_all() {
        let metrics = "otelcol_exporter_queue_size 3\notelcol_exporter_queue_capacity 4\n";
        for signal in Signal::ALL {
            assert_eq!(read(signal, metrics).fullness(), 75);
        }
    }

    /// A collector that gives one of `answers` after the other, and the last for ever.
    async fn collector(answers: &'static [&'static str]) -> Endpoints {
        let asked = Arc::new(AtomicUsize::new(0));
        let route = axum::routing::get(async move || {
            let index = asked.fetch_add(1, Ordering::Relaxed);
            answers[index.min(answers.len() - 1)]
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = axum::serve(listener, axum::Router::new().route("/metrics", route));
        tokio::spawn(served.into_future());
        Endpoints {
            collector_metrics: Some(port),
            ..Endpoints::default()
        }
    }

    async fn obstructed(answers: &'static [&'static str]) -> Option<String> {
        let endpoints = collector(answers).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let flows = flows(&http, &endpoints).await.unwrap();
        obstruction(&http, &endpoints, &flows).await
    }

    #[tokio::test]
    async fn a_queue_is_obstructed_that_nothing_leaves_or_that_is_nearly_full() {
        const WAITS: &str = "otelcol_exporter_queue_size{data_type=\"logs\"} 7\n\
                             otelcol_exporter_sent_log_records 2";
        const MOVES: &str = "otelcol_exporter_queue_size{data_type=\"logs\"} 9\n\
                             otelcol_exporter_sent_log_records 3";
        const EMPTY: &str = "otelcol_exporter_queue_size{data_type=\"logs\"} 0";
        assert_eq!(
            obstructed(&[WAITS]).await.as_deref(),
            Some("logs: what waits in the queue is not being stored")
        );
        assert_eq!(obstructed(&[WAITS, WAITS, MOVES]).await, None);
        assert_eq!(obstructed(&[WAITS, EMPTY]).await, None);
        assert_eq!(
            obstructed(&[METRICS]).await.as_deref(),
            Some("the queue of traces is 89 % full")
        );
    }
}
