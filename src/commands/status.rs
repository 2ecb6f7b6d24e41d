//! `telemetry status`.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use indicatif::{BinaryBytes, HumanDuration};
use jiff::Timestamp;
use serde::Serialize;

use super::choose;
use crate::{
    context::Context,
    error::Result,
    output::{Output, Screen, Table},
    stack::{Endpoint, EngineKind, ProjectError, RunState, Service, ServiceStatus},
};

/// What runs, where it listens, and how it is.
#[derive(Debug, Serialize)]
struct Report {
    project: String,
    engine: EngineKind,
    state: RunState,
    /// Why the state is not known, or another remark.
    reason: Option<String>,
    /// Which Docker engine runs it, and why that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    container_engine: Option<String>,
    /// When it was last started, if it ever was.
    started_at: Option<Timestamp>,
    services: Vec<ServiceStatus>,
    endpoints: Vec<EndpointReport>,
    data_directory: PathBuf,
    /// 0 if there is no such directory.
    data_bytes: u64,
    /// What else holds data, such as volumes.
    further_data: Vec<String>,
    #[serde(skip)]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct EndpointReport {
    endpoint: Endpoint,
    service: Service,
    url: String,
}

/// Runs the command.
pub(super) async fn run(context: &Context) -> Result<()> {
    let project = context.settings.project();
    let kind = match &context.record {
        Some(record) => record.engine,
        // The one that `start` would take.
        None => choose::choose(context).await.kind,
    };
    let engine = context.engine_of(kind);
    let status = engine.status().await;
    let data_bytes = if project.exists()? {
        project
            .size_on_disk()
            .map_err(|error| ProjectError::Io(project.root().to_owned(), error))?
    } else {
        0
    };
    let further_data = match status.state {
        RunState::Unknown => Vec::new(),
        _ => engine.data().await.unwrap_or_default(),
    };
    let endpoints = match &context.record {
        // What it was started with; the environment may say otherwise by now.
        Some(record) if status.state != RunState::NotRunning => record.endpoints,
        _ => {
            let endpoints = context.settings.endpoints();
            endpoints.only(|endpoint| kind.offers(endpoint))
        }
    };
    let next = match status.state {
        RunState::NotRunning => Some(format!("`{}` starts it", context.command("start"))),
        RunState::Partial => Some(format!(
            "`{}` starts what is missing",
            context.command("start")
        )),
        RunState::Restarting => Some(format!(
            "`{}` shows what happened",
            context.command("logs --tail 50")
        )),
        _ => None,
    };
    if let Some(container_engine) = &status.container_engine {
        context.printer.detail(container_engine);
    }
    context.printer.print(&Report {
        project: project.name().to_owned(),
        engine: kind,
        state: status.state,
        reason: status.reason,
        container_engine: status.container_engine,
        started_at: context.record.as_ref().map(|record| record.started_at),
        services: status.services,
        endpoints: endpoints
            .offered()
            .map(|endpoint| EndpointReport {
                endpoint,
                service: endpoint.service(),
                url: endpoints.url(endpoint),
            })
            .collect(),
        data_directory: project.root().to_owned(),
        data_bytes,
        further_data,
        next,
    })
}

impl Report {
    fn summary(&self) -> Table {
        let state = match &self.reason {
            Some(reason) => format!("{}: {reason}", self.state),
            None => self.state.to_string(),
        };
        let directory = match self.data_bytes {
            0 => None,
            bytes => Some(format!(
                "{} ({})",
                self.data_directory.display(),
                BinaryBytes(bytes)
            )),
        };
        let mut data = directory.into_iter().chain(self.further_data.clone());
        let mut table = Table::new(["Project", &self.project]);
        table.row(["Engine", &self.engine.to_string()]);
        table.row(["State", &state]);
        table.row(["Data", data.next().as_deref().unwrap_or("none")]);
        for further in data {
            table.row(["", &further]);
        }
        table
    }

    fn services(&self) -> Table {
        let titles = [
            "Service", "State", "Version", "PID", "Uptime", "Memory", "Restarts", "Endpoint", "URL",
        ];
        let mut table = Table::new(titles).right(3).right(5).right(6);
        for status in &self.services {
            let offered = self
                .endpoints
                .iter()
                .filter(|endpoint| endpoint.service == status.service);
            for (index, endpoint) in offered.enumerate() {
                let first = if index == 0 {
                    account(status)
                } else {
                    Default::default()
                };
                let offer = [endpoint.endpoint.label().to_owned(), endpoint.url.clone()];
                table.row(first.into_iter().chain(offer));
            }
        }
        table
    }
}

/// What is known of a service, as the first cells of its row.
fn account(status: &ServiceStatus) -> [String; 7] {
    const UNKNOWN: &str = "-";
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
    let uptime = status.since.map(|since| {
        let elapsed = Timestamp::now().duration_since(since);
        let elapsed = Duration::try_from(elapsed).unwrap_or_default();
        HumanDuration(elapsed).to_string()
    });
    let memory = status
        .memory_bytes
        .map(|bytes| BinaryBytes(bytes).to_string());
    [
        status.service.to_string(),
        status.state.to_string(),
        or_unknown(status.version.clone()),
        or_unknown(status.pid.map(|pid| pid.to_string())),
        or_unknown(uptime),
        or_unknown(memory),
        status.restarts.to_string(),
    ]
}

impl Output for Report {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        screen.table(&self.summary())?;
        if self.state != RunState::NotRunning && !self.services.is_empty() {
            writeln!(screen)?;
            screen.table(&self.services())?;
        }
        if let Some(next) = &self.next {
            writeln!(screen)?;
            writeln!(screen, "{next}")?;
        }
        Ok(())
    }
}
