//! What the server process needs to know. It is handed over on its standard input, so that
//! passwords show neither in a process list nor in an environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the server process needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSpec {
    /// The chDB library.
    pub library: PathBuf,
    /// Where to listen.
    pub listen: Listen,
    /// Who may do what.
    pub credentials: Credentials,
    /// What the dashboards ask for before they show anything; nothing where everybody knows it.
    pub dashboard_password: Option<String>,
    /// The environment of telemetry that does not name one.
    pub environment: String,
    /// How many days telemetry is kept.
    pub retention_days: u32,
    /// The most memory that the engine may use, in bytes.
    pub memory_limit: u64,
}

/// The addresses that the server listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// OTLP over HTTP.
    pub otlp_http: SocketAddr,
    /// OTLP over gRPC.
    pub otlp_grpc: SocketAddr,
    /// ClickHouse's HTTP interface.
    pub clickhouse_http: SocketAddr,
    /// The dashboards.
    pub dashboards: SocketAddr,
    /// The health check.
    pub health: SocketAddr,
}

/// The users of ClickHouse's HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The name of the user with all rights.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The password of `ingest`, who may insert only.
    pub ingest_password: String,
    /// The password of `grafana`, who may read only.
    pub grafana_password: String,
}

impl ServerSpec {
    /// The specification as one line.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("strings and numbers serialise");
        line.push(b'\n');
        line
    }
}
