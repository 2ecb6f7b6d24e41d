//! Stacks that others made with Compose and that keep telemetry in a ClickHouse, such as that of
//! the Makefile project, which this program replaces.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bollard::models::{ContainerSummary, Volume};
use bollard::query_parameters::{ListContainersOptions, ListVolumesOptions};

use super::desired::{FINGERPRINT, PROJECT, TEMPORARY, VOLUME};
use super::observe::{label, name, state};
use super::{Connection, ContainerState};

/// What the Compose file of the Makefile project calls the volume of its ClickHouse.
const CLICKHOUSE_DATA: &str = "clickhouse-data";

/// The other volume that it has.
const GRAFANA_DATA: &str = "grafana-data";

/// A volume that every stack of this program has, and no other.
const OUR_OWN: &str = "collector-queue";

/// The name of the Makefile project's stack: that of the directory its Compose file is in.
const MAKEFILE_PROJECT: &str = "infra";

/// What the names of the Makefile project's containers begin with.
const MAKEFILE_CONTAINERS: &str = "automagik-";

/// The port of ClickHouse's HTTP interface.
const HTTP_PORT: u16 = 8123;

/// A stack that has a volume of ClickHouse's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldStack {
    /// Its project in Compose.
    pub project: String,
    /// The volume with its telemetry.
    pub volume: String,
    /// The names of its containers that run.
    pub running: Vec<String>,
    /// The container that has the volume now, if one that runs does.
    pub clickhouse: Option<RunningClickhouse>,
    made_by_makefile: bool,
    made_by_this_program: bool,
}

/// A container that runs on a volume of ClickHouse's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningClickhouse {
    /// Its name.
    pub container: String,
    /// Whether it does anything: its processes may be held.
    pub state: ContainerState,
    /// Where its HTTP interface is published, if it is.
    pub http: Option<SocketAddr>,
}

/// Whether a container is the Makefile project's.
pub(super) fn is_of_makefile_project(container: &str, project: Option<&str>) -> bool {
    container.starts_with(MAKEFILE_CONTAINERS) || project == Some(MAKEFILE_PROJECT)
}

impl Connection {
    /// The stacks of the Makefile project.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn old_stacks(&self) -> Result<Vec<OldStack>, bollard::errors::Error> {
        let mut stacks = self.stacks_with_clickhouse().await?;
        stacks.retain(|stack| stack.made_by_makefile && !stack.made_by_this_program);
        Ok(stacks)
    }

    /// Every stack that has a volume of ClickHouse's, whoever made it, by project.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn stacks_with_clickhouse(&self) -> Result<Vec<OldStack>, bollard::errors::Error> {
        let all = ListContainersOptions {
            all: true,
            ..ListContainersOptions::default()
        };
        let containers = self.list_containers(all);
        let volumes = self.docker.list_volumes(None::<ListVolumesOptions>);
        let (containers, volumes) = tokio::try_join!(containers, volumes)?;
        Ok(stacks(&containers, &volumes.volumes.unwrap_or_default()))
    }

    /// The variables that a container was made with.
    ///
    /// # Errors
    ///
    /// When there is no such container, or the engine does not answer.
    pub async fn environment_of(
        &self,
        container: &str,
    ) -> Result<HashMap<String, String>, bollard::errors::Error> {
        let inspected = self.inspect_container(container).await?;
        let variables = inspected.config.and_then(|config| config.env);
        let variables = variables.into_iter().flatten();
        Ok(variables
            .filter_map(|variable| {
                let (name, value) = variable.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect())
    }
}

fn stacks(containers: &[ContainerSummary], volumes: &[Volume]) -> Vec<OldStack> {
    let mut stacks: Vec<_> = volumes
        .iter()
        .filter(|volume| !volume.labels.contains_key(TEMPORARY))
        .filter_map(|volume| Some((project_of(volume, CLICKHOUSE_DATA)?, &volume.name)))
        .map(|(project, volume)| OldStack::new(project, volume, containers, volumes))
        .collect();
    stacks.sort_by(|a, b| a.project.cmp(&b.project));
    stacks
}

/// The project of a volume that its Compose file calls `key`; `None` if that calls it otherwise.
/// Without labels, its name tells.
fn project_of(volume: &Volume, key: &str) -> Option<String> {
    match label(&volume.labels, VOLUME) {
        Some(called) if called == key => label(&volume.labels, PROJECT),
        Some(_) => None,
        None => {
            let project = volume.name.strip_suffix(key)?.strip_suffix('_')?;
            (!project.is_empty()).then(|| project.to_owned())
        }
    }
}

impl OldStack {
    fn new(
        project: String,
        volume: &str,
        containers: &[ContainerSummary],
        volumes: &[Volume],
    ) -> Self {
        let has_volume = |container: &&ContainerSummary| {
            let mut mounts = container.mounts.iter().flatten();
            mounts.any(|mount| mount.name.as_deref() == Some(volume))
        };
        let is_its = |container: &&ContainerSummary| {
            let labels = container.labels.as_ref();
            let of = labels.and_then(|labels| label(labels, PROJECT));
            of.as_ref() == Some(&project) || has_volume(container)
        };
        let its: Vec<_> = containers.iter().filter(is_its).collect();
        let is_up = |container: &&&ContainerSummary| state(container.state).is_up();
        let mut running: Vec<_> = its.iter().filter(is_up).filter_map(|it| name(it)).collect();
        running.sort();
        let clickhouse = its.iter().filter(is_up).find(|it| has_volume(it));
        let labelled = |it: &&ContainerSummary| {
            let labels = it.labels.as_ref();
            labels.is_some_and(|labels| labels.contains_key(FINGERPRINT))
        };
        let has_other = |key: &str| {
            let mut owners = volumes.iter().filter_map(|volume| project_of(volume, key));
            owners.any(|owner| owner == project)
        };
        let is_makefiles = |it: &ContainerSummary| {
            name(it).is_some_and(|name| name.starts_with(MAKEFILE_CONTAINERS))
        };
        Self {
            volume: volume.to_owned(),
            running,
            clickhouse: clickhouse.and_then(|it| RunningClickhouse::new(it)),
            made_by_makefile: project == MAKEFILE_PROJECT && has_other(GRAFANA_DATA)
                || its.iter().any(|it| is_makefiles(it)),
            made_by_this_program: its.iter().any(labelled) || has_other(OUR_OWN),
            project,
        }
    }
}

impl RunningClickhouse {
    fn new(container: &ContainerSummary) -> Option<Self> {
        let ports = container.ports.iter().flatten();
        let mut http = ports.filter(|port| port.private_port == HTTP_PORT);
        let http = http.find_map(|port| reached_at(port.ip.as_deref()?, port.public_port?));
        Some(Self {
            container: name(container)?,
            state: state(container.state),
            http,
        })
    }
}

/// Where this machine reaches a port that is published on an address; every address is its own,
/// too.
pub(super) fn reached_at(address: &str, port: u16) -> Option<SocketAddr> {
    let address = match address.parse().ok()? {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, labels: &[(&str, &str)]) -> Volume {
        let labels = labels.iter();
        Volume {
            name: name.to_owned(),
            labels: labels
                .map(|&(label, value)| (label.to_owned(), value.to_owned()))
                .collect(),
            ..Volume::default()
        }
    }

    fn container(name: &str, state: &str, rest: &str) -> ContainerSummary {
        let text = format!(r#"{{"Id": "1", "Names": ["/{name}"], "State": "{state}"{rest}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    const OF_INFRA: &str = r#", "Labels": {"com.docker.compose.project": "infra"}"#;

    #[test]
    fn a_volume_is_known_by_its_labels_or_without_any_by_its_name() {
        let volumes = [
            volume("infra_clickhouse-data", &[]),
            volume("custom", &[(PROJECT, "shop"), (VOLUME, CLICKHOUSE_DATA)]),
            volume("x_clickhouse-data", &[(PROJECT, "x"), (VOLUME, "other")]),
            volume("t_clickhouse-data", &[(TEMPORARY, "/data/telemetry")]),
            volume("clickhouse-data", &[]),
            volume("infra_grafana-data", &[]),
        ];
        let found = stacks(&[], &volumes);
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.project.as_str(), it.volume.as_str()))
            .collect();
        assert_eq!(
            found,
            [("infra", "infra_clickhouse-data"), ("shop", "custom")]
        );
    }

    #[test]
    fn the_makefile_projects_is_known_by_its_project_or_its_containers() {
        let volumes = [
            volume("infra_clickhouse-data", &[]),
            volume("infra_grafana-data", &[]),
            volume("copy_clickhouse-data", &[]),
            volume("other_clickhouse-data", &[]),
        ];
        let mounts = r#", "Mounts": [{"Type": "volume", "Name": "copy_clickhouse-data"}]"#;
        let containers = [container("automagik-clickhouse", "exited", mounts)];
        let found = stacks(&containers, &volumes);
        let made: Vec<_> = found
            .iter()
            .map(|it| (it.project.as_str(), it.made_by_makefile))
            .collect();
        assert_eq!(made, [("copy", true), ("infra", true), ("other", false)]);
        let made = stacks(&[], &volumes[..1])[0].made_by_makefile;
        assert!(!made, "others call their project so, too");
    }

    #[test]
    fn a_stack_of_this_program_is_not_the_makefile_projects_whatever_it_is_called() {
        let data = volume("infra_clickhouse-data", &[]);
        let queue = volume("infra_collector-queue", &[]);
        let found = stacks(&[], &[data.clone(), queue]);
        assert!(found[0].made_by_this_program);
        let labels =
            r#", "Labels": {"com.docker.compose.project": "infra", "telemetry.fingerprint": "f"}"#;
        let found = stacks(
            &[container("infra-clickhouse-1", "running", labels)],
            &[data],
        );
        assert!(found[0].made_by_this_program);
    }

    #[test]
    fn what_runs_on_the_volume_is_told_with_where_it_is_reached() {
        let rest = format!(
            r#"{OF_INFRA}, "Mounts": [{{"Type": "volume", "Name": "infra_clickhouse-data"}}],
            "Ports": [{{"IP": "0.0.0.0", "PrivatePort": 8123, "PublicPort": 18123, "Type": "tcp"}},
                      {{"PrivatePort": 9000, "Type": "tcp"}}]"#
        );
        let containers = [
            container("automagik-grafana", "running", OF_INFRA),
            container("automagik-collector", "exited", OF_INFRA),
            container("automagik-clickhouse", "running", &rest),
        ];
        let found = stacks(&containers, &[volume("infra_clickhouse-data", &[])]);
        assert_eq!(
            found[0].running,
            ["automagik-clickhouse", "automagik-grafana"]
        );
        let expected = RunningClickhouse {
            container: "automagik-clickhouse".to_owned(),
            state: ContainerState::Running,
            http: Some("127.0.0.1:18123".parse().unwrap()),
        };
        assert_eq!(found[0].clickhouse, Some(expected));
    }
}
