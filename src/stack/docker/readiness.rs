//! When a service is ready: it does its work, as seen from this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use super::DockerError;
use crate::clickhouse::Client;
use crate::clickhouse::schema;
use crate::docker::{Connection, Definition};
use crate::error::Error;
use crate::output::Printer;
use crate::settings::Variable;
use crate::stack::{Desired, Endpoint, Service};

/// How long it is from the first probe to the second.
const FIRST_INTERVAL: Duration = Duration::from_millis(20);

/// How long it is at most from one probe to the next.
const LAST_INTERVAL: Duration = Duration::from_millis(400);

/// How long one probe may take.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

/// What the data source of the dashboards is called in Grafana.
const DATA_SOURCE: &str = "telemetry";

/// How Grafana is told the password that it was given as a file.
const RESET_ADMIN_PASSWORD: &str = "grafana cli admin reset-admin-password \
     --password-from-stdin < /run/secrets/grafana-admin-password";

/// Knows how each service of a stack is asked whether it is ready.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    http: reqwest::Client,
    clickhouse: Client,
    desired: Desired,
    patience: Duration,
    connection: Connection,
    /// The name of Grafana's container.
    grafana: Option<String>,
    printer: Arc<Printer>,
}

impl Probes {
    pub(super) fn new(
        desired: &Desired,
        patience: Duration,
        connection: &Connection,
        definition: &Definition,
        printer: &Arc<Printer>,
    ) -> Self {
        // What is on this machine is never behind a proxy.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PROBE_PATIENCE)
            .build()
            .expect("without TLS, nothing has to be loaded");
        let credentials = &desired.credentials;
        // A migration may take longer than any probe.
        let unhurried = reqwest::Client::builder().no_proxy().build();
        let clickhouse = Client::new(
            unhurried.expect("without TLS, nothing has to be loaded"),
            desired.endpoints.url(Endpoint::ClickhouseHttp),
            &credentials.user,
            &credentials.password,
        );
        Self {
            http,
            clickhouse,
            desired: desired.clone(),
            patience,
            connection: connection.clone(),
            grafana: definition.stack.containers.iter().find_map(|container| {
                let is_it = container.service == Service::Grafana.as_str();
                is_it.then(|| container.name.clone())
            }),
            printer: Arc::clone(printer),
        }
    }

    /// Waits until a service is ready; `None` if this does not know the service. ClickHouse is
    /// ready when it has the schema.
    pub(super) fn until_ready(
        &self,
        service: &str,
    ) -> Option<BoxFuture<'static, Result<(), Error>>> {
        let service = Service::ALL.into_iter().find(|it| it.as_str() == service)?;
        let probes = self.clone();
        Some(Box::pin(async move {
            probes.until_answering(service).await?;
            match service {
                Service::Clickhouse => {
                    let parameters = schema::Parameters {
                        retention_days: probes.desired.retention_days,
                        environment: &probes.desired.environment,
                    };
                    schema::apply(&probes.clickhouse, &parameters).await?;
                }
                Service::Grafana => probes.ensure_admin_password().await,
                Service::Collector => {}
            }
            Ok(())
        }))
    }

    async fn until_answering(&self, service: Service) -> Result<(), DockerError> {
        let deadline = Instant::now() + self.patience;
        let mut interval = FIRST_INTERVAL;
        loop {
            let Err(reason) = self.probe(service).await else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                let patience = self.patience;
                return Err(DockerError::NotReady { patience, reason });
            }
            tokio::time::sleep(interval).await;
            interval = (interval * 3 / 2).min(LAST_INTERVAL);
        }
    }

    async fn probe(&self, service: Service) -> Result<(), String> {
        match service {
            Service::Clickhouse => {
                let query = self.clickhouse.query("SELECT 1").database("default");
                let done = query.timeout(PROBE_PATIENCE).execute().await;
                done.map(drop).map_err(|error| error.to_string())
            }
            Service::Collector => {
                let url = self.desired.endpoints.url(Endpoint::Health);
                self.get(&url, "Server available").await
            }
            Service::Grafana => self.probe_grafana().await,
        }
    }

    /// Grafana is up before its data source is: that needs a plugin, and ClickHouse.
    async fn probe_grafana(&self) -> Result<(), String> {
        let url = self.desired.endpoints.url(Endpoint::Dashboards);
        self.get(&format!("{url}/api/health"), "\"database\"")
            .await?;
        match self.data_source_status().await {
            Ok(401 | 403 | 200..=299) => Ok(()),
            Ok(status) => Err(format!("its data source fails with HTTP status {status}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What Grafana answers who is to be its administrator and asks whether the data source works.
    async fn data_source_status(&self) -> reqwest::Result<u16> {
        let url = self.desired.endpoints.url(Endpoint::Dashboards);
        let request = self
            .http
            .get(format!("{url}/api/datasources/uid/{DATA_SOURCE}/health"))
            .basic_auth("admin", self.admin_password());
        Ok(request.send().await?.status().as_u16())
    }

    fn admin_password(&self) -> Option<&str> {
        let variable = Variable::GrafanaAdminPassword.name();
        self.desired.variables.get(variable).map(String::as_str)
    }

    /// Sees that the administrator's password is the one that is set. Grafana takes it from its
    /// environment only while its volume is new. Whoever sets none may have changed it in Grafana
    /// itself, where it stays what it is.
    async fn ensure_admin_password(&self) {
        let is_set = self.admin_password() != Variable::GrafanaAdminPassword.default_value();
        let (true, Some(container)) = (is_set, &self.grafana) else {
            return;
        };
        if !matches!(self.data_source_status().await, Ok(401)) {
            return;
        }
        let command = ["sh", "-c", RESET_ADMIN_PASSWORD];
        match self.connection.exec(container, &command).await {
            Ok(()) => self
                .printer
                .status("Changed the password of Grafana's `admin`"),
            Err(error) => self.printer.warn(format!(
                "the password of Grafana's `admin` is not the one that is set: {error}"
            )),
        }
    }

    async fn get(&self, url: &str, sign: &str) -> Result<(), String> {
        let told = |error: reqwest::Error| {
            let mut innermost: &dyn std::error::Error = &error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            innermost.to_string()
        };
        let response = self.http.get(url).send().await.map_err(told)?;
        let status = response.status();
        let body = response.text().await.map_err(told)?;
        if status.is_success() && body.contains(sign) {
            return Ok(());
        }
        Err(format!("HTTP status {status} from {url}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_source_is_the_one_that_is_provisioned() {
        let provisioned =
            include_str!("../../../assets/grafana/provisioning/datasources/telemetry.yaml");
        let uids = provisioned.lines().map(str::trim);
        let mut uids = uids.filter_map(|line| line.strip_prefix("uid: "));
        assert_eq!(uids.next(), Some(DATA_SOURCE));
    }
}
