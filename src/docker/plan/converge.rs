//! The plan that makes a stack what it shall be.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Cause, Plan};
use crate::docker::{
    Condition, ContainerState, DesiredContainer, DesiredStack, Observed, ObservedContainer,
    ObservedResource, Resource,
};
use crate::error::{Code, Failure};

/// When images are pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum PullPolicy {
    /// Those that the engine does not have
    #[default]
    Missing,
    /// All, before anything else
    Always,
    /// None; what is missing is an error
    Never,
}

/// Why there is no plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An object of one of the stack's names belongs to somebody else.
    #[error("{kind} `{name}` is there and belongs to {}", owner(.project.as_deref()))]
    Foreign {
        /// `container`, `network` or `volume`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The project that it belongs to, if it says so.
        project: Option<String>,
    },
    /// An image is missing and must not be pulled.
    #[error("image `{image}` is missing")]
    ImageMissing {
        /// The image.
        image: String,
    },
    /// A service depends on itself, or on one that is not there.
    #[error("service `{service}` depends on what cannot be started before it")]
    Unordered {
        /// The service.
        service: String,
    },
}

fn owner(project: Option<&str>) -> String {
    match project {
        Some(project) => format!("project `{project}`"),
        None => "no project".to_owned(),
    }
}

impl Failure for PlanError {
    fn code(&self) -> Code {
        match self {
            Self::Foreign { .. } => Code::StackBusy,
            Self::ImageMissing { .. } => Code::EngineStart,
            Self::Unordered { .. } => Code::InvalidSetting,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Foreign { kind, name, .. } => {
                format!("choose another `--project`, or remove it: `docker {kind} rm {name}`")
            }
            Self::ImageMissing { image } => {
                format!("leave out `--pull never`, or `docker load` it: {image}")
            }
            Self::Unordered { .. } => "change its `depends_on`".to_owned(),
        })
    }
}

/// The steps that make a stack what it shall be, and start it.
///
/// A container is never changed: it is created anew beside the old one, which is stopped and set
/// aside, and goes when everything does its work. Volumes are created and never removed.
///
/// # Errors
///
/// When something that is not the stack's is in the way, or cannot be had.
pub fn converge(
    observed: &Observed,
    desired: &DesiredStack,
    pull: PullPolicy,
) -> Result<Plan, PlanError> {
    let mut planner = Planner {
        observed,
        desired,
        plan: Plan::default(),
        made: BTreeMap::new(),
        pulled: BTreeMap::new(),
        up: BTreeMap::new(),
        awaited: BTreeMap::new(),
        set_aside: Vec::new(),
    };
    planner.resources(&desired.networks, &observed.networks, "network", |name| {
        Action::CreateNetwork { name }
    })?;
    planner.resources(&desired.volumes, &observed.volumes, "volume", |name| {
        Action::CreateVolume { name }
    })?;
    planner.pulls(pull)?;
    for container in in_order(&desired.containers)? {
        planner.container(container)?;
    }
    planner.remove_what_was_set_aside();
    Ok(planner.plan)
}

struct Planner<'a> {
    observed: &'a Observed,
    desired: &'a DesiredStack,
    plan: Plan,
    /// The steps that make networks and volumes.
    made: BTreeMap<&'a str, usize>,
    /// The steps that pull images.
    pulled: BTreeMap<&'a str, usize>,
    /// The steps after which a service's container runs, for those that are started.
    up: BTreeMap<&'a str, usize>,
    /// The steps that wait for a service.
    awaited: BTreeMap<(&'a str, Condition), usize>,
    /// The old containers that wait for the new ones to do their work, by their names meanwhile.
    set_aside: Vec<(String, Cause)>,
}

impl<'a> Planner<'a> {
    fn resources(
        &mut self,
        wanted: &'a [Resource],
        observed: &[ObservedResource],
        kind: &'static str,
        create: fn(String) -> Action,
    ) -> Result<(), PlanError> {
        for Resource { name, .. } in wanted {
            match observed.iter().find(|resource| resource.name == *name) {
                Some(resource) if resource.project.as_ref() == Some(&self.desired.project) => {}
                Some(resource) => {
                    return Err(PlanError::Foreign {
                        kind,
                        name: name.clone(),
                        project: resource.project.clone(),
                    });
                }
                None => {
                    let step = self.plan.push(create(name.clone()), Cause::Missing, []);
                    self.made.insert(name, step);
                }
            }
        }
        Ok(())
    }

    fn pulls(&mut self, policy: PullPolicy) -> Result<(), PlanError> {
        let images: BTreeSet<&str> = self
            .desired
            .containers
            .iter()
            .map(|container| container.image.as_str())
            .collect();
        for image in images {
            let missing = !self.observed.images.contains_key(image);
            let cause = match policy {
                PullPolicy::Never if missing => {
                    return Err(PlanError::ImageMissing {
                        image: image.to_owned(),
                    });
                }
                PullPolicy::Always => Cause::PullAsked,
                PullPolicy::Missing if missing => Cause::Missing,
                PullPolicy::Missing | PullPolicy::Never => continue,
            };
            let action = Action::Pull {
                image: image.to_owned(),
            };
            let step = self.plan.push(action, cause, []);
            self.pulled.insert(image, step);
        }
        Ok(())
    }

    fn container(&mut self, wanted: &'a DesiredContainer) -> Result<(), PlanError> {
        let ours = |container: &&ObservedContainer| {
            container.project.as_ref() == Some(&self.desired.project)
                && container.service.as_ref() == Some(&wanted.service)
        };
        let observed = self.observed;
        let named = observed.containers.iter().find(|c| c.name == wanted.name);
        if let Some(container) = named.filter(|container| !ours(container)) {
            return Err(PlanError::Foreign {
                kind: "container",
                name: container.name.clone(),
                project: container.project.clone(),
            });
        }
        let left_over = observed
            .containers
            .iter()
            .filter(ours)
            .filter(|container| container.name != wanted.name);
        let cleared: Vec<usize> = left_over
            .map(|container| self.remove(container, Cause::LeftOver, &[]))
            .collect();

        let ready = match named {
            None => Some(self.create(wanted, &wanted.name, Cause::Missing, &cleared)),
            Some(container) => self
                .why_anew(wanted, container)
                .map(|cause| self.replace(wanted, container, cause, &cleared)),
        };
        self.start(wanted, named, ready);
        Ok(())
    }

    /// Why a container must be made anew, if it must.
    fn why_anew(&self, wanted: &DesiredContainer, found: &ObservedContainer) -> Option<Cause> {
        match &found.fingerprint {
            None => return Some(Cause::MadeElsewhere),
            Some(fingerprint) if *fingerprint != wanted.fingerprint => {
                return Some(Cause::ConfigurationChanged);
            }
            Some(_) => {}
        }
        // An image that is pulled now may be another; whoever carries the plan out looks again.
        let image = self.observed.images.get(&wanted.image);
        if image.is_none_or(|id| *id != found.image_id) {
            return Some(Cause::ImageChanged);
        }
        if !wanted.networks.is_subset(&found.networks) {
            return Some(Cause::NetworkMissing);
        }
        if !wanted.volumes.is_subset(&found.volumes) {
            return Some(Cause::VolumeMissing);
        }
        match found.state {
            ContainerState::Created => Some(Cause::NeverStarted),
            ContainerState::Dead | ContainerState::Removing => Some(Cause::Dead),
            ContainerState::Running
            | ContainerState::Paused
            | ContainerState::Restarting
            | ContainerState::Exited => None,
        }
    }

    /// Creates a container with its files; gives the step after which it could be started.
    fn create(
        &mut self,
        wanted: &DesiredContainer,
        name: &str,
        cause: Cause,
        cleared: &[usize],
    ) -> usize {
        let made = wanted.networks.iter().chain(&wanted.volumes);
        let after: Vec<usize> = made
            .filter_map(|name| self.made.get(name.as_str()))
            .chain(self.pulled.get(wanted.image.as_str()))
            .chain(cleared)
            .copied()
            .collect();
        let (service, name) = (wanted.service.clone(), name.to_owned());
        let action = Action::CreateContainer {
            service: service.clone(),
            name: name.clone(),
        };
        let created = self.plan.push(action, cause, after);
        if !wanted.has_files {
            return created;
        }
        self.plan
            .push(Action::Upload { service, name }, cause, [created])
    }

    /// The new one is made before the old one goes.
    fn replace(
        &mut self,
        wanted: &'a DesiredContainer,
        old: &'a ObservedContainer,
        cause: Cause,
        cleared: &[usize],
    ) -> usize {
        let interim = format!("{}-next", wanted.name);
        let created = self.create(wanted, &interim, cause, cleared);
        let away = if self.can_come_back(wanted, old) {
            self.set_aside(old, cause, created)
        } else {
            self.remove(old, cause, &[created])
        };
        let action = Action::Rename {
            from: interim,
            to: wanted.name.clone(),
        };
        self.plan.push(action, cause, [away])
    }

    /// Whether the old container could take over again if the new one does not do its work: it
    /// does its own, and an older version never gets data that a newer one has written.
    fn can_come_back(&self, wanted: &DesiredContainer, old: &ObservedContainer) -> bool {
        old.state.is_up() && self.observed.images.get(&wanted.image) == Some(&old.image_id)
    }

    fn set_aside(&mut self, old: &'a ObservedContainer, cause: Cause, after: usize) -> usize {
        let from = old.name.clone();
        let stopped = self.plan.stop(old, cause, vec![after]);
        let to = format!("{from}-previous");
        self.set_aside.push((to.clone(), cause));
        self.plan
            .push(Action::Rename { from, to }, cause, [stopped])
    }

    /// What was set aside goes once everything does its work.
    fn remove_what_was_set_aside(&mut self) {
        let set_aside = std::mem::take(&mut self.set_aside);
        if set_aside.is_empty() {
            return;
        }
        let started: Vec<usize> = self.up.values().copied().collect();
        let mut ready = Vec::new();
        for container in &self.desired.containers {
            let condition = if self.has_completed(container) {
                Condition::Completed
            } else {
                Condition::Healthy
            };
            let awaited = self.awaited.get(&(container.service.as_str(), condition));
            ready.push(awaited.copied().unwrap_or_else(|| {
                let action = Action::Await {
                    service: container.service.clone(),
                    name: container.name.clone(),
                    condition,
                };
                let after = started.iter().copied();
                self.plan.push(action, Cause::BeforeOldGoes, after)
            }));
        }
        for (name, cause) in set_aside {
            self.plan
                .push(Action::Remove { name }, cause, ready.iter().copied());
        }
    }

    fn remove(&mut self, container: &ObservedContainer, cause: Cause, after: &[usize]) -> usize {
        let name = container.name.clone();
        let mut after = after.to_vec();
        if container.state.is_up() {
            after = vec![self.plan.stop(container, cause, after)];
        }
        self.plan.push(Action::Remove { name }, cause, after)
    }

    /// Starts a container once it is `ready` and the services that it needs are far enough.
    fn start(
        &mut self,
        wanted: &'a DesiredContainer,
        found: Option<&ObservedContainer>,
        ready: Option<usize>,
    ) {
        let name = wanted.name.clone();
        let (action, cause) = match (ready, found.map(|container| container.state)) {
            (Some(ready), _) => (Action::Start { name }, self.plan.steps[ready].cause),
            (None, Some(ContainerState::Exited)) if self.has_completed(wanted) => return,
            (None, Some(ContainerState::Exited)) => (Action::Start { name }, Cause::NotRunning),
            (None, Some(ContainerState::Paused)) => (Action::Unpause { name }, Cause::Paused),
            (None, _) => return,
        };
        let needs = wanted.depends_on.iter();
        let mut after: Vec<usize> = needs
            .filter_map(|(service, &condition)| self.far_enough(service, condition))
            .collect();
        after.extend(ready);
        let step = self.plan.push(action, cause, after);
        self.up.insert(&wanted.service, step);
    }

    /// Whether a service does its work once and has done it: others wait for its end.
    fn has_completed(&self, wanted: &DesiredContainer) -> bool {
        self.desired
            .containers
            .iter()
            .any(|other| other.depends_on.get(&wanted.service) == Some(&Condition::Completed))
    }

    /// The step after which `service` is so far along; `None` if it is already.
    fn far_enough(&mut self, service: &str, condition: Condition) -> Option<usize> {
        let container = self
            .desired
            .containers
            .iter()
            .find(|container| container.service == service)?;
        let service = container.service.as_str();
        let up = self.up.get(service).copied();
        if condition == Condition::Started {
            return up;
        }
        if let Some(&step) = self.awaited.get(&(service, condition)) {
            return Some(step);
        }
        let action = Action::Await {
            service: service.to_owned(),
            name: container.name.clone(),
            condition,
        };
        let step = self.plan.push(action, Cause::Needed, up);
        self.awaited.insert((service, condition), step);
        Some(step)
    }
}

/// The containers, each after those that it depends on.
fn in_order(containers: &[DesiredContainer]) -> Result<Vec<&DesiredContainer>, PlanError> {
    let mut ordered: Vec<&DesiredContainer> = Vec::with_capacity(containers.len());
    let mut left: Vec<_> = containers.iter().collect();
    while !left.is_empty() {
        let done = |service: &String| ordered.iter().any(|c| c.service == *service);
        let (ready, waiting): (Vec<_>, Vec<_>) = left
            .iter()
            .partition(|container| container.depends_on.keys().all(done));
        if ready.is_empty() {
            return Err(PlanError::Unordered {
                service: left[0].service.clone(),
            });
        }
        ordered.extend(ready);
        left = waiting;
    }
    Ok(ordered)
}
