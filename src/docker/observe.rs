//! Looking at the engine: what there is of a stack, and what else is there that matters to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{ListContainersOptions, ListNetworksOptions, ListVolumesOptions};
use futures_util::future::try_join_all;

use super::desired::{DEPENDS_ON, FINGERPRINT, PROJECT, SERVICE};
use super::{Connection, ContainerState, Observed, ObservedContainer, ObservedResource, old_stack};

/// A port that a container is published on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The port.
    pub port: u16,
    /// The container's name.
    pub container: String,
    /// The project that its label names.
    pub project: Option<String>,
    /// Whether this program made it.
    pub by_this_program: bool,
    /// Whether other machines may reach it.
    pub is_exposed: bool,
}

impl Published {
    /// Whether the container is the Makefile project's, which this program replaces.
    pub fn is_of_makefile_project(&self) -> bool {
        let project = self.project.as_deref();
        !self.by_this_program && old_stack::is_of_makefile_project(&self.container, project)
    }
}

/// One look at an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// What there is of the stack, and whatever has its names.
    pub observed: Observed,
    /// The ports that containers of any project are published on.
    pub published: Vec<Published>,
}

impl Connection {
    /// Looks at everything that matters to `project` with these images.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn observe(
        &self,
        project: &str,
        images: &BTreeSet<&str>,
    ) -> Result<Observation, bollard::errors::Error> {
        let all = ListContainersOptions {
            all: true,
            ..ListContainersOptions::default()
        };
        let containers = self.list_containers(all);
        let networks = self.docker.list_networks(None::<ListNetworksOptions>);
        let volumes = self.docker.list_volumes(None::<ListVolumesOptions>);
        let images = try_join_all(images.iter().map(|image| self.image(image)));
        let (containers, networks, volumes, images) =
            tokio::try_join!(containers, networks, volumes, images)?;
        let own = containers.iter().map(|it| self.published(it, project));
        let published = try_join_all(own).await?;
        let networks = networks.into_iter().filter_map(|network| {
            Some(ObservedResource {
                project: network.labels.and_then(|labels| label(&labels, PROJECT)),
                name: network.name?,
            })
        });
        let volumes = volumes.volumes.unwrap_or_default().into_iter();
        let volumes = volumes.map(|volume| ObservedResource {
            project: label(&volume.labels, PROJECT),
            name: volume.name,
        });
        Ok(Observation {
            published: published.into_iter().flatten().collect(),
            observed: Observed {
                containers: containers
                    .into_iter()
                    .filter_map(container)
                    .filter(|it| {
                        it.project.as_deref() == Some(project) || it.name.starts_with(project)
                    })
                    .collect(),
                networks: networks.collect(),
                volumes: volumes.collect(),
                images: images.into_iter().flatten().collect::<BTreeMap<_, _>>(),
            },
        })
    }

    /// The ports that a container is published on. Podman lists no more than the first of several
    /// that follow each other, so that those of `project`'s own are looked up.
    async fn published(
        &self,
        listed: &ContainerSummary,
        project: &str,
    ) -> Result<Vec<Published>, bollard::errors::Error> {
        let mut published = published(listed);
        let Some(first) = published.first().cloned() else {
            return Ok(published);
        };
        if first.project.as_deref() != Some(project) {
            return Ok(published);
        }
        let ports = match self.inspect_container(&first.container).await {
            Ok(found) => found.network_settings.and_then(|settings| settings.ports),
            Err(error) if status(&error) == Some(404) => None,
            Err(error) => return Err(error),
        };
        let bound = ports.into_iter().flatten().filter_map(|(_, bound)| bound);
        for port in bound.flatten().filter_map(|it| it.host_port?.parse().ok()) {
            if published.iter().all(|it| it.port != port) {
                let first = first.clone();
                published.push(Published { port, ..first });
            }
        }
        Ok(published)
    }

    /// An image and its id; `None` if the engine does not have it.
    pub(super) async fn image(
        &self,
        image: &str,
    ) -> Result<Option<(String, String)>, bollard::errors::Error> {
        match self.docker.inspect_image(image).await {
            Ok(found) => Ok(found.id.map(|id| (image.to_owned(), id))),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The HTTP status that an engine has refused something with.
pub(super) fn status(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

pub(super) fn label(labels: &HashMap<String, String>, name: &str) -> Option<String> {
    labels.get(name).cloned()
}

fn container(summary: ContainerSummary) -> Option<ObservedContainer> {
    let name = name(&summary)?;
    let labels = summary.labels.unwrap_or_default();
    let networks = summary.network_settings.and_then(|it| it.networks);
    let mounts = summary.mounts.unwrap_or_default().into_iter();
    let depends_on = label(&labels, DEPENDS_ON).unwrap_or_default();
    Some(ObservedContainer {
        id: summary.id?,
        name,
        project: label(&labels, PROJECT),
        service: label(&labels, SERVICE),
        fingerprint: label(&labels, FINGERPRINT),
        image_id: summary.image_id.unwrap_or_default(),
        state: state(summary.state),
        networks: networks
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect(),
        volumes: mounts
            .filter(|mount| mount.typ.as_deref() == Some("volume"))
            .filter_map(|mount| mount.name)
            .collect(),
        depends_on: services(&depends_on),
    })
}

/// The name, without the slash that the engine puts before it; links give a container further
/// ones, with more slashes.
pub(super) fn name(summary: &ContainerSummary) -> Option<String> {
    let names = summary.names.iter().flatten();
    let mut own = names.filter_map(|name| name.strip_prefix('/'));
    own.find(|name| !name.contains('/')).map(str::to_owned)
}

/// The services in Compose's label: `SERVICE:CONDITION:RESTART`, separated by commas.
fn services(depends_on: &str) -> BTreeSet<String> {
    depends_on
        .split(',')
        .filter_map(|entry| entry.split(':').next())
        .filter(|service| !service.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(super) fn state(state: Option<ContainerSummaryStateEnum>) -> ContainerState {
    use ContainerSummaryStateEnum as State;
    match state {
        Some(State::CREATED) => ContainerState::Created,
        Some(State::RUNNING | State::STOPPING) => ContainerState::Running,
        Some(State::PAUSED) => ContainerState::Paused,
        Some(State::RESTARTING) => ContainerState::Restarting,
        Some(State::REMOVING) => ContainerState::Removing,
        Some(State::DEAD) => ContainerState::Dead,
        Some(State::EXITED | State::EMPTY) | None => ContainerState::Exited,
    }
}

/// Each port once, though it is published on addresses of either version.
fn published(summary: &ContainerSummary) -> Vec<Published> {
    let mut ports: BTreeMap<u16, bool> = BTreeMap::new();
    for port in summary.ports.iter().flatten() {
        let Some(public) = port.public_port else {
            continue;
        };
        let address = port.ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
        *ports.entry(public).or_default() |= !address.is_some_and(|ip| ip.is_loopback());
    }
    let Some(container) = name(summary) else {
        return Vec::new();
    };
    let labels = summary.labels.as_ref();
    let project = labels.and_then(|labels| label(labels, PROJECT));
    let by_this_program = labels.is_some_and(|labels| labels.contains_key(FINGERPRINT));
    ports
        .into_iter()
        .map(|(port, is_exposed)| Published {
            port,
            container: container.clone(),
            project: project.clone(),
            by_this_program,
            is_exposed,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an engine of version 20.10 lists it.
    const LISTED: &str = r#"{
        "Id": "4fa7", "Names": ["/t-collector-1", "/other/alias"],
        "Image": "otel/collector:1", "ImageID": "sha256:9a3f", "Command": "/otelcol", "Created": 1,
        "Ports": [
            {"IP": "127.0.0.1", "PrivatePort": 4318, "PublicPort": 14318, "Type": "tcp"},
            {"IP": "::1", "PrivatePort": 4318, "PublicPort": 14318, "Type": "tcp"},
            {"PrivatePort": 55679, "Type": "tcp"}
        ],
        "Labels": {
            "com.docker.compose.project": "t", "com.docker.compose.service": "collector",
            "com.docker.compose.depends_on": "clickhouse:service_healthy:false,x:service_started:true",
            "telemetry.fingerprint": "f"
        },
        "State": "running", "Status": "Up 9 seconds",
        "HostConfig": {"NetworkMode": "t_default"},
        "NetworkSettings": {"Networks": {"t_default": {"NetworkID": "3e"}}},
        "Mounts": [
            {"Type": "volume", "Name": "t_queue", "Source": "", "Destination": "/q", "RW": true},
            {"Type": "bind", "Source": "/etc", "Destination": "/e", "RW": true}
        ]
    }"#;

    #[test]
    fn a_container_is_known_by_its_labels() {
        let summary: ContainerSummary = serde_json::from_str(LISTED).unwrap();
        let set = |names: &[&str]| {
            names
                .iter()
                .map(|&it| it.to_owned())
                .collect::<BTreeSet<_>>()
        };
        let expected = ObservedContainer {
            id: "4fa7".to_owned(),
            name: "t-collector-1".to_owned(),
            project: Some("t".to_owned()),
            service: Some("collector".to_owned()),
            fingerprint: Some("f".to_owned()),
            image_id: "sha256:9a3f".to_owned(),
            state: ContainerState::Running,
            networks: set(&["t_default"]),
            volumes: set(&["t_queue"]),
            depends_on: set(&["clickhouse", "x"]),
        };
        assert_eq!(container(summary), Some(expected));
    }

    #[test]
    fn a_port_is_held_by_the_container_that_it_is_published_of() {
        let summary: ContainerSummary = serde_json::from_str(LISTED).unwrap();
        let expected = Published {
            port: 14318,
            container: "t-collector-1".to_owned(),
            project: Some("t".to_owned()),
            by_this_program: true,
            is_exposed: false,
        };
        assert_eq!(published(&summary), [expected]);
    }

    #[test]
    fn a_port_on_every_address_can_be_reached_from_other_machines() {
        let listed = LISTED.replace("\"::1\"", "\"::\"");
        let summary: ContainerSummary = serde_json::from_str(&listed).unwrap();
        assert!(published(&summary)[0].is_exposed);
    }

    #[test]
    fn a_container_without_labels_is_nobodys() {
        let listed = r#"{"Id": "1", "Names": ["/x"], "State": "exited"}"#;
        let found = container(serde_json::from_str(listed).unwrap()).unwrap();
        assert_eq!((found.project, found.fingerprint), (None, None));
        assert_eq!(found.depends_on, BTreeSet::new());
    }
}
