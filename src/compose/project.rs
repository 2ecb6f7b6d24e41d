//! What a Compose file comes to: every name resolved, every reference checked.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::{
    ComposeError, Problem,
    definition::{Content, Network, Volume},
    file::{ComposeFile, Place},
    interpolate::Environment,
    service::{Attachment, Dependency, Service},
};

/// The network of services that name none.
const DEFAULT_NETWORK: &str = "default";

/// A stack, ready to be compared with what an engine runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// The project's name, with which all its objects' names begin.
    pub name: String,
    /// Its services; each has an image and at least one network.
    pub services: BTreeMap<String, Service>,
    /// The volumes that services use, each with its name in the engine.
    pub volumes: BTreeMap<String, Volume>,
    /// The networks that services use, each with its name in the engine.
    pub networks: BTreeMap<String, Network>,
    /// Its configs. None is [`Content::Variable`].
    pub configs: BTreeMap<String, Content>,
    /// Its secrets. None is [`Content::Variable`].
    pub secrets: BTreeMap<String, Content>,
    /// Variables without a value and without a default, for which nothing was put in.
    pub unset: Vec<String>,
}

impl Project {
    /// Completes a file as Compose does.
    ///
    /// # Errors
    ///
    /// When something is used that is not defined, or services wait for each other.
    pub fn resolve(file: ComposeFile, environment: &dyn Environment) -> Result<Self, ComposeError> {
        let places = file.places;
        let mut project = Self {
            name: file.name.unwrap_or_else(|| "telemetry".to_owned()),
            services: file.services,
            volumes: file.volumes,
            networks: file.networks,
            configs: file.configs,
            secrets: file.secrets,
            unset: file.unset,
        };
        project.join_default_network();
        for service in project.services.values_mut() {
            for (name, value) in &mut service.environment {
                *value = value.take().or_else(|| environment.get(name));
            }
        }
        project.check_references(&places)?;
        project.check_order(&places)?;
        project.keep_what_is_used();
        project.name_objects();
        project.read_variables(environment, &places)?;
        Ok(project)
    }

    /// The stack as this program runs it: without the services that are there for
    /// `docker compose up`. What waited for one of these waits for what that one waited for.
    #[must_use]
    pub fn run_by_cli(mut self) -> Self {
        let (left_out, services): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .services
            .into_iter()
            .partition(|(_, service)| service.only_without_cli);
        self.services = services;
        for service in self.services.values_mut() {
            let mut waited = BTreeMap::new();
            inherit(&mut waited, &service.depends_on, &left_out);
            service.depends_on = waited;
        }
        self.keep_what_is_used();
        self
    }

    /// Of the stack one service alone, with what that uses.
    #[must_use]
    pub fn only(mut self, service: &str) -> Self {
        self.services.retain(|name, _| name == service);
        self.keep_what_is_used();
        self
    }

    /// The hash by which Compose tells whether a container is what its file says, as Compose from
    /// 2.31 on computes it; `None` if there is no such service.
    pub fn config_hash(&self, service: &str) -> Option<String> {
        let service = self.services.get(service)?;
        Some(hex::encode(Sha256::digest(service.json())))
    }

    /// The name of a service's container.
    pub fn container_name(&self, service: &str) -> String {
        format!("{}-{service}-1", self.name)
    }

    fn join_default_network(&mut self) {
        for service in self.services.values_mut() {
            if service.networks.is_empty() {
                let attachment = Attachment::default();
                service
                    .networks
                    .insert(DEFAULT_NETWORK.to_owned(), attachment);
            }
            if service.networks.contains_key(DEFAULT_NETWORK) {
                self.networks.entry(DEFAULT_NETWORK.to_owned()).or_default();
            }
        }
    }

    fn check_references(&self, places: &BTreeMap<String, Place>) -> Result<(), ComposeError> {
        for (name, service) in &self.services {
            let problem = |key: &str, message: String| {
                let key = format!("services.{name}.{key}");
                Err(at(places, name, key, message))
            };
            if service.image.is_none() {
                return problem("image", "a service needs an image".to_owned());
            }
            let volumes = service.volumes.iter().map(|mount| &mount.source);
            if let Some(unknown) = missing(volumes, &self.volumes) {
                return problem("volumes", format!("there is no volume `{unknown}`"));
            }
            if let Some(unknown) = missing(service.networks.keys(), &self.networks) {
                return problem("networks", format!("there is no network `{unknown}`"));
            }
            let configs = service.configs.iter().map(|file| &file.source);
            if let Some(unknown) = missing(configs, &self.configs) {
                return problem("configs", format!("there is no config `{unknown}`"));
            }
            let secrets = service.secrets.iter().map(|file| &file.source);
            if let Some(unknown) = missing(secrets, &self.secrets) {
                return problem("secrets", format!("there is no secret `{unknown}`"));
            }
            let required = service.depends_on.iter().filter(|(_, wait)| wait.required);
            if let Some(unknown) = missing(required.map(|(on, _)| on), &self.services) {
                return problem("depends_on", format!("there is no service `{unknown}`"));
            }
        }
        Ok(())
    }

    /// Services that wait for each other would never start.
    fn check_order(&self, places: &BTreeMap<String, Place>) -> Result<(), ComposeError> {
        let mut started = BTreeSet::new();
        loop {
            let before = started.len();
            for (name, service) in &self.services {
                let ready = |on: &String| started.contains(on) || !self.services.contains_key(on);
                if service.depends_on.keys().all(ready) {
                    started.insert(name.clone());
                }
            }
            if started.len() == self.services.len() {
                return Ok(());
            }
            if started.len() == before {
                let waiting = self.services.keys().find(|name| !started.contains(*name));
                let name = waiting.expect("not all were started");
                let key = format!("services.{name}.depends_on");
                let message = "in the end, the service waits for itself".to_owned();
                return Err(at(places, name, key, message));
            }
        }
    }

    fn keep_what_is_used(&mut self) {
        let services = || self.services.values();
        let volumes: BTreeSet<_> = services()
            .flat_map(|service| service.volumes.iter().map(|mount| mount.source.clone()))
            .collect();
        let networks: BTreeSet<_> = services()
            .flat_map(|service| service.networks.keys().cloned())
            .collect();
        let files: BTreeSet<_> = services()
            .flat_map(|service| service.configs.iter().map(|file| file.source.clone()))
            .collect();
        let secrets: BTreeSet<_> = services()
            .flat_map(|service| service.secrets.iter().map(|file| file.source.clone()))
            .collect();
        self.volumes.retain(|key, _| volumes.contains(key));
        self.networks.retain(|key, _| networks.contains(key));
        self.configs.retain(|key, _| files.contains(key));
        self.secrets.retain(|key, _| secrets.contains(key));
    }

    fn name_objects(&mut self) {
        let project = &self.name;
        let name = |key: &String, external: bool| {
            if external {
                key.clone()
            } else {
                format!("{project}_{key}")
            }
        };
        for (key, volume) in &mut self.volumes {
            volume
                .name
                .get_or_insert_with(|| name(key, volume.external));
        }
        for (key, network) in &mut self.networks {
            network
                .name
                .get_or_insert_with(|| name(key, network.external));
        }
    }

    fn read_variables(
        &mut self,
        environment: &dyn Environment,
        places: &BTreeMap<String, Place>,
    ) -> Result<(), ComposeError> {
        let configs = self.configs.iter_mut().map(|entry| ("configs", entry));
        let secrets = self.secrets.iter_mut().map(|entry| ("secrets", entry));
        for (kind, (key, content)) in configs.chain(secrets) {
            if let Content::Variable(variable) = content {
                let Some(value) = environment.get(variable) else {
                    let message = format!("`{variable}` must be set");
                    return Err(at(places, "", format!("{kind}.{key}.environment"), message));
                };
                *content = Content::Inline(value);
            }
        }
        Ok(())
    }
}

/// Adds `depends_on` to `waited`, with what stands behind services that are `left_out`.
fn inherit(
    waited: &mut BTreeMap<String, Dependency>,
    depends_on: &BTreeMap<String, Dependency>,
    left_out: &BTreeMap<String, Service>,
) {
    for (name, dependency) in depends_on {
        match left_out.get(name) {
            Some(service) => inherit(waited, &service.depends_on, left_out),
            None => {
                waited.insert(name.clone(), dependency.clone());
            }
        }
    }
}

fn missing<'k, T>(
    keys: impl IntoIterator<Item = &'k String>,
    defined: &BTreeMap<String, T>,
) -> Option<&'k String> {
    keys.into_iter().find(|key| !defined.contains_key(*key))
}

fn at(
    places: &BTreeMap<String, Place>,
    service: &str,
    key: String,
    message: String,
) -> ComposeError {
    let place = places.get(service).or_else(|| places.values().last());
    let place = place.cloned().unwrap_or_default();
    let problem = Problem {
        line: place.line,
        key,
        message,
        hint: None,
    };
    problem.of(&place.file)
}
