//! Probing the endpoints of a stack from outside, as its users reach them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tonic::{client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use super::{Endpoint, Endpoints};
use crate::clickhouse::Client;

/// How long one endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The path of the traces service in OTLP/gRPC.
const EXPORT_TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What was probed.
    pub endpoint: Endpoint,
    /// Where.
    pub url: String,
    /// What it was asked.
    pub question: &'static str,
    /// Whether it answered as it should.
    pub passed: bool,
    /// How long that took, in microseconds.
    pub latency_us: u64,
    /// Why it failed.
    pub reason: Option<String>,
}

/// Probes every endpoint, all at once. `clickhouse` knows the credentials to use there.
pub async fn probe_all(
    http: &reqwest::Client,
    endpoints: &Endpoints,
    clickhouse: &Client,
) -> Vec<Probe> {
    let probes = endpoints
        .offered()
        .map(|endpoint| probe(http, endpoints, clickhouse, endpoint));
    futures_util::future::join_all(probes).await
}

/// Probes one endpoint, which must be offered.
pub async fn probe(
    http: &reqwest::Client,
    endpoints: &Endpoints,
    clickhouse: &Client,
    endpoint: Endpoint,
) -> Probe {
    let url = endpoints.url(endpoint);
    let started = Instant::now();
    let answer = async {
        match endpoint {
            Endpoint::OtlpHttp => otlp_http(http, &url).await,
            Endpoint::OtlpGrpc => otlp_grpc(&url).await,
            Endpoint::ClickhouseHttp => select_one(clickhouse).await,
            Endpoint::ClickhouseNative => handshake(endpoints.address(endpoint), clickhouse).await,
            Endpoint::Dashboards => dashboards(http, &url).await,
            Endpoint::Health => health(http, &url).await,
            Endpoint::CollectorMetrics => collector_metrics(http, &url).await,
        }
    };
    let outcome = match tokio::time::timeout(PATIENCE, answer).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    };
    Probe {
        endpoint,
        question: question(endpoint),
        passed: outcome.is_ok(),
        latency_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        reason: outcome.err(),
        url,
    }
}

/// What a probe asks, in a few words.
const fn question(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::OtlpHttp | Endpoint::OtlpGrpc => "export of no spans",
        Endpoint::ClickhouseHttp => "SELECT 1",
        Endpoint::ClickhouseNative => "handshake",
        Endpoint::Dashboards => "GET /api/health",
        Endpoint::Health => "GET /",
        Endpoint::CollectorMetrics => "GET /metrics",
    }
}

/// An export request without anything in it is zero bytes of protobuf, and succeeds.
async fn otlp_http(http: &reqwest::Client, url: &str) -> Result<(), String> {
    let request = http
        .post(format!("{url}/v1/traces"))
        .header("content-type", "application/x-protobuf");
    answered(request).await.map(drop)
}

async fn otlp_grpc(url: &str) -> Result<(), String> {
    let endpoint = Channel::from_shared(url.to_owned()).map_err(|error| told(&error))?;
    let channel = endpoint.connect().await.map_err(|error| told(&error))?;
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|error| told(&error))?;
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let path = EXPORT_TRACES.parse().expect("it is a path");
    let answer = client.unary(tonic::Request::new(()), path, codec).await;
    answer
        .map(drop)
        .map_err(|status| format!("{}: {}", status.code(), status.message()))
}

async fn select_one(clickhouse: &Client) -> Result<(), String> {
    let query = clickhouse.query("SELECT 1").timeout(PATIENCE);
    let done = query.execute().await;
    done.map(drop).map_err(|error| told(&error))
}

async fn health(http: &reqwest::Client, url: &str) -> Result<(), String> {
    let body = answered(http.get(url)).await?;
    if body.contains("Server available") {
        return Ok(());
    }
    Err("what answers is not the collector's health check".to_owned())
}

/// A connection alone would say nothing: Docker takes it, whether or not somebody listens in the
/// container.
async fn handshake(address: SocketAddr, clickhouse: &Client) -> Result<(), String> {
    let shaken = clickhouse.handshake(address).await;
    shaken.map(drop).map_err(|error| told(&error))
}

/// Grafana's account of its health, or that of the page that stands in its place.
async fn dashboards(http: &reqwest::Client, url: &str) -> Result<(), String> {
    let body = answered(http.get(format!("{url}/api/health"))).await?;
    if body.contains("\"database\"") {
        return Ok(());
    }
    Err("what answers is neither Grafana nor the dashboard page".to_owned())
}

async fn collector_metrics(http: &reqwest::Client, url: &str) -> Result<(), String> {
    let body = answered(http.get(format!("{url}/metrics"))).await?;
    if body.contains("otelcol_") {
        return Ok(());
    }
    Err("what answers is not a collector".to_owned())
}

/// The body of an answer that is a success.
async fn answered(request: reqwest::RequestBuilder) -> Result<String, String> {
    let response = request
        .send()
        .await
        .map_err(|error| told(&error.without_url()))?;
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let first_line: String = body
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    Err(format!("HTTP status {status}: {first_line}"))
}

/// The last cause of an error, which says the most: "connection refused".
fn told(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_nobody_listens_every_probe_says_so() {
        let listeners: [std::net::TcpListener; 4] =
            std::array::from_fn(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [otlp_http, otlp_grpc, clickhouse_http, health] =
            listeners.map(|listener| listener.local_addr().unwrap().port());
        let endpoints = Endpoints {
            otlp_http,
            otlp_grpc,
            clickhouse_http,
            health,
            ..Endpoints::default()
        };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = endpoints.url(Endpoint::ClickhouseHttp);
        let clickhouse = Client::new(http.clone(), url, "telemetry", "");
        let probes = probe_all(&http, &endpoints, &clickhouse).await;
        assert_eq!(probes.len(), endpoints.offered().count());
        for probe in probes {
            let reason = probe.reason.unwrap_or_default();
            assert!(reason.contains("refused"), "{}: {reason}", probe.endpoint);
        }
    }
}
