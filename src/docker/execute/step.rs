//! The calls that steps make.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bollard::models::{HealthStatusEnum, NetworkConnectRequest};
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder, EventsOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions, RenameContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptions, UploadToContainerOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;

use super::{ExecuteError, Execution, Trouble};
use crate::docker::Condition;
use crate::docker::desired::{FINGERPRINT, File, IMAGE, archive};
use crate::docker::observe::status;
use crate::docker::plan::{Action, Cause, Step};

type EngineError = bollard::errors::Error;

/// What the engine notes of a container that it had to kill.
const KILLED: i64 = 137;

/// How long the engine may take to say what it has noted.
const NOTED_PATIENCE: Duration = Duration::from_secs(1);

/// How often a container's health is looked at, where nothing else tells.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);

impl Execution<'_> {
    pub(super) async fn step(&self, step: &Step) -> Result<(), ExecuteError> {
        let text = format!("{} ({})", step.action, step.cause);
        match (&step.action, step.cause) {
            // A container that is made anew is worth telling of.
            (
                Action::CreateContainer { .. },
                Cause::ConfigurationChanged
                | Cause::ImageChanged
                | Cause::NetworkMissing
                | Cause::VolumeMissing
                | Cause::MadeElsewhere
                | Cause::NeverStarted
                | Cause::Dead,
            ) => self.printer.status(&text),
            _ => self.printer.detail(&text),
        }
        match &step.action {
            Action::Pull { image } => return self.pull(image).await,
            Action::Await {
                service,
                name,
                condition,
            } => return self.far_enough(service, name, *condition).await,
            _ => {}
        }
        self.call(&step.action)
            .await
            .map_err(|source| ExecuteError::Engine {
                action: step.action.to_string(),
                endpoint: self.connection.endpoint.clone(),
                source,
            })
    }

    async fn call(&self, action: &Action) -> Result<(), EngineError> {
        let docker = &self.connection.docker;
        match action {
            Action::CreateNetwork { name } => {
                let request = self.definition.networks[name].clone();
                let created = docker.create_network(request).await;
                if may_be_done(&created) {
                    let id = created.as_ref().map(|created| created.id.as_str());
                    self.journal().created_network(id.unwrap_or(name));
                }
                created?;
            }
            Action::CreateVolume { name } => {
                let request = self.definition.volumes[name].clone();
                let created = docker.create_volume(request).await;
                if may_be_done(&created) {
                    self.journal().created_volume(name);
                }
                created?;
            }
            Action::CreateContainer { service, name } => {
                self.create_container(service, name).await?;
            }
            Action::Upload { service, name } => self.upload(service, name).await?,
            Action::Stop { name } => {
                let options = StopContainerOptions {
                    t: self.grace,
                    ..StopContainerOptions::default()
                };
                // A container's own time may be longer than a call usually takes.
                let patience = Duration::from_hours(1);
                let docker = docker.clone().with_timeout(patience);
                let stopped = unless_gone(docker.stop_container(name, Some(options)).await);
                if may_be_done(&stopped) {
                    self.journal().stopped(name);
                }
                stopped?;
                let ended = self.connection.inspect_container(name).await.ok();
                if ended.and_then(|it| it.state?.exit_code) == Some(KILLED) {
                    self.journal().killed();
                }
            }
            Action::Remove { name } => {
                let options = RemoveContainerOptionsBuilder::new().build();
                let removed = unless_gone(docker.remove_container(name, Some(options)).await);
                if let Err(error) = &removed
                    && self.journal().is_set_aside(name)
                {
                    // All else is done by now.
                    self.printer.warn(format!(
                        "{name}, which was replaced, is not removed: {error}; the next change does so"
                    ));
                    return Ok(());
                }
                if may_be_done(&removed) {
                    self.journal().removed(name);
                }
                removed?;
            }
            Action::Rename { from, to } => {
                let options = RenameContainerOptionsBuilder::new().name(to).build();
                let renamed = docker.rename_container(from, options).await;
                if may_be_done(&renamed) {
                    self.journal().renamed(from, to);
                }
                renamed?;
            }
            Action::Start { name } => {
                let _one_at_a_time = self.starting.lock().await;
                if !self.cancelled.is_cancelled() {
                    self.journal().starts(name);
                    let options = None::<StartContainerOptions>;
                    docker.start_container(name, options).await?;
                }
            }
            Action::Unpause { name } => docker.unpause_container(name).await?,
            Action::RemoveNetwork { name } => unless_gone(docker.remove_network(name).await)?,
            Action::RemoveVolume { name } => {
                unless_gone(
                    docker
                        .remove_volume(name, None::<RemoveVolumeOptions>)
                        .await,
                )?;
            }
            Action::Pull { .. } | Action::Await { .. } => {}
        }
        Ok(())
    }

    async fn pull(&self, image: &str) -> Result<(), ExecuteError> {
        let directory = self.docker_directory.as_deref();
        tokio::select! {
            pulled = self.connection.pull(image, directory, self.printer) => Ok(pulled?),
            () = self.cancelled.cancelled() => Ok(()),
        }
    }

    async fn create_container(&self, service: &str, name: &str) -> Result<(), EngineError> {
        let docker = &self.connection.docker;
        let definition = &self.definition.containers[service];
        let mut body = definition.create.clone();
        let image = body.image.as_deref().unwrap_or_default();
        if let Some((_, id)) = self.connection.image(image).await? {
            let labels = body.labels.get_or_insert_with(HashMap::new);
            labels.insert(IMAGE.to_owned(), id);
        }
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let created = docker.create_container(Some(options), body).await;
        if may_be_done(&created) {
            let id = created.as_ref().map(|created| created.id.as_str());
            self.journal().created_container(name, id.unwrap_or(name));
        }
        match created {
            Err(error) if status(&error) == Some(409) && self.is_there(service, name).await => {
                return Ok(());
            }
            created => created?,
        };
        for (network, settings) in &definition.further_networks {
            let request = NetworkConnectRequest {
                container: name.to_owned(),
                endpoint_config: Some(settings.clone()),
            };
            docker.connect_network(network, request).await?;
        }
        Ok(())
    }

    /// Whether somebody else has made, since the look before, the very container that is wanted.
    async fn is_there(&self, service: &str, name: &str) -> bool {
        let mut wanted = self.definition.stack.containers.iter();
        let wanted = wanted.find(|it| it.service == service);
        let found = self.connection.inspect_container(name).await;
        let labels = found.ok().and_then(|found| found.config?.labels);
        let fingerprint = labels.and_then(|mut labels| labels.remove(FINGERPRINT));
        fingerprint.is_some() && fingerprint.as_ref() == wanted.map(|it| &it.fingerprint)
    }

    async fn upload(&self, service: &str, name: &str) -> Result<(), EngineError> {
        let docker = &self.connection.docker;
        let files = &self.definition.containers[service].files;
        let directories: BTreeSet<&str> = files.iter().flat_map(File::directories).collect();
        let looked_up = directories.into_iter().map(|directory| async move {
            let options = ContainerArchiveInfoOptionsBuilder::new()
                .path(directory)
                .build();
            match docker.get_container_archive_info(name, Some(options)).await {
                Ok(_) => Ok(None),
                Err(error) if status(&error) == Some(404) => Ok(Some(directory)),
                Err(error) => Err(error),
            }
        });
        let missing = try_join_all(looked_up)
            .await?
            .into_iter()
            .flatten()
            .collect();
        let archive = archive(files, &missing)?;
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let body = bollard::body_full(archive.into());
        docker.upload_to_container(name, Some(options), body).await
    }

    async fn far_enough(
        &self,
        service: &str,
        name: &str,
        condition: Condition,
    ) -> Result<(), ExecuteError> {
        match condition {
            Condition::Started => Ok(()),
            Condition::Healthy => self.until_ready(service).await,
            Condition::Completed => tokio::select! {
                code = self.exit_code(name) => match code? {
                    0 => Ok(()),
                    code => Err(ExecuteError::service(service, Trouble::Exited { code })),
                },
                () = self.cancelled.cancelled() => Ok(()),
            },
        }
    }

    /// Waits until a service does its work.
    pub(super) async fn until_ready(&self, service: &str) -> Result<(), ExecuteError> {
        let ready = async {
            match (self.readiness)(service) {
                Some(ready) => ready
                    .await
                    .map_err(|error| ExecuteError::service(service, Trouble::NotReady(error))),
                None => self.until_healthy(service).await,
            }
        };
        tokio::select! {
            ready = ready => ready,
            () = self.cancelled.cancelled() => Ok(()),
        }
    }

    /// Waits for what the engine says of a container's health. One without a health check is
    /// ready when it runs.
    async fn until_healthy(&self, service: &str) -> Result<(), ExecuteError> {
        let containers = &self.definition.stack.containers;
        let Some(container) = containers.iter().find(|it| it.service == service) else {
            return Ok(());
        };
        loop {
            let found = self.connection.inspect_container(&container.name).await;
            let found = found.map_err(|source| self.lost(source))?;
            let health = found.state.and_then(|state| state.health);
            match health.and_then(|health| health.status) {
                Some(HealthStatusEnum::STARTING) => {}
                Some(HealthStatusEnum::UNHEALTHY) => {
                    return Err(ExecuteError::service(service, Trouble::Unhealthy));
                }
                _ => return Ok(()),
            }
            tokio::time::sleep(HEALTH_INTERVAL).await;
        }
    }

    /// Waits until a container ends that should not.
    pub(super) async fn until_exit(&self, service: &str, name: &str) -> ExecuteError {
        match self.exit_code(name).await {
            Ok(code) => ExecuteError::service(service, Trouble::Exited { code }),
            Err(error) => error,
        }
    }

    /// Waits until a container ends.
    async fn exit_code(&self, name: &str) -> Result<i64, ExecuteError> {
        // It may have ended already. And Podman, which looks now and then whether it runs, misses
        // the end of one that it starts again at once.
        tokio::select! {
            code = self.awaited_exit_code(name, "not-running") => code,
            code = self.awaited_exit_code(name, "next-exit") => code,
        }
    }

    /// How a container ended: the engine answers when the condition holds.
    async fn awaited_exit_code(&self, name: &str, condition: &str) -> Result<i64, ExecuteError> {
        let options = WaitContainerOptionsBuilder::new()
            .condition(condition)
            .build();
        let docker = &self.connection.docker;
        let mut exits = std::pin::pin!(docker.wait_container(name, Some(options)));
        match exits.next().await {
            // An engine that has started it again by now may have forgotten how it ended.
            Some(Ok(exit)) if exit.status_code == 0 => {
                Ok(self.noted_exit_code(name).await.unwrap_or(0))
            }
            Some(Ok(exit)) => Ok(exit.status_code),
            Some(Err(EngineError::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(source)) => Err(self.lost(source)),
            None => Err(self.lost(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())),
        }
    }

    /// How a container first ended, of what the engine has noted lately.
    async fn noted_exit_code(&self, name: &str) -> Option<i64> {
        let docker = &self.connection.docker;
        let id = self.connection.inspect_container(name).await.ok()?.id?;
        let filters = HashMap::from([("container", vec![id.as_str()]), ("event", vec!["die"])]);
        let noted = EventsOptionsBuilder::new()
            .since("0")
            .filters(&filters)
            .build();
        let mut noted = std::pin::pin!(docker.events(Some(noted)));
        let first = tokio::time::timeout(NOTED_PATIENCE, noted.next()).await;
        let died = first.ok()??.ok()?;
        died.actor?.attributes?.get("exitCode")?.parse().ok()
    }

    fn lost(&self, source: EngineError) -> ExecuteError {
        ExecuteError::Lost {
            endpoint: self.connection.endpoint.clone(),
            source,
        }
    }
}

/// Whether a call is done, for all that is known: one that is not answered may be.
fn may_be_done<T>(outcome: &Result<T, EngineError>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(error) => status(error).is_none(),
    }
}

/// What was to go and is gone already is as good as removed; and a container that the engine
/// removes at this moment soon will be.
fn unless_gone(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match outcome {
        Err(error) if status(&error) == Some(404) => Ok(()),
        Err(EngineError::DockerResponseServerError {
            status_code: 409,
            message,
        }) if message.contains("already in progress") => Ok(()),
        outcome => outcome,
    }
}
