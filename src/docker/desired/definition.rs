//! Everything about a stack that the engine must be told.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bollard::models::{
    ContainerCreateBody, EndpointSettings, Ipam, IpamConfig, NetworkCreateRequest,
    VolumeCreateRequest,
};
use sha2::{Digest as _, Sha256};

use super::file::File;
use super::unpacked::{UnpackError, unpacked};
use super::{Condition, DesiredContainer, DesiredStack, FINGERPRINT, Resource, container, labels};
use crate::compose::{self, Content, FileReference, Project};
use crate::error::{Code, Failure};

/// Goes up when the same Compose file makes other containers than it did.
const GENERATION: u32 = 1;

/// The permissions of a file that names none.
const MODE: u32 = 0o444;

/// Everything about a stack that the engine must be told.
#[derive(Clone, Debug, Default)]
pub struct Definition {
    /// What it takes to plan.
    pub stack: DesiredStack,
    /// By service.
    pub(crate) containers: BTreeMap<String, ContainerDefinition>,
    /// By the engine's name.
    pub(crate) networks: BTreeMap<String, NetworkCreateRequest>,
    /// By the engine's name.
    pub(crate) volumes: BTreeMap<String, VolumeCreateRequest>,
}

/// Everything about a container that the engine must be told.
#[derive(Clone, Debug)]
pub struct ContainerDefinition {
    /// How it is created, on the first of its networks.
    pub create: ContainerCreateBody,
    /// Its other networks: an engine before version 25 takes one at its creation.
    pub further_networks: Vec<(String, EndpointSettings)>,
    /// What is put into it before it starts.
    pub files: Vec<File>,
}

/// What a container needs cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// A file of it cannot be read.
    #[error("cannot read `{}`, which the Compose file names", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// An archive of it cannot be unpacked.
    #[error(transparent)]
    Archive(#[from] UnpackError),
}

impl Failure for DefinitionError {
    fn code(&self) -> Code {
        match self {
            Self::File(..) => Code::Io,
            Self::Archive(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(..) => {
                Some("correct the path in the file that `--override` names".to_owned())
            }
            Self::Archive(error) => error.hint(),
        }
    }
}

impl Definition {
    /// The most memory that all containers together may use, in bytes; those without a limit
    /// left out.
    pub fn memory_limit(&self) -> u64 {
        let limits = self.containers.values().filter_map(|container| {
            let host_config = container.create.host_config.as_ref()?;
            u64::try_from(host_config.memory?).ok()
        });
        limits.sum()
    }

    /// What `project` comes to. `directory` is where this program keeps what it knows of it.
    ///
    /// # Errors
    ///
    /// When a file that it names cannot be read.
    pub fn new(project: &Project, directory: &Path) -> Result<Self, DefinitionError> {
        let mut definition = Self {
            stack: DesiredStack {
                project: project.name.clone(),
                ..DesiredStack::default()
            },
            ..Self::default()
        };
        for (key, network) in project.networks.iter().filter(|(_, it)| !it.external) {
            let name = named(network.name.as_ref());
            definition.stack.networks.push(resource(key, &name));
            let request = network_request(&project.name, key, &name, network);
            definition.networks.insert(name, request);
        }
        for (key, volume) in project.volumes.iter().filter(|(_, it)| !it.external) {
            let name = named(volume.name.as_ref());
            definition.stack.volumes.push(resource(key, &name));
            let request = volume_request(&project.name, key, &name, volume);
            definition.volumes.insert(name, request);
        }
        for (name, service) in &project.services {
            definition.add_container(project, name, service, directory)?;
        }
        Ok(definition)
    }

    fn add_container(
        &mut self,
        project: &Project,
        name: &str,
        service: &compose::Service,
        directory: &Path,
    ) -> Result<(), DefinitionError> {
        let mut files = service
            .configs
            .iter()
            .map(|reference| (reference, &project.configs))
            .chain(service.secrets.iter().map(|it| (it, &project.secrets)))
            .map(|(reference, contents)| file(reference, &contents[&reference.source]))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(unpack) = &service.unpack {
            files.extend(unpacked(unpack)?);
        }
        let networks: Vec<_> = service
            .networks
            .keys()
            .map(|key| named(project.networks[key].name.as_ref()))
            .collect();
        let volumes: Vec<_> = service
            .volumes
            .iter()
            .map(|mount| named(project.volumes[&mount.source].name.as_ref()))
            .collect();
        let config_hash = project
            .config_hash(name)
            .expect("it is one of the project's services");
        let depends_on = depends_on(service);

        let mut hash = Sha256::new();
        hash.update(format!("{GENERATION}\0{config_hash}\0{depends_on}\0"));
        hash.update(format!("{networks:?}{volumes:?}"));
        for file in &files {
            file.hash(&mut hash);
        }
        let fingerprint = hex::encode(hash.finalize());

        let mut labels: HashMap<_, _> = service.labels.clone().into_iter().collect();
        labels.extend(labels::of_container(
            &project.name,
            name,
            config_hash,
            depends_on,
            directory,
        ));
        labels.insert(FINGERPRINT.to_owned(), fingerprint.clone());

        let container = project.container_name(name);
        self.stack.containers.push(DesiredContainer {
            service: name.to_owned(),
            name: container.clone(),
            image: named(service.image.as_ref()),
            fingerprint,
            networks: networks.iter().cloned().collect(),
            volumes: volumes.iter().cloned().collect(),
            has_files: !files.is_empty(),
            depends_on: service
                .depends_on
                .iter()
                .map(|(on, dependency)| (on.clone(), condition(dependency.condition)))
                .collect(),
        });
        let mut attachments =
            service
                .networks
                .values()
                .zip(networks)
                .map(|(attachment, network)| {
                    (network, container::endpoint(attachment, name, &container))
                });
        let first = attachments.next();
        let further_networks = attachments.collect();
        let mut create = container::create_body(service, &volumes, first);
        create.labels = Some(labels);
        self.containers.insert(
            name.to_owned(),
            ContainerDefinition {
                create,
                further_networks,
                files,
            },
        );
        Ok(())
    }
}

/// What a resolved project has given a name.
fn named(name: Option<&String>) -> String {
    name.expect("it is named when the project is resolved")
        .clone()
}

fn resource(key: &str, name: &str) -> Resource {
    Resource {
        key: key.to_owned(),
        name: name.to_owned(),
    }
}

fn condition(condition: compose::Condition) -> Condition {
    match condition {
        compose::Condition::Started => Condition::Started,
        compose::Condition::Healthy => Condition::Healthy,
        compose::Condition::CompletedSuccessfully => Condition::Completed,
    }
}

/// As Compose's label has it: `SERVICE:CONDITION:RESTART`, separated by commas.
fn depends_on(service: &compose::Service) -> String {
    let entries: Vec<_> = service
        .depends_on
        .iter()
        .map(|(on, it)| format!("{on}:{}:{}", it.condition.as_str(), it.restart))
        .collect();
    entries.join(",")
}

fn file(reference: &FileReference, content: &Content) -> Result<File, DefinitionError> {
    let content = match content {
        Content::Embedded(text) => text.as_bytes().to_vec(),
        Content::Inline(text) => text.as_bytes().to_vec(),
        Content::File(path) => {
            std::fs::read(path).map_err(|error| DefinitionError::File(path.clone(), error))?
        }
        Content::Variable(_) => unreachable!("a resolved project has none"),
    };
    Ok(File {
        path: reference.path(),
        uid: reference.uid.unwrap_or(0),
        gid: reference.gid.unwrap_or(0),
        mode: reference.mode.unwrap_or(MODE),
        content,
    })
}

fn network_request(
    project: &str,
    key: &str,
    name: &str,
    network: &compose::Network,
) -> NetworkCreateRequest {
    let mut labels = labels::of_resource("network", project, key);
    labels.extend(network.labels.clone());
    let ranges = network.subnets.iter().map(|subnet| IpamConfig {
        subnet: Some(subnet.clone()),
        ..IpamConfig::default()
    });
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: network.driver.clone(),
        internal: Some(network.internal),
        enable_ipv6: network.enable_ipv6,
        ipam: (!network.subnets.is_empty()).then(|| Ipam {
            config: Some(ranges.collect()),
            ..Ipam::default()
        }),
        options: Some(network.driver_opts.clone().into_iter().collect()),
        labels: Some(labels),
        ..NetworkCreateRequest::default()
    }
}

fn volume_request(
    project: &str,
    key: &str,
    name: &str,
    volume: &compose::Volume,
) -> VolumeCreateRequest {
    let mut labels = labels::of_resource("volume", project, key);
    labels.extend(volume.labels.clone());
    VolumeCreateRequest {
        name: Some(name.to_owned()),
        driver: volume.driver.clone(),
        driver_opts: Some(volume.driver_opts.clone().into_iter().collect()),
        labels: Some(labels),
        ..VolumeCreateRequest::default()
    }
}
