//! What runs, as the Docker engine tells.

use std::time::Duration;

use bollard::models::ContainerStateStatusEnum;

use super::{DockerEngine, DockerError};
use crate::docker::{Connection, ContainerReport};
use crate::error::Error;
use crate::stack::{RunState, Service, ServiceStatus, StackStatus, resident_bytes};

/// How long a service may take to say that it is ready, if it is.
const PROBE_PATIENCE: Duration = Duration::from_millis(500);

/// The port in the container and the path at which each service answers without credentials.
const fn sign_of_life(service: Service) -> (u16, &'static str) {
    match service {
        Service::Collector => (13133, "/"),
        Service::Clickhouse => (8123, "/ping"),
        Service::Grafana => (3000, "/api/health"),
    }
}

impl DockerEngine {
    pub(super) async fn look(&self) -> StackStatus {
        let connection = match self.connection().await {
            Ok(connection) => connection,
            Err(error) => return unknown(&error.into()),
        };
        let reports = match connection.reports(self.project.name()).await {
            Ok(reports) => reports,
            Err(error) => {
                let endpoint = connection.endpoint.clone();
                return unknown(&DockerError::Unobservable(endpoint, error).into());
            }
        };
        let services = Service::ALL.map(|service| {
            let report = reports.iter().find(|it| it.service == service.as_str());
            service_status(connection, service, report)
        });
        let services = futures_util::future::join_all(services).await;
        StackStatus {
            state: overall(&services, !reports.is_empty()),
            reason: None,
            container_engine: Some(format!(
                "Docker Engine {} (API {}) at {}",
                connection.engine_version, connection.api, connection.endpoint
            )),
            services,
        }
    }
}

fn unknown(error: &Error) -> StackStatus {
    let mut reason = vec![error.to_string()];
    reason.extend(error.causes());
    StackStatus {
        state: RunState::Unknown,
        reason: Some(reason.join(": ")),
        container_engine: None,
        services: Vec::new(),
    }
}

/// The state of the whole: that of its services, if it is the same.
fn overall(services: &[ServiceStatus], any: bool) -> RunState {
    let has = |state| services.iter().any(|service| service.state == state);
    let all = |state| services.iter().all(|service| service.state == state);
    if !any || all(RunState::NotRunning) {
        RunState::NotRunning
    } else if has(RunState::NotRunning) {
        RunState::Partial
    } else if has(RunState::Restarting) {
        RunState::Restarting
    } else if has(RunState::Starting) {
        RunState::Starting
    } else {
        RunState::Running
    }
}

async fn service_status(
    connection: &Connection,
    service: Service,
    report: Option<&ContainerReport>,
) -> ServiceStatus {
    let Some(report) = report else {
        return ServiceStatus {
            service,
            state: RunState::NotRunning,
            version: None,
            pid: None,
            since: None,
            memory_bytes: None,
            restarts: 0,
            last_exit: None,
        };
    };
    let state = match report.state {
        ContainerStateStatusEnum::RUNNING if answers(connection, service, report).await => {
            RunState::Running
        }
        ContainerStateStatusEnum::RUNNING => RunState::Starting,
        ContainerStateStatusEnum::RESTARTING => RunState::Restarting,
        ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::STOPPING => {
            RunState::Stopping
        }
        _ => RunState::NotRunning,
    };
    let memory_bytes = match report.pid {
        None => None,
        Some(pid) if report.is_here => resident_bytes(pid),
        Some(_) => connection.memory(&report.name).await,
    };
    ServiceStatus {
        service,
        state,
        version: report.version.clone(),
        pid: report.pid,
        since: report.since,
        memory_bytes,
        restarts: report.restarts,
        last_exit: report.last_exit(),
    }
}

/// Whether a service answers. One that cannot be asked, as it is not published or runs on
/// another machine, is taken for one that does.
async fn answers(connection: &Connection, service: Service, report: &ContainerReport) -> bool {
    let (port, path) = sign_of_life(service);
    let Some(address) = report.published_at(port) else {
        return true;
    };
    if !connection.endpoint.address.is_local() {
        return true;
    }
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(PROBE_PATIENCE)
        .build()
        .expect("without TLS, nothing has to be loaded");
    let answer = http.get(format!("http://{address}{path}")).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use RunState::{NotRunning, Partial, Restarting, Running, Starting};

    #[test]
    fn a_stack_of_which_a_part_has_ended_runs_partly() {
        let of = |states: &[RunState]| {
            let services: Vec<_> = states
                .iter()
                .zip(Service::ALL)
                .map(|(&state, service)| ServiceStatus {
                    service,
                    state,
                    version: None,
                    pid: None,
                    since: None,
                    memory_bytes: None,
                    restarts: 0,
                    last_exit: None,
                })
                .collect();
            overall(&services, true)
        };
        assert_eq!(of(&[Running, Running, Running]), Running);
        assert_eq!(of(&[Running, NotRunning, Running]), Partial);
        assert_eq!(of(&[Running, Starting, Restarting]), Restarting);
        assert_eq!(of(&[Running, Starting, Running]), Starting);
        assert_eq!(of(&[NotRunning, NotRunning, NotRunning]), NotRunning);
    }
}
