//! How a stack's containers are: what each was told, does and uses.

use std::collections::HashMap;
use std::net::SocketAddr;

use bollard::models::{ContainerStateStatusEnum, ContainerStatsResponse, PortBinding};
use bollard::query_parameters::{ListContainersOptionsBuilder, StatsOptionsBuilder};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::Connection;
use super::desired::{PROJECT, SERVICE};
use super::observe::status;
use super::old_stack::reached_at;

type EngineError = bollard::errors::Error;

/// How a container is.
#[derive(Clone, Debug)]
pub struct ContainerReport {
    /// Its service.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Whether it runs, in the engine's words.
    pub state: ContainerStateStatusEnum,
    /// Its image, as it was named when the container was made.
    pub image: Option<String>,
    /// The version of its image: what its name ends with.
    pub version: Option<String>,
    /// Its first process, while it runs.
    pub pid: Option<u32>,
    /// Whether that process is this machine's, and not a virtual one's.
    pub is_here: bool,
    /// Since when it runs.
    pub since: Option<Timestamp>,
    /// How often the engine started it again.
    pub restarts: u32,
    /// How it last ended.
    exit: Option<(i64, bool)>,
    ports: HashMap<String, Option<Vec<PortBinding>>>,
}

impl ContainerReport {
    /// How it last ended, if it did.
    pub fn last_exit(&self) -> Option<String> {
        self.exit.map(|(code, out_of_memory)| {
            let why = if out_of_memory { ", out of memory" } else { "" };
            format!("exit status {code}{why}")
        })
    }

    /// Where this machine reaches its port.
    pub fn published_at(&self, port: u16) -> Option<SocketAddr> {
        let bindings = self.ports.get(&format!("{port}/tcp"))?.as_ref()?;
        let binding = bindings.first()?;
        let port = binding.host_port.as_deref()?.parse().ok()?;
        reached_at(binding.host_ip.as_deref()?, port)
    }
}

impl Connection {
    /// How each container of `project` is.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn reports(&self, project: &str) -> Result<Vec<ContainerReport>, EngineError> {
        let services = self.containers(project).await?;
        let reports = services
            .into_iter()
            .map(|(service, name)| self.report(service, name));
        Ok(try_join_all(reports).await?.into_iter().flatten().collect())
    }

    /// The services of `project` and their containers' names.
    pub(super) async fn containers(
        &self,
        project: &str,
    ) -> Result<Vec<(String, String)>, EngineError> {
        let label = format!("{PROJECT}={project}");
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&HashMap::from([("label", vec![label.as_str()])]))
            .build();
        let listed = self.list_containers(options).await?;
        let named = listed.into_iter().filter_map(|summary| {
            let name = summary.names?.into_iter().next()?;
            let service = summary.labels?.remove(SERVICE)?;
            Some((service, name.trim_start_matches('/').to_owned()))
        });
        Ok(named.collect())
    }

    /// `None` if the container is gone by now.
    async fn report(
        &self,
        service: String,
        name: String,
    ) -> Result<Option<ContainerReport>, EngineError> {
        let inspected = match self.inspect_container(&name).await {
            Ok(inspected) => inspected,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(error),
        };
        let state = inspected.state.unwrap_or_default();
        let runs = state.running == Some(true);
        let restarts = inspected.restart_count.unwrap_or_default();
        let ended = state.finished_at.as_deref().and_then(time);
        let pid = state.pid.and_then(|pid| u32::try_from(pid).ok());
        let pid = pid.filter(|pid| *pid != 0);
        let image = inspected.config.and_then(|config| config.image);
        Ok(Some(ContainerReport {
            service,
            name,
            state: state.status.unwrap_or(ContainerStateStatusEnum::EMPTY),
            version: image.as_deref().and_then(version).map(str::to_owned),
            image,
            is_here: pid.is_some_and(|pid| is_here(pid, &inspected.id.unwrap_or_default())),
            pid,
            since: state.started_at.as_deref().and_then(time).filter(|_| runs),
            restarts: u32::try_from(restarts).unwrap_or_default(),
            exit: ended.and_then(|_| Some((state.exit_code?, state.oom_killed == Some(true)))),
            ports: inspected
                .network_settings
                .and_then(|settings| settings.ports)
                .unwrap_or_default(),
        }))
    }

    /// The memory that a container uses, in bytes, without what the system only keeps in case it
    /// is read again; `None` if that cannot be told. Engines take a second for it.
    pub async fn memory(&self, name: &str) -> Option<u64> {
        let options = StatsOptionsBuilder::new()
            .stream(false)
            .one_shot(true)
            .build();
        let mut stats = std::pin::pin!(self.docker.stats(name, Some(options)));
        used(&stats.next().await?.ok()?)
    }
}

/// Whether a process of this machine is that of a container: its control group says so.
fn is_here(pid: u32, container: &str) -> bool {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"));
    groups.is_ok_and(|groups| !container.is_empty() && groups.contains(container))
}

/// As `docker stats` counts it: cgroups of version 1 and 2 name the file cache differently.
fn used(stats: &ContainerStatsResponse) -> Option<u64> {
    let memory = stats.memory_stats.as_ref()?;
    let detail = memory.stats.as_ref();
    let cache = detail.and_then(|detail| {
        let names = ["total_inactive_file", "inactive_file"];
        names.into_iter().find_map(|name| detail.get(name))
    });
    Some(
        memory
            .usage?
            .saturating_sub(cache.copied().unwrap_or_default()),
    )
}

/// The version of an image: the tag of its name.
pub fn version(image: &str) -> Option<&str> {
    let name = image.rsplit('/').next()?;
    let name = name.split('@').next()?;
    Some(name.split_once(':')?.1)
}

/// A time as the engine writes it; the year 1 is no time.
fn time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok()?;
    (time.as_second() > 0).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_tag() {
        for (image, expected) in [
            ("docker.io/grafana/grafana:13.2.3", Some("13.2.3")),
            ("127.0.0.1:5000/a/b:1@sha256:00", Some("1")),
            ("127.0.0.1:5000/a/b", None),
        ] {
            assert_eq!(version(image), expected, "{image}");
        }
    }

    #[test]
    fn what_the_system_would_give_back_is_not_used() {
        for cache in ["total_inactive_file", "inactive_file"] {
            let stats =
                format!(r#"{{"memory_stats": {{"usage": 100, "stats": {{"{cache}": 40}}}}}}"#);
            assert_eq!(used(&serde_json::from_str(&stats).unwrap()), Some(60));
        }
    }

    #[test]
    fn a_container_that_never_ended_has_no_time_for_it() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert!(time("2026-01-31T09:00:00.123456789Z").is_some());
    }
}
