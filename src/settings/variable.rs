//! Every environment variable that sets something, in one place.

/// A setting, named by the environment variable that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// `TELEMETRY_PROJECT`: which stack is meant.
    Project,
    /// `TELEMETRY_ENGINE`: what runs the stack.
    Engine,
    /// `TELEMETRY_HOST`: the address the stack listens on.
    Host,
    /// `TELEMETRY_OTLP_HTTP_PORT`: the port of OTLP over HTTP.
    OtlpHttpPort,
    /// `TELEMETRY_OTLP_GRPC_PORT`: the port of OTLP over gRPC.
    OtlpGrpcPort,
    /// `TELEMETRY_CLICKHOUSE_PORT`: the port of ClickHouse's HTTP interface.
    ClickhousePort,
    /// `TELEMETRY_CLICKHOUSE_NATIVE_PORT`: the port of ClickHouse's own protocol.
    ClickhouseNativePort,
    /// `TELEMETRY_DASHBOARD_PORT`: the port of the dashboards.
    DashboardPort,
    /// `TELEMETRY_HEALTH_PORT`: the port of the collector's health check.
    HealthPort,
    /// `TELEMETRY_COLLECTOR_METRICS_PORT`: the port of the collector's metrics of itself.
    CollectorMetricsPort,
    /// `CLICKHOUSE_USER`: the name of the ClickHouse user with all rights.
    ClickhouseUser,
    /// `CLICKHOUSE_PASSWORD`: that user's password.
    ClickhousePassword,
    /// `CLICKHOUSE_INGEST_PASSWORD`: the password of `ingest`, who may insert only.
    ClickhouseIngestPassword,
    /// `CLICKHOUSE_GRAFANA_PASSWORD`: the password of `grafana`, who may read only.
    ClickhouseGrafanaPassword,
    /// `GF_SECURITY_ADMIN_PASSWORD`: the password of the dashboards' administrator.
    GrafanaAdminPassword,
    /// `ENVIRONMENT`: the environment of telemetry that names none.
    Environment,
    /// `TELEMETRY_RETENTION_DAYS`: how many days telemetry is kept.
    RetentionDays,
    /// `TELEMETRY_MEMORY_LIMIT`: the most memory that ClickHouse may use.
    MemoryLimit,
    /// `TELEMETRY_CPU_LIMIT`: how many processors ClickHouse's container may use; 0 is all.
    CpuLimit,
    /// `TELEMETRY_COLLECTOR_MEMORY_LIMIT`: the most memory that the collector's container may use.
    CollectorMemoryLimit,
    /// `TELEMETRY_GRAFANA_MEMORY_LIMIT`: the most memory that Grafana's container may use.
    GrafanaMemoryLimit,
    /// `TELEMETRY_ALERT_WEBHOOK`: the URL that Grafana sends alerts to.
    AlertWebhook,
    /// `TELEMETRY_ALERT_WEBHOOK_TYPE`: whose URL that is.
    AlertWebhookType,
    /// `TELEMETRY_GRAFANA_PLUGIN`: an archive of the plugin that Grafana would fetch.
    GrafanaPlugin,
    /// `TELEMETRY_IMAGE_REGISTRY`: the registry that images are pulled from.
    ImageRegistry,
    /// `TELEMETRY_OVERRIDE`: a Compose file that changes the containers.
    Override,
    /// `TELEMETRY_DATA_DIR`: where stacks keep their data.
    DataDir,
    /// `TELEMETRY_ENGINE_LIBRARY`: the chDB library to use instead of a fetched one.
    EngineLibrary,
}

impl Variable {
    /// Every setting, in the order in which `telemetry config` shows them.
    pub const ALL: [Self; 28] = [
        Self::Project,
        Self::Engine,
        Self::Host,
        Self::OtlpHttpPort,
        Self::OtlpGrpcPort,
        Self::ClickhousePort,
        Self::ClickhouseNativePort,
        Self::DashboardPort,
        Self::HealthPort,
        Self::CollectorMetricsPort,
        Self::ClickhouseUser,
        Self::ClickhousePassword,
        Self::ClickhouseIngestPassword,
        Self::ClickhouseGrafanaPassword,
        Self::GrafanaAdminPassword,
        Self::Environment,
        Self::RetentionDays,
        Self::MemoryLimit,
        Self::CpuLimit,
        Self::CollectorMemoryLimit,
        Self::GrafanaMemoryLimit,
        Self::AlertWebhook,
        Self::AlertWebhookType,
        Self::GrafanaPlugin,
        Self::ImageRegistry,
        Self::Override,
        Self::DataDir,
        Self::EngineLibrary,
    ];

    /// The variable's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "TELEMETRY_PROJECT",
            Self::Engine => "TELEMETRY_ENGINE",
            Self::Host => "TELEMETRY_HOST",
            Self::OtlpHttpPort => "TELEMETRY_OTLP_HTTP_PORT",
            Self::OtlpGrpcPort => "TELEMETRY_OTLP_GRPC_PORT",
            Self::ClickhousePort => "TELEMETRY_CLICKHOUSE_PORT",
            Self::ClickhouseNativePort => "TELEMETRY_CLICKHOUSE_NATIVE_PORT",
            Self::DashboardPort => "TELEMETRY_DASHBOARD_PORT",
            Self::HealthPort => "TELEMETRY_HEALTH_PORT",
            Self::CollectorMetricsPort => "TELEMETRY_COLLECTOR_METRICS_PORT",
            Self::ClickhouseUser => "CLICKHOUSE_USER",
            Self::ClickhousePassword => "CLICKHOUSE_PASSWORD",
            Self::ClickhouseIngestPassword => "CLICKHOUSE_INGEST_PASSWORD",
            Self::ClickhouseGrafanaPassword => "CLICKHOUSE_GRAFANA_PASSWORD",
            Self::GrafanaAdminPassword => "GF_SECURITY_ADMIN_PASSWORD",
            Self::Environment => "ENVIRONMENT",
            Self::RetentionDays => "TELEMETRY_RETENTION_DAYS",
            Self::MemoryLimit => "TELEMETRY_MEMORY_LIMIT",
            Self::CpuLimit => "TELEMETRY_CPU_LIMIT",
            Self::CollectorMemoryLimit => "TELEMETRY_COLLECTOR_MEMORY_LIMIT",
            Self::GrafanaMemoryLimit => "TELEMETRY_GRAFANA_MEMORY_LIMIT",
            Self::AlertWebhook => "TELEMETRY_ALERT_WEBHOOK",
            Self::AlertWebhookType => "TELEMETRY_ALERT_WEBHOOK_TYPE",
            Self::GrafanaPlugin => "TELEMETRY_GRAFANA_PLUGIN",
            Self::ImageRegistry => "TELEMETRY_IMAGE_REGISTRY",
            Self::Override => "TELEMETRY_OVERRIDE",
            Self::DataDir => "TELEMETRY_DATA_DIR",
            Self::EngineLibrary => "TELEMETRY_ENGINE_LIBRARY",
        }
    }

    /// The setting of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|variable| variable.name() == name)
    }

    /// The flag that sets it too, where there is one.
    pub const fn flag(self) -> Option<&'static str> {
        Some(match self {
            Self::Project => "--project",
            Self::Engine => "--engine",
            Self::Host => "--host",
            Self::OtlpHttpPort => "--otlp-http-port",
            Self::OtlpGrpcPort => "--otlp-grpc-port",
            Self::ClickhousePort => "--clickhouse-port",
            Self::DashboardPort => "--dashboard-port",
            Self::HealthPort => "--health-port",
            Self::RetentionDays => "--retention-days",
            Self::Override => "--override",
            _ => return None,
        })
    }

    /// The value where nothing sets it; `None` where it depends on the machine, or is unset.
    pub const fn default_value(self) -> Option<&'static str> {
        Some(match self {
            Self::Project | Self::ClickhouseUser => "telemetry",
            Self::Engine => "auto",
            Self::Host => "127.0.0.1",
            Self::OtlpHttpPort => "4318",
            Self::OtlpGrpcPort => "4317",
            Self::ClickhousePort => "8123",
            Self::ClickhouseNativePort => "9000",
            Self::DashboardPort => "3000",
            Self::HealthPort => "13133",
            Self::CollectorMetricsPort => "8888",
            Self::ClickhousePassword => "telemetry_password",
            Self::ClickhouseIngestPassword => "ingest_password",
            Self::ClickhouseGrafanaPassword => "grafana_password",
            Self::GrafanaAdminPassword => "admin",
            Self::Environment => "development",
            Self::RetentionDays => "90",
            Self::MemoryLimit => "1GiB",
            Self::CpuLimit => "0",
            Self::CollectorMemoryLimit | Self::GrafanaMemoryLimit => "512MiB",
            Self::AlertWebhookType => "webhook",
            Self::ImageRegistry => "docker.io",
            Self::AlertWebhook
            | Self::GrafanaPlugin
            | Self::Override
            | Self::DataDir
            | Self::EngineLibrary => {
                return None;
            }
        })
    }

    /// Whether its value must not be shown.
    pub const fn is_secret(self) -> bool {
        matches!(
            self,
            Self::ClickhousePassword
                | Self::ClickhouseIngestPassword
                | Self::ClickhouseGrafanaPassword
                | Self::GrafanaAdminPassword
                // Whoever knows it may post there.
                | Self::AlertWebhook
        )
    }

    /// Whether `start` writes it down, so that later commands need not be told again.
    ///
    /// The others say where that is written, or how the program itself is set up.
    pub const fn is_recorded(self) -> bool {
        !matches!(self, Self::Project | Self::DataDir | Self::EngineLibrary)
    }
}

/// What a variable of the environment is called that this program does not know but that looks
/// as if it were meant for it; with the name that was probably meant.
pub fn misspelt(name: &str) -> Option<(&str, Option<&'static str>)> {
    if !name.starts_with("TELEMETRY_") || Variable::from_name(name).is_some() {
        return None;
    }
    Some((name, nearest(name)))
}

/// The documented name that a misspelt one probably means.
fn nearest(name: &str) -> Option<&'static str> {
    Variable::ALL
        .into_iter()
        .map(|variable| (edit_distance(name, variable.name()), variable.name()))
        .min()
        .filter(|&(distance, _)| distance <= 3)
        .map(|(_, known)| known)
}

/// Levenshtein distance in bytes, which for these names are characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut current = vec![i + 1];
        for (j, y) in b.bytes().enumerate() {
            let substituted = previous[j] + usize::from(x != y);
            current.push(substituted.min(previous[j + 1] + 1).min(current[j] + 1));
        }
        previous = current;
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_reported_with_the_one_that_was_meant() {
        assert_eq!(
            misspelt("TELEMETRY_RETENTION_DAY"),
            Some(("TELEMETRY_RETENTION_DAY", Some("TELEMETRY_RETENTION_DAYS")))
        );
        assert_eq!(
            misspelt("TELEMETRY_COLOUR_SCHEME"),
            Some(("TELEMETRY_COLOUR_SCHEME", None))
        );
        assert_eq!(misspelt("TELEMETRY_HOST"), None);
        assert_eq!(misspelt("OTEL_SERVICE_NAME"), None);
    }

    #[test]
    fn every_setting_is_found_by_its_name_and_listed_once() {
        for variable in Variable::ALL {
            assert_eq!(Variable::from_name(variable.name()), Some(variable));
        }
        assert!(Variable::ALL.is_sorted_by(|a, b| a < b));
    }
}
