//! The health endpoint: what the collector's `health_check` extension answers, and the counters
//! that the collector offers elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::embedded::receiver::Metrics;

/// The content type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long requests under way may take once the endpoint is closed.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Says how the server is.
pub struct Health {
    up_since: Timestamp,
    started: Instant,
    /// Cancelled when the server drains, or when a part of it is lost.
    unavailable: CancellationToken,
    metrics: Arc<Metrics>,
}

/// The extension's answer: Go's JSON of a time and of a duration.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: &'static str,
    up_since: Timestamp,
    uptime: String,
}

impl Health {
    /// The health of a server that has begun to serve just now, until `unavailable`.
    pub fn new(unavailable: CancellationToken, metrics: Arc<Metrics>) -> Self {
        Self {
            up_since: Timestamp::now(),
            started: Instant::now(),
            unavailable,
            metrics,
        }
    }

    /// Answers until `closed`.
    pub async fn serve(self, listener: TcpListener, closed: CancellationToken) {
        let routes = axum::Router::new()
            .route("/", get(availability))
            .route("/metrics", get(metrics))
            .with_state(Arc::new(self));
        let serving = axum::serve(listener, routes).with_graceful_shutdown({
            let closed = closed.clone();
            async move { closed.cancelled().await }
        });
        let cut_off = async {
            closed.cancelled().await;
            // A connection that is kept alive is not waited for.
            tokio::time::sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            _ = serving => {}
            () = cut_off => {}
        }
    }
}

async fn availability(State(health): State<Arc<Health>>) -> Response {
    if health.unavailable.is_cancelled() {
        let answer = Answer {
            status: "Server not available",
            // Go's zero time, which says that it is not up.
            up_since: Timestamp::from_second(-62_135_596_800).expect("the year 1 is in range"),
            uptime: String::new(),
        };
        return answer.with(StatusCode::SERVICE_UNAVAILABLE);
    }
    let answer = Answer {
        status: "Server available",
        up_since: health.up_since,
        uptime: go_duration(health.started.elapsed()),
    };
    answer.with(StatusCode::OK)
}

impl Answer {
    fn with(&self, status: StatusCode) -> Response {
        let json = serde_json::to_string(self).expect("strings and times serialise");
        (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
    }
}

async fn metrics(State(health): State<Arc<Health>>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, PROMETHEUS_TEXT)],
        health.metrics.render(),
    )
}

/// A duration as Go prints it, to the millisecond: `1h2m3.004s`.
fn go_duration(duration: Duration) -> String {
    let whole = duration.as_secs();
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    let seconds = f64::from(u32::try_from(whole % 60).expect("less than 60"))
        + f64::from(duration.subsec_millis()) / 1000.0;
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::receiver::Budget;

    #[test]
    fn durations_look_as_go_prints_them() {
        for (milliseconds, text) in [
            (0, "0s"),
            (1500, "1.5s"),
            (61_000, "1m1s"),
            (3_723_004, "1h2m3.004s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(milliseconds)), text);
        }
    }

    #[tokio::test]
    async fn a_server_that_drains_is_not_available() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (unavailable, closed) = (CancellationToken::new(), CancellationToken::new());
        let metrics = Arc::new(Metrics::new(Budget::new(1, Duration::ZERO)));
        let health = Health::new(unavailable.clone(), metrics);
        let serving = tokio::spawn(health.serve(listener, closed.clone()));

        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = async || {
            let response = client.get(&url).send().await.unwrap();
            let status = response.status().as_u16();
            let body: serde_json::Value =
                serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            (status, body)
        };
        let (status, body) = answer().await;
        assert_eq!((status, &body["status"]), (200, &"Server available".into()));
        assert!(body["uptime"].as_str().unwrap().ends_with('s'));

        unavailable.cancel();
        let (status, body) = answer().await;
        assert_eq!(status, 503);
        insta::assert_snapshot!(body, @r#"{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}"#);

        closed.cancel();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn the_counters_are_offered_to_prometheus() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        let metrics = Arc::new(Metrics::new(Budget::new(1000, Duration::ZERO)));
        let health = Health::new(CancellationToken::new(), metrics);
        tokio::spawn(health.serve(listener, CancellationToken::new()));

        let response = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(url)
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["content-type"], PROMETHEUS_TEXT);
        let page = response.text().await.unwrap();
        assert!(
            page.contains("otelcol_exporter_queue_capacity 1000"),
            "{page}"
        );
    }
}
