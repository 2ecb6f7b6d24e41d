//! Flags that set settings.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{EngineChoice, Variable};

/// Flags that set settings. Their values are understood with all others, so that each mistake
/// is reported in one way.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// What runs the stack: `auto`, `docker` or `embedded` [default: auto]
    #[arg(long, value_enum, hide_possible_values = true)]
    pub engine: Option<EngineChoice>,
    /// Address to listen on; any but a loopback address needs passwords of your own
    /// [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<String>,
    /// Port of OTLP over HTTP [default: 4318]
    #[arg(long, value_name = "PORT")]
    pub otlp_http_port: Option<String>,
    /// Port of OTLP over gRPC [default: 4317]
    #[arg(long, value_name = "PORT")]
    pub otlp_grpc_port: Option<String>,
    /// Port of ClickHouse over HTTP [default: 8123]
    #[arg(long, value_name = "PORT")]
    pub clickhouse_port: Option<String>,
    /// Port of the dashboards [default: 3000]
    #[arg(long, value_name = "PORT")]
    pub dashboard_port: Option<String>,
    /// Port of the health check [default: 13133]
    #[arg(long, value_name = "PORT")]
    pub health_port: Option<String>,
    /// Days that telemetry is kept [default: 90]
    #[arg(long, value_name = "DAYS")]
    pub retention_days: Option<String>,
    /// Compose file that changes the containers, for the Docker engine
    #[arg(long = "override", value_name = "FILE")]
    pub override_file: Option<PathBuf>,
}

impl SettingsArgs {
    /// The settings that were given.
    pub fn flags(&self) -> Vec<(Variable, String)> {
        let engine = self.engine.map(|engine| engine.as_str().to_owned());
        // It is recorded, and must mean the same to commands that are given elsewhere.
        let override_file = self.override_file.as_ref().map(|path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            path.display().to_string()
        });
        [
            (Variable::Engine, &engine),
            (Variable::Host, &self.host),
            (Variable::OtlpHttpPort, &self.otlp_http_port),
            (Variable::OtlpGrpcPort, &self.otlp_grpc_port),
            (Variable::ClickhousePort, &self.clickhouse_port),
            (Variable::DashboardPort, &self.dashboard_port),
            (Variable::HealthPort, &self.health_port),
            (Variable::RetentionDays, &self.retention_days),
            (Variable::Override, &override_file),
        ]
        .into_iter()
        .filter_map(|(variable, text)| Some((variable, text.clone()?)))
        .collect()
    }
}
