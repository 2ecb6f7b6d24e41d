//! What the Docker engine can tell of itself and of its machine.

use bollard::models::ContainerStateStatusEnum;
use jiff::Timestamp;

use super::DockerEngine;
use crate::docker::{
    Connection, ContainerReport, Definition, LEAST_MEMORY, Machine, Observation, Published,
};
use crate::stack::{
    ClockReading, Desired, Examination, Finding, HeldPort, Holder, MemoryRoom, Room, Topic,
};

impl DockerEngine {
    pub(super) async fn examination(&self, desired: &Desired) -> Examination {
        let mut examination = Examination {
            refuses_long_trace_ids: true,
            ..Examination::default()
        };
        let connection = match self.connection().await {
            Ok(connection) => connection,
            Err(error) => {
                let finding = Finding::of_failure(Topic::Engine, "Docker", &error);
                examination.findings.push(finding);
                return examination;
            }
        };
        examination.is_remote = !connection.endpoint.address.is_local();
        let definition = self.definition(desired).map_err(|error| {
            let finding = Finding::problem(Topic::Engine, "Compose file", error.to_string());
            Finding {
                fix: error.hint(),
                ..finding
            }
        });
        let before = Timestamp::now().as_millisecond();
        let machine = connection.machine().await;
        let after = Timestamp::now().as_millisecond();
        match machine {
            Ok(machine) => {
                examination.findings.push(identity(connection, &machine));
                examination.clock = machine
                    .time_ms
                    .map(|shown| ClockReading::between(before, shown, after));
                let limits = definition.as_ref().map_or(0, Definition::memory_limit);
                examination.memory = machine.memory.map(|available| MemoryRoom {
                    of: "the Docker engine",
                    available,
                    least: LEAST_MEMORY,
                    most: limits.max(LEAST_MEMORY),
                    limits: "`TELEMETRY_MEMORY_LIMIT`, `TELEMETRY_COLLECTOR_MEMORY_LIMIT` and \
                             `TELEMETRY_GRAFANA_MEMORY_LIMIT`",
                });
                examination.rooms = machine
                    .root
                    .into_iter()
                    .map(|directory| Room {
                        directory,
                        holds: "Docker's images and volumes",
                    })
                    .collect();
            }
            Err(error) => examination.findings.push(Finding::problem(
                Topic::Engine,
                "Docker",
                format!(
                    "the engine at {} does not answer: {error}",
                    connection.endpoint
                ),
            )),
        }
        match definition {
            Ok(definition) => {
                let observed = self.observe(connection, &definition).await;
                if let Ok(observation) = observed {
                    examination.ports = self.held_ports(&observation);
                }
                let reports = connection.reports(self.project.name()).await;
                let findings = reports.unwrap_or_default();
                examination
                    .findings
                    .extend(versions(&definition, &findings));
            }
            Err(finding) => examination.findings.push(finding),
        }
        examination
    }

    fn held_ports(&self, observation: &Observation) -> Vec<HeldPort> {
        observation
            .published
            .iter()
            .map(|published| HeldPort {
                port: published.port,
                holder: self.holder(published),
            })
            .collect()
    }

    fn holder(&self, published: &Published) -> Holder {
        let Published {
            container,
            project,
            by_this_program,
            ..
        } = published;
        match project {
            Some(project) if project == self.project.name() => Holder::ThisStack,
            Some(project) => Holder::Other {
                who: format!("container `{container}` of project `{project}`"),
                fix: Some(if *by_this_program {
                    format!("`telemetry stop --project {project}` stops it")
                } else {
                    format!("`docker compose -p {project} stop` stops it")
                }),
            },
            None => Holder::Other {
                who: format!("container `{container}`"),
                fix: Some(format!("`docker stop {container}` stops it")),
            },
        }
    }

    /// The containers and volumes of the project; nothing where no engine answers.
    pub(super) async fn what_remains(&self) -> Vec<String> {
        let Ok(connection) = self.connection().await else {
            return Vec::new();
        };
        let Ok(observation) = self.observe(connection, &Definition::default()).await else {
            return Vec::new();
        };
        let is_ours = |project: &Option<String>| project.as_deref() == Some(self.project.name());
        let observed = observation.observed;
        let containers = observed.containers.into_iter();
        let containers = containers
            .filter(|it| is_ours(&it.project))
            .map(|it| format!("container `{}`", it.name));
        let volumes = observed.volumes.into_iter();
        let volumes = volumes
            .filter(|it| is_ours(&it.project))
            .map(|it| format!("volume `{}`", it.name));
        containers.chain(volumes).collect()
    }
}

fn identity(connection: &Connection, machine: &Machine) -> Finding {
    let kinds: Vec<_> = machine
        .kinds
        .iter()
        .copied()
        .chain(
            machine
                .system
                .as_deref()
                .filter(|system| !machine.kinds.contains(system)),
        )
        .collect();
    let of = if kinds.is_empty() {
        String::new()
    } else {
        format!(" ({})", kinds.join(", "))
    };
    Finding::ok(
        Topic::Engine,
        "Docker",
        format!(
            "version {}, API {}{of} at {}",
            connection.engine_version, connection.api, connection.endpoint
        ),
    )
}

/// The version of each service's image that runs, against the one that is pinned.
fn versions<'a>(
    definition: &'a Definition,
    reports: &'a [ContainerReport],
) -> impl Iterator<Item = Finding> + 'a {
    reports.iter().filter_map(|report| {
        let mut wanted = definition.stack.containers.iter();
        let wanted = wanted.find(|it| it.service == report.service)?;
        let runs = report.state == ContainerStateStatusEnum::RUNNING;
        let is_so = report.image.as_deref() == Some(wanted.image.as_str());
        let subject = &report.service;
        let version = report.version.as_deref().unwrap_or("of no version");
        Some(if is_so {
            Finding::ok(Topic::Versions, subject, version)
        } else {
            let image = report.image.as_deref().unwrap_or("unknown");
            let verb = if runs { "runs" } else { "has" };
            let found = format!("{verb} image `{image}`, not `{}`", wanted.image);
            Finding::note(Topic::Versions, subject, found)
                .mended_by("`telemetry restart` brings it to that one")
        })
    })
}
