//! Settings: their names, their values, and where each value came from.
//!
//! [`Layers`] collects them as text, weakest first: defaults < `.env` < environment < flags.
//! What a running stack was started with comes in above `.env`, so that commands work from any
//! directory without being told again. [`Settings`] is what the text means.

mod dotenv;
mod error;
mod layers;
mod values;
mod variable;

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

pub use error::SettingsError;
pub use layers::{Layers, Origin, Raw, Recorded};
pub use values::{EngineChoice, MemorySize, ProjectName, Secret};
pub use variable::{Variable, misspelt};

use crate::stack::{Credentials, Desired, Endpoint, Endpoints, Project};

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// Every setting.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which stack is meant.
    pub project: Setting<ProjectName>,
    /// What shall run the stack.
    pub engine: Setting<EngineChoice>,
    /// The address the stack listens on.
    pub host: Setting<IpAddr>,
    /// The port of OTLP over HTTP.
    pub otlp_http_port: Setting<u16>,
    /// The port of OTLP over gRPC.
    pub otlp_grpc_port: Setting<u16>,
    /// The port of ClickHouse's HTTP interface.
    pub clickhouse_port: Setting<u16>,
    /// The port of ClickHouse's own protocol.
    pub clickhouse_native_port: Setting<u16>,
    /// The port of the dashboards.
    pub dashboard_port: Setting<u16>,
    /// The port of the collector's health check.
    pub health_port: Setting<u16>,
    /// The port of the collector's metrics of itself.
    pub collector_metrics_port: Setting<u16>,
    /// The name of the ClickHouse user with all rights.
    pub clickhouse_user: Setting<String>,
    /// That user's password.
    pub clickhouse_password: Setting<Secret>,
    /// The password of `ingest`, who may insert only.
    pub clickhouse_ingest_password: Setting<Secret>,
    /// The password of `grafana`, who may read only.
    pub clickhouse_grafana_password: Setting<Secret>,
    /// The password of the dashboards' administrator.
    pub grafana_admin_password: Setting<Secret>,
    /// The environment of telemetry that names none.
    pub environment: Setting<String>,
    /// How many days telemetry is kept.
    pub retention_days: Setting<u32>,
    /// The most memory that ClickHouse may use.
    pub memory_limit: Setting<MemorySize>,
    /// How many processors ClickHouse's container may use; 0 is all.
    pub cpu_limit: Setting<String>,
    /// The most memory that the collector's container may use.
    pub collector_memory_limit: Setting<MemorySize>,
    /// The most memory that Grafana's container may use.
    pub grafana_memory_limit: Setting<MemorySize>,
    /// The URL that Grafana sends alerts to.
    pub alert_webhook: Option<Setting<Secret>>,
    /// Whose URL that is.
    pub alert_webhook_type: Setting<String>,
    /// An archive of the plugin that Grafana would fetch; absolute.
    pub grafana_plugin: Option<Setting<PathBuf>>,
    /// The registry that images are pulled from.
    pub image_registry: Setting<String>,
    /// A Compose file that changes the containers; absolute.
    pub override_file: Option<Setting<PathBuf>>,
    /// Where stacks keep their data; absolute.
    pub data_dir: Setting<PathBuf>,
    /// The chDB library to use instead of a fetched one; absolute.
    pub engine_library: Option<Setting<PathBuf>>,
    layers: Layers,
}

/// What relative and missing paths are completed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The directory the command was given in.
    pub current_dir: PathBuf,
    /// Where data is kept when nothing says otherwise; `None` if there is no home directory.
    pub data_dir: Option<PathBuf>,
}

impl Settings {
    /// Understands what the layers say.
    ///
    /// # Errors
    ///
    /// When a value is not one that its setting can have.
    pub fn resolve(layers: Layers, places: &Places) -> Result<Self, SettingsError> {
        let read = Reader { layers: &layers };
        let path = |text: &str| Ok::<_, &str>(places.current_dir.join(text));
        let settings = Self {
            project: read.text(Variable::Project, ProjectName::from_str)?,
            engine: read.text(Variable::Engine, EngineChoice::from_str)?,
            host: read.text(Variable::Host, values::host)?,
            otlp_http_port: read.text(Variable::OtlpHttpPort, values::port)?,
            otlp_grpc_port: read.text(Variable::OtlpGrpcPort, values::port)?,
            clickhouse_port: read.text(Variable::ClickhousePort, values::port)?,
            clickhouse_native_port: read.text(Variable::ClickhouseNativePort, values::port)?,
            dashboard_port: read.text(Variable::DashboardPort, values::port)?,
            health_port: read.text(Variable::HealthPort, values::port)?,
            collector_metrics_port: read.text(Variable::CollectorMetricsPort, values::port)?,
            clickhouse_user: read.text(Variable::ClickhouseUser, values::user)?,
            clickhouse_password: read.text(Variable::ClickhousePassword, Secret::from_str)?,
            clickhouse_ingest_password: read
                .text(Variable::ClickhouseIngestPassword, Secret::from_str)?,
            clickhouse_grafana_password: read
                .text(Variable::ClickhouseGrafanaPassword, Secret::from_str)?,
            grafana_admin_password: read.text(Variable::GrafanaAdminPassword, Secret::from_str)?,
            environment: read.text(Variable::Environment, String::from_str)?,
            retention_days: read.text(Variable::RetentionDays, values::days)?,
            memory_limit: read.text(Variable::MemoryLimit, MemorySize::from_str)?,
            cpu_limit: read.text(Variable::CpuLimit, values::cpus)?,
            collector_memory_limit: read
                .text(Variable::CollectorMemoryLimit, MemorySize::from_str)?,
            grafana_memory_limit: read.text(Variable::GrafanaMemoryLimit, MemorySize::from_str)?,
            alert_webhook: read.optional(Variable::AlertWebhook, values::webhook)?,
            alert_webhook_type: read.text(Variable::AlertWebhookType, values::webhook_type)?,
            grafana_plugin: read.optional(Variable::GrafanaPlugin, path)?,
            image_registry: read.text(Variable::ImageRegistry, values::registry)?,
            override_file: read.optional(Variable::Override, path)?,
            data_dir: match read.optional(Variable::DataDir, path)? {
                Some(data_dir) => data_dir,
                None => Setting {
                    value: places.data_dir.clone().ok_or(SettingsError::NoHome)?,
                    origin: Origin::Default,
                },
            },
            engine_library: read.optional(Variable::EngineLibrary, path)?,
            layers,
        };
        settings.check_ports()?;
        Ok(settings)
    }

    /// Two endpoints cannot be on one port.
    fn check_ports(&self) -> Result<(), SettingsError> {
        let ports = [
            (Variable::OtlpHttpPort, self.otlp_http_port.value),
            (Variable::OtlpGrpcPort, self.otlp_grpc_port.value),
            (Variable::ClickhousePort, self.clickhouse_port.value),
            (Variable::DashboardPort, self.dashboard_port.value),
            (Variable::HealthPort, self.health_port.value),
        ];
        for (index, (variable, port)) in ports.into_iter().enumerate() {
            if let Some((other, _)) = ports[..index].iter().find(|(_, taken)| *taken == port) {
                let problem = format!("`{}` is the same port", other.name());
                return Err(self.layers.invalid(variable, &problem));
            }
        }
        Ok(())
    }

    /// The stack that is meant.
    pub fn project(&self) -> Project {
        Project::new(&self.data_dir.value, self.project.value.as_str())
    }

    /// Where the stack is reached, if it offers everything.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints {
            host: self.host.value,
            otlp_http: self.otlp_http_port.value,
            otlp_grpc: self.otlp_grpc_port.value,
            clickhouse_http: self.clickhouse_port.value,
            health: self.health_port.value,
            clickhouse_native: Some(self.clickhouse_native_port.value),
            dashboards: self.dashboard_port.value,
            collector_metrics: Some(self.collector_metrics_port.value),
        }
    }

    /// What the stack should be like on an engine that offers these endpoints.
    pub fn desired(&self, offered: impl Fn(Endpoint) -> bool) -> Desired {
        let password = |setting: &Setting<Secret>| setting.value.expose().to_owned();
        Desired {
            endpoints: self.endpoints().only(offered),
            credentials: Credentials {
                user: self.clickhouse_user.value.clone(),
                password: password(&self.clickhouse_password),
                ingest_password: password(&self.clickhouse_ingest_password),
                grafana_password: password(&self.clickhouse_grafana_password),
            },
            environment: self.environment.value.clone(),
            retention_days: self.retention_days.value,
            memory_limit: self.memory_limit.value.bytes(),
            variables: self.variables(),
            override_file: self.override_file.as_ref().map(|it| it.value.clone()),
        }
    }

    /// Every setting by its name, in a form that every reader understands alike.
    fn variables(&self) -> BTreeMap<String, String> {
        let texts = self
            .layers
            .iter()
            .map(|(variable, raw)| (variable, raw.text.clone()));
        let understood = [
            (Variable::Host, self.host.value.to_string()),
            (
                Variable::MemoryLimit,
                self.memory_limit.value.bytes().to_string(),
            ),
            (
                Variable::CollectorMemoryLimit,
                self.collector_memory_limit.value.bytes().to_string(),
            ),
            (
                Variable::GrafanaMemoryLimit,
                self.grafana_memory_limit.value.bytes().to_string(),
            ),
            (Variable::ImageRegistry, self.image_registry.value.clone()),
        ];
        let plugin = self.path(Variable::GrafanaPlugin);
        let plugin = plugin.map(|it| (Variable::GrafanaPlugin, shown(&it.value)));
        texts
            .chain(understood)
            .chain(plugin)
            .map(|(variable, text)| (variable.name().to_owned(), text))
            .collect()
    }

    /// Refuses to be reachable from other machines with a password that everybody knows.
    ///
    /// # Errors
    ///
    /// When it would be.
    pub fn check_exposure(&self) -> Result<(), SettingsError> {
        let host = self.host.value;
        let passwords = self.default_passwords();
        if host.is_loopback() || passwords.is_empty() {
            return Ok(());
        }
        Err(SettingsError::DefaultPassword { host, passwords })
    }

    /// The passwords that everybody knows.
    pub fn default_passwords(&self) -> Vec<Variable> {
        [
            (Variable::ClickhousePassword, &self.clickhouse_password),
            (
                Variable::ClickhouseIngestPassword,
                &self.clickhouse_ingest_password,
            ),
            (
                Variable::ClickhouseGrafanaPassword,
                &self.clickhouse_grafana_password,
            ),
            (Variable::GrafanaAdminPassword, &self.grafana_admin_password),
        ]
        .into_iter()
        .filter(|(variable, setting)| variable.default_value() == Some(setting.value.expose()))
        .map(|(variable, _)| variable)
        .collect()
    }

    /// What `start` writes down for later commands. It holds passwords.
    pub fn to_recorded(&self) -> Recorded {
        self.layers
            .iter()
            .filter(|(variable, _)| variable.is_recorded())
            .map(|(variable, raw)| {
                // From another directory, a relative path would be another one.
                let path = self.path(variable).map(|path| shown(&path.value));
                let text = path.unwrap_or_else(|| raw.text.clone());
                (variable.name().to_owned(), text)
            })
            .collect()
    }

    /// A setting that is a path.
    fn path(&self, variable: Variable) -> Option<&Setting<PathBuf>> {
        match variable {
            Variable::DataDir => Some(&self.data_dir),
            Variable::GrafanaPlugin => self.grafana_plugin.as_ref(),
            Variable::Override => self.override_file.as_ref(),
            Variable::EngineLibrary => self.engine_library.as_ref(),
            _ => None,
        }
    }

    /// Every setting as it is shown: its value, masked if it is a secret, and where that came
    /// from. What has no value is left out.
    pub fn shown(&self) -> impl Iterator<Item = (Variable, String, &Origin)> {
        Variable::ALL.into_iter().filter_map(|variable| {
            if let Some(path) = self.path(variable) {
                return Some((variable, shown(&path.value), &path.origin));
            }
            let raw = self.layers.get(variable)?;
            let text = if variable.is_secret() {
                values::MASK.to_owned()
            } else {
                raw.text.clone()
            };
            Some((variable, text, &raw.origin))
        })
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Reads single settings out of the layers.
struct Reader<'l> {
    layers: &'l Layers,
}

impl Reader<'_> {
    fn optional<T, E: fmt::Display>(
        &self,
        variable: Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<Setting<T>>, SettingsError> {
        let Some(raw) = self.layers.get(variable) else {
            return Ok(None);
        };
        match parse(&raw.text) {
            Ok(value) => Ok(Some(Setting {
                value,
                origin: raw.origin.clone(),
            })),
            Err(problem) => Err(self.layers.invalid(variable, &problem)),
        }
    }

    /// A setting that has a default.
    fn text<T, E: fmt::Display>(
        &self,
        variable: Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Setting<T>, SettingsError> {
        let setting = self.optional(variable, parse)?;
        Ok(setting.expect("the layers begin with the defaults"))
    }
}

impl Places {
    /// The places of this process.
    pub fn of_this_process() -> Self {
        use etcetera::BaseStrategy as _;
        let data_dir = etcetera::choose_base_strategy()
            .ok()
            .map(|strategy| strategy.data_dir().join("telemetry"));
        Self {
            current_dir: std::env::current_dir().unwrap_or_else(|_| Path::new("/").to_owned()),
            data_dir,
        }
    }
}

#[cfg(test)]
mod tests;
