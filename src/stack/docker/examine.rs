//! What the Docker engine can tell of itself and of its machine.

use jiff::Timestamp;

use super::DockerEngine;
use crate::docker::plan::{PullPolicy, converge};
use crate::docker::{
    Connection, ContainerReport, Definition, LEAST_MEMORY, Machine, Observation, Observed,
    Published,
};
use crate::stack::{
    ClockReading, Desired, Examination, Finding, HeldPort, Holder, MemoryRoom, Room, Topic,
};

/// What the findings call it.
const DOCKER: &str = "Docker";

impl DockerEngine {
    pub(super) async fn examination(&self, desired: &Desired) -> Examination {
        let mut examination = Examination {
            refuses_long_trace_ids: true,
            ..Examination::default()
        };
        match self.connection().await {
            Ok(connection) => {
                examination.is_remote = !connection.endpoint.address.is_local();
                examine_machine(connection, &mut examination).await;
                self.examine_stack(connection, desired, &mut examination)
                    .await;
            }
            Err(error) => {
                let finding = Finding::of_failure(Topic::Engine, DOCKER, &error);
                examination.findings.push(finding);
            }
        }
        examination
    }

    async fn examine_stack(
        &self,
        connection: &Connection,
        desired: &Desired,
        examination: &mut Examination,
    ) {
        let definition = match self.definition(desired) {
            Ok(definition) => definition,
            Err(error) => {
                let finding = Finding::of_error(Topic::Engine, "Compose file", &error);
                return examination.findings.push(finding);
            }
        };
        if let Some(memory) = &mut examination.memory {
            memory.most = memory.most.max(definition.memory_limit());
        }
        let name = self.project.name();
        let (observation, reports) = tokio::join!(
            self.observe(connection, &definition),
            connection.reports(name)
        );
        let reports = reports.unwrap_or_default();
        examination.findings.extend(versions(&definition, &reports));
        let Ok(observation) = observation else {
            return;
        };
        examination.ports = self.held_ports(&observation);
        examination.is_exposed = observation
            .published
            .iter()
            .any(|it| it.is_exposed && it.project.as_deref() == Some(name));
        if !reports.is_empty() {
            examination
                .findings
                .extend(drift(&observation.observed, &definition));
        }
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

/// What the engine says of itself and of its machine.
async fn examine_machine(connection: &Connection, examination: &mut Examination) {
    let before = Timestamp::now().as_millisecond();
    let machine = connection.machine().await;
    let after = Timestamp::now().as_millisecond();
    let machine = match machine {
        Ok(machine) => machine,
        Err(error) => {
            let found = format!(
                "the engine at {} does not answer: {error}",
                connection.endpoint
            );
            let finding = Finding::problem(Topic::Engine, DOCKER, found)
                .mended_by("`docker info` shows whether it works");
            return examination.findings.push(finding);
        }
    };
    examination.findings.push(identity(connection, &machine));
    if !machine.limits_memory {
        let found = "it cannot limit the memory of containers, so `TELEMETRY_MEMORY_LIMIT` and its \
                     like have no effect";
        examination.findings.push(
            Finding::note(Topic::Engine, DOCKER, found)
                .mended_by("enable the memory controller of its machine's control groups"),
        );
    }
    examination.clock = machine
        .time_ms
        .map(|shown| ClockReading::between(before, shown, after));
    examination.memory = machine.memory.map(|available| MemoryRoom {
        of: "the Docker engine",
        available,
        least: LEAST_MEMORY,
        most: LEAST_MEMORY,
        limits: "`TELEMETRY_MEMORY_LIMIT`, `TELEMETRY_COLLECTOR_MEMORY_LIMIT` and \
                 `TELEMETRY_GRAFANA_MEMORY_LIMIT`",
    });
    let root = machine.root.into_iter();
    examination.rooms = root
        .map(|directory| Room {
            directory,
            holds: "Docker's images and volumes",
        })
        .collect();
}

fn identity(connection: &Connection, machine: &Machine) -> Finding {
    let system = machine.system.as_deref();
    let system = system.filter(|system| !machine.kinds.contains(system));
    let kinds: Vec<_> = machine.kinds.iter().copied().chain(system).collect();
    let kinds = match kinds.as_slice() {
        [] => String::new(),
        kinds => format!(" ({})", kinds.join(", ")),
    };
    let found = format!(
        "version {}, API {}{kinds} at {}",
        connection.engine_version, connection.api, connection.endpoint
    );
    Finding::ok(Topic::Engine, DOCKER, found)
}

/// The version of each service's image that runs, against the one that is pinned.
fn versions(definition: &Definition, reports: &[ContainerReport]) -> Vec<Finding> {
    let finding = |report: &ContainerReport| {
        let mut wanted = definition.stack.containers.iter();
        let wanted = wanted.find(|it| it.service == report.service)?;
        let has = report.image.as_deref().unwrap_or("unknown");
        let subject = &report.service;
        if has == wanted.image {
            let version = report.version.as_deref().unwrap_or(has);
            return Some(Finding::ok(Topic::Versions, subject, version));
        }
        let found = format!("has image `{has}`, not `{}`", wanted.image);
        let fix = "`telemetry update` brings it to that one";
        Some(Finding::note(Topic::Versions, subject, found).mended_by(fix))
    };
    reports.iter().filter_map(finding).collect()
}

/// What differs between the containers and their definition.
fn drift(observed: &Observed, definition: &Definition) -> Option<Finding> {
    let subject = "containers";
    let plan = match converge(observed, &definition.stack, PullPolicy::Missing) {
        Ok(plan) => plan,
        Err(error) => return Some(Finding::of_failure(Topic::Versions, subject, &error)),
    };
    if plan.is_empty() {
        return None;
    }
    let found = "not as this `telemetry` and its settings define them";
    let fix = "`telemetry restart` makes them so, and with `--dry-run` shows why and how";
    Some(Finding::note(Topic::Versions, subject, found).mended_by(fix))
}
