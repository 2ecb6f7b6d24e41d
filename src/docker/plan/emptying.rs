//! The plan that throws away what a service holds.

use super::{Action, Cause, Plan};
use crate::docker::{DesiredStack, Observed};

/// The steps that remove a service of the stack with the volumes it mounts, whatever state it is
/// in. What depends on the service is left alone.
pub fn emptying(observed: &Observed, desired: &DesiredStack, service: &str) -> Plan {
    let cause = Cause::DataDeleted;
    let ours = |owner: &Option<String>| *owner == Some(desired.project.clone());
    let mut plan = Plan::default();
    let mut removed = Vec::new();
    for container in &observed.containers {
        if !ours(&container.project) || container.service.as_deref() != Some(service) {
            continue;
        }
        let mut after = Vec::new();
        if container.state.is_up() {
            after.push(plan.stop(container, cause, Vec::new()));
        }
        let name = container.name.clone();
        removed.push(plan.push(Action::Remove { name }, cause, after));
    }
    let wanted = desired.containers.iter().filter(|it| it.service == service);
    for name in wanted.flat_map(|it| &it.volumes) {
        let mut volumes = observed.volumes.iter();
        if volumes.any(|volume| volume.name == *name && ours(&volume.project)) {
            let name = name.clone();
            plan.push(Action::RemoveVolume { name }, cause, removed.clone());
        }
    }
    plan
}
