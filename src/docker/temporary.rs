//! What is there only while a command runs, and what commands that were killed have left of it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use futures_util::future::join_all;

use super::Connection;
use super::desired::TEMPORARY;

type EngineError = bollard::errors::Error;

/// How often it is tried to remove what resists: an engine may still be busy with the last call
/// of a command that was killed.
const ATTEMPTS: u32 = 20;

/// How long it is from one attempt to the next.
const INTERVAL: Duration = Duration::from_millis(250);

/// The names of what is there for a while.
#[derive(Debug, Default)]
struct Temporaries {
    containers: Vec<String>,
    networks: Vec<String>,
    volumes: Vec<String>,
}

impl Temporaries {
    const fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }
}

impl Connection {
    /// Removes all that is labelled as made for a while for the project in this directory,
    /// running or not. Nothing else has the label.
    ///
    /// # Errors
    ///
    /// When the engine does not answer, or does not let go.
    pub async fn remove_temporaries(&self, project: &Path) -> Result<(), EngineError> {
        for _ in 1..ATTEMPTS {
            let found = self.temporaries(project).await?;
            if found.is_empty() {
                return Ok(());
            }
            if self.remove(found).await.is_err() {
                tokio::time::sleep(INTERVAL).await;
            }
        }
        self.remove(self.temporaries(project).await?).await
    }

    async fn temporaries(&self, project: &Path) -> Result<Temporaries, EngineError> {
        let label = format!("{TEMPORARY}={}", project.display());
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let containers = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let (containers, networks, volumes) = tokio::try_join!(
            self.list_containers(containers),
            self.docker.list_networks(Some(networks)),
            self.docker.list_volumes(Some(volumes)),
        )?;
        let volumes = volumes.volumes.into_iter().flatten();
        Ok(Temporaries {
            containers: containers.into_iter().filter_map(|it| it.id).collect(),
            networks: networks.into_iter().filter_map(|it| it.name).collect(),
            volumes: volumes.map(|it| it.name).collect(),
        })
    }

    /// Containers first, as they hold the others. The first failure is told after all was tried.
    async fn remove(&self, temporaries: Temporaries) -> Result<(), EngineError> {
        let containers = temporaries.containers.iter().map(|container| {
            let options = RemoveContainerOptionsBuilder::new()
                .force(true)
                .v(true)
                .build();
            self.docker.remove_container(container, Some(options))
        });
        let removed = join_all(containers).await;
        let networks = temporaries.networks.iter();
        let networks = join_all(networks.map(|network| self.docker.remove_network(network))).await;
        let volumes = temporaries.volumes.iter().map(|volume| {
            let options = RemoveVolumeOptionsBuilder::new().build();
            self.docker.remove_volume(volume, Some(options))
        });
        let volumes = join_all(volumes).await;
        let mut all = removed.into_iter().chain(networks).chain(volumes);
        all.find(Result::is_err).unwrap_or(Ok(()))
    }
}
