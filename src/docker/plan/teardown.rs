//! The plan that stops a stack.

use std::collections::BTreeMap;

use super::{Action, Cause, Plan};
use crate::docker::{Observed, ObservedContainer};

/// What becomes of the volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volumes {
    /// They stay, and with them all data.
    Keep,
    /// They are removed, each by its name.
    Remove,
}

/// The steps that stop and remove what `project` has, those first that nothing depends on.
pub fn teardown(observed: &Observed, project: &str, volumes: Volumes) -> Plan {
    let cause = match volumes {
        Volumes::Keep => Cause::StackStops,
        Volumes::Remove => Cause::StackRemoved,
    };
    let ours = |owner: &Option<String>| owner.as_deref() == Some(project);
    let mut left: Vec<_> = observed
        .containers
        .iter()
        .filter(|container| ours(&container.project))
        .collect();
    let mut plan = Plan::default();
    // The steps that stop a service's containers; those that remove them, by their name.
    let mut stopped: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut removed: BTreeMap<&str, usize> = BTreeMap::new();
    while !left.is_empty() {
        let needed = |service: &str| {
            left.iter().any(|other| {
                other.service.as_deref() != Some(service) && other.depends_on.contains(service)
            })
        };
        let (mut next, mut waiting): (Vec<&ObservedContainer>, Vec<_>) = left
            .iter()
            .copied()
            .partition(|container| !container.service.as_deref().is_some_and(needed));
        if next.is_empty() {
            // They depend on each other in a circle; any order is as good.
            next = std::mem::take(&mut waiting);
        }
        for container in next {
            let dependents = observed
                .containers
                .iter()
                .filter(|other| ours(&other.project))
                .filter(|other| {
                    let service = container.service.as_ref();
                    service.is_some_and(|service| other.depends_on.contains(service))
                });
            let mut after: Vec<usize> = dependents
                .filter_map(|other| stopped.get(other.service.as_deref()?))
                .flatten()
                .copied()
                .collect();
            let name = container.name.clone();
            if container.state.is_up() {
                let step = plan.stop(container, cause, after);
                if let Some(service) = &container.service {
                    stopped.entry(service).or_default().push(step);
                }
                after = vec![step];
            }
            let step = plan.push(Action::Remove { name }, cause, after);
            removed.insert(&container.name, step);
        }
        left = waiting;
    }

    let all_removed: Vec<usize> = removed.into_values().collect();
    for network in observed.networks.iter().filter(|n| ours(&n.project)) {
        let name = network.name.clone();
        plan.push(Action::RemoveNetwork { name }, cause, all_removed.clone());
    }
    if volumes == Volumes::Remove {
        for volume in observed.volumes.iter().filter(|v| ours(&v.project)) {
            let name = volume.name.clone();
            plan.push(Action::RemoveVolume { name }, cause, all_removed.clone());
        }
    }
    plan
}
