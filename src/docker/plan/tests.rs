//! Plans for what stacks go through, and what holds of every plan.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::docker::{
    Condition, ContainerState, DesiredContainer, DesiredStack, Observed, ObservedContainer,
    ObservedResource, Resource,
};

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn container(service: &str) -> DesiredContainer {
    DesiredContainer {
        service: service.to_owned(),
        name: format!("t-{service}-1"),
        image: format!("{service}:1"),
        fingerprint: "f".to_owned(),
        networks: set(&["t_default"]),
        volumes: set(&[&format!("t_{service}")]),
        has_files: true,
        depends_on: [].into(),
    }
}

fn stack() -> DesiredStack {
    let resource = |key: &str| Resource {
        key: key.to_owned(),
        name: format!("t_{key}"),
    };
    let mut collector = container("collector");
    collector
        .depends_on
        .insert("clickhouse".to_owned(), Condition::Healthy);
    DesiredStack {
        project: "t".to_owned(),
        networks: vec![resource("default")],
        volumes: vec![resource("clickhouse"), resource("collector")],
        containers: vec![collector, container("clickhouse")],
    }
}

fn observed_container(wanted: &DesiredContainer) -> ObservedContainer {
    ObservedContainer {
        id: format!("id of {}", wanted.name),
        name: wanted.name.clone(),
        project: Some("t".to_owned()),
        service: Some(wanted.service.clone()),
        fingerprint: Some(wanted.fingerprint.clone()),
        image_id: format!("id of {}", wanted.image),
        state: ContainerState::Running,
        networks: wanted.networks.clone(),
        volumes: wanted.volumes.clone(),
        depends_on: wanted.depends_on.keys().cloned().collect(),
    }
}

/// What there is when `desired` runs.
fn running(desired: &DesiredStack) -> Observed {
    let resources = |wanted: &[Resource]| {
        let observed = wanted.iter().map(|resource| ObservedResource {
            name: resource.name.clone(),
            project: Some("t".to_owned()),
        });
        observed.collect()
    };
    Observed {
        containers: desired.containers.iter().map(observed_container).collect(),
        networks: resources(&desired.networks),
        volumes: resources(&desired.volumes),
        images: desired
            .containers
            .iter()
            .map(|c| (c.image.clone(), format!("id of {}", c.image)))
            .collect(),
    }
}

fn plan(observed: &Observed) -> Plan {
    converge(observed, &stack(), PullPolicy::Missing).unwrap()
}

#[test]
fn a_first_start_makes_everything_and_starts_in_order() {
    assert_snapshot!(plan(&Observed::default()), @"
    1. create network t_default (missing)
    2. create volume t_clickhouse (missing)
    3. create volume t_collector (missing)
    4. pull clickhouse:1 (missing)
    5. pull collector:1 (missing)
    6. create t-clickhouse-1 for clickhouse (missing) after 1, 2, 4
    7. put files into t-clickhouse-1 (missing) after 6
    8. start t-clickhouse-1 (missing) after 7
    9. create t-collector-1 for collector (missing) after 1, 3, 5
    10. put files into t-collector-1 (missing) after 9
    11. wait until clickhouse is healthy (needed by another service) after 8
    12. start t-collector-1 (missing) after 10, 11
    ");
}

#[test]
fn a_stack_that_runs_as_it_shall_needs_nothing() {
    assert_eq!(plan(&running(&stack())), Plan::default());
}

#[test]
fn what_changed_is_made_beside_the_old_and_takes_its_name() {
    let mut observed = running(&stack());
    observed.containers[1].fingerprint = Some("other".to_owned());
    assert_snapshot!(plan(&observed), @"
    1. create t-clickhouse-1-next for clickhouse (its configuration changed)
    2. put files into t-clickhouse-1-next (its configuration changed) after 1
    3. stop t-clickhouse-1 (its configuration changed) after 2
    4. rename t-clickhouse-1 to t-clickhouse-1-previous (its configuration changed) after 3
    5. rename t-clickhouse-1-next to t-clickhouse-1 (its configuration changed) after 4
    6. start t-clickhouse-1 (its configuration changed) after 5
    7. wait until collector is healthy (before the old goes) after 6
    8. wait until clickhouse is healthy (before the old goes) after 6
    9. remove t-clickhouse-1-previous (its configuration changed) after 7, 8
    ");
}

#[test]
fn an_older_version_does_not_come_back_to_data_of_a_newer_one() {
    let mut observed = running(&stack());
    observed.containers[1].image_id = "older".to_owned();
    assert_snapshot!(plan(&observed), @"
    1. create t-clickhouse-1-next for clickhouse (its image changed)
    2. put files into t-clickhouse-1-next (its image changed) after 1
    3. stop t-clickhouse-1 (its image changed) after 2
    4. remove t-clickhouse-1 (its image changed) after 3
    5. rename t-clickhouse-1-next to t-clickhouse-1 (its image changed) after 4
    6. start t-clickhouse-1 (its image changed) after 5
    ");
}

#[test]
fn a_service_that_died_is_started_once_what_it_needs_is_ready() {
    let mut observed = running(&stack());
    observed.containers[0].state = ContainerState::Exited;
    assert_snapshot!(plan(&observed), @"
    1. wait until clickhouse is healthy (needed by another service)
    2. start t-collector-1 (not running) after 1
    ");
}

#[test]
fn what_a_broken_off_run_left_is_cleared_away() {
    let mut observed = running(&stack());
    let mut left = observed.containers[1].clone();
    left.name.push_str("-next");
    left.state = ContainerState::Created;
    observed.containers.push(left);
    observed.containers.remove(1);
    assert_snapshot!(plan(&observed), @"
    1. remove t-clickhouse-1-next (left over)
    2. create t-clickhouse-1 for clickhouse (missing) after 1
    3. put files into t-clickhouse-1 (missing) after 2
    4. start t-clickhouse-1 (missing) after 3
    ");
}

#[test]
fn every_way_to_differ_is_a_reason_to_make_a_container_anew() {
    type Change = fn(&mut ObservedContainer);
    let changes: [(Change, Cause); 7] = [
        (|c| c.fingerprint = None, Cause::MadeElsewhere),
        (
            |c| c.fingerprint = Some("g".to_owned()),
            Cause::ConfigurationChanged,
        ),
        (|c| c.image_id = "another".to_owned(), Cause::ImageChanged),
        (|c| c.networks.clear(), Cause::NetworkMissing),
        (|c| c.volumes.clear(), Cause::VolumeMissing),
        (|c| c.state = ContainerState::Created, Cause::NeverStarted),
        (|c| c.state = ContainerState::Dead, Cause::Dead),
    ];
    for (change, cause) in changes {
        let mut observed = running(&stack());
        change(&mut observed.containers[1]);
        assert_eq!(plan(&observed).steps()[0].cause, cause);
    }
}

#[test]
fn what_belongs_to_others_is_never_touched() {
    let mut observed = running(&stack());
    observed.volumes[0].project = None;
    let error = converge(&observed, &stack(), PullPolicy::Missing).unwrap_err();
    assert_snapshot!(error, @"volume `t_clickhouse` is there and belongs to no project");

    let mut observed = running(&stack());
    observed.containers[0].project = Some("shop".to_owned());
    let error = converge(&observed, &stack(), PullPolicy::Missing).unwrap_err();
    assert_snapshot!(error, @"container `t-collector-1` is there and belongs to project `shop`");
}

#[test]
fn a_missing_image_that_must_not_be_pulled_is_an_error() {
    let error = converge(&Observed::default(), &stack(), PullPolicy::Never).unwrap_err();
    assert_snapshot!(error, @"image `clickhouse:1` is missing");
}

#[test]
fn services_that_need_each_other_cannot_be_started() {
    let mut desired = stack();
    desired.containers[1]
        .depends_on
        .insert("collector".to_owned(), Condition::Started);
    let error = converge(&Observed::default(), &desired, PullPolicy::Missing).unwrap_err();
    assert!(matches!(error, PlanError::Unordered { .. }));
}

#[test]
fn a_service_that_has_done_its_work_is_not_started_again() {
    let mut desired = stack();
    desired.containers[0]
        .depends_on
        .insert("clickhouse".to_owned(), Condition::Completed);
    let mut observed = running(&desired);
    observed.containers[1].state = ContainerState::Exited;
    let plan = converge(&observed, &desired, PullPolicy::Missing).unwrap();
    assert_eq!(plan, Plan::default());
}

#[test]
fn a_stop_goes_backwards_and_keeps_the_volumes() {
    assert_snapshot!(teardown(&running(&stack()), "t", Volumes::Keep), @"
    1. stop t-collector-1 (the stack stops)
    2. remove t-collector-1 (the stack stops) after 1
    3. stop t-clickhouse-1 (the stack stops) after 1
    4. remove t-clickhouse-1 (the stack stops) after 3
    5. remove network t_default (the stack stops) after 2, 4
    ");
    let plan = teardown(&running(&stack()), "t", Volumes::Remove);
    assert!(plan.to_string().ends_with(
        "6. remove volume t_clickhouse (the stack is removed) after 2, 4\n\
         7. remove volume t_collector (the stack is removed) after 2, 4\n"
    ));
}

#[test]
fn what_is_emptied_goes_with_its_volume_and_nothing_else_does() {
    let mut observed = running(&stack());
    assert_snapshot!(emptying(&observed, &stack(), "collector"), @"
    1. stop t-collector-1 (its data is deleted)
    2. remove t-collector-1 (its data is deleted) after 1
    3. remove volume t_collector (its data is deleted) after 2
    ");
    observed.containers.clear();
    observed.volumes[1].project = None;
    assert!(emptying(&observed, &stack(), "collector").is_empty());
}

#[test]
fn what_is_paused_goes_on_before_it_is_stopped() {
    let mut observed = running(&stack());
    observed.containers[1].state = ContainerState::Paused;
    assert_snapshot!(teardown(&observed, "t", Volumes::Keep), @"
    1. stop t-collector-1 (the stack stops)
    2. remove t-collector-1 (the stack stops) after 1
    3. unpause t-clickhouse-1 (the stack stops) after 1
    4. stop t-clickhouse-1 (the stack stops) after 3
    5. remove t-clickhouse-1 (the stack stops) after 4
    6. remove network t_default (the stack stops) after 2, 5
    ");
}

/// Does to `observed` what the engine would.
fn carry_out(plan: &Plan, observed: &mut Observed, desired: &DesiredStack) {
    for (index, step) in plan.steps().iter().enumerate() {
        assert!(step.after.iter().all(|&before| before < index));
        let at = |observed: &Observed, name: &str| {
            let position = observed.containers.iter().position(|c| c.name == name);
            position.unwrap_or_else(|| panic!("no {name}: {plan}"))
        };
        let made = |name: &String| ObservedResource {
            name: name.clone(),
            project: Some("t".to_owned()),
        };
        match &step.action {
            Action::Pull { image } => {
                observed
                    .images
                    .insert(image.clone(), format!("id of {image}"));
            }
            Action::CreateNetwork { name } => observed.networks.push(made(name)),
            Action::CreateVolume { name } => observed.volumes.push(made(name)),
            Action::CreateContainer { service, name } => {
                assert!(
                    observed.containers.iter().all(|c| c.name != *name),
                    "{plan}"
                );
                let wanted = desired.containers.iter().find(|c| c.service == *service);
                let wanted = wanted.unwrap();
                assert!(observed.images.contains_key(&wanted.image), "{plan}");
                let has = |resources: &[ObservedResource], name: &String| {
                    resources.iter().any(|resource| resource.name == *name)
                };
                assert!(wanted.networks.iter().all(|n| has(&observed.networks, n)));
                assert!(wanted.volumes.iter().all(|n| has(&observed.volumes, n)));
                let mut created = observed_container(wanted);
                created.name.clone_from(name);
                created.state = ContainerState::Created;
                observed.containers.push(created);
            }
            Action::Upload { name, .. } => {
                let at = at(observed, name);
                assert_eq!(observed.containers[at].state, ContainerState::Created);
            }
            Action::Stop { name } => {
                let at = at(observed, name);
                assert_ne!(observed.containers[at].state, ContainerState::Paused);
                observed.containers[at].state = ContainerState::Exited;
            }
            Action::Remove { name } => {
                let at = at(observed, name);
                assert!(!observed.containers[at].state.is_up(), "{plan}");
                observed.containers.remove(at);
            }
            Action::Rename { from, to } => {
                assert!(observed.containers.iter().all(|c| c.name != *to), "{plan}");
                let at = at(observed, from);
                observed.containers[at].name.clone_from(to);
            }
            Action::Start { name } | Action::Unpause { name } => {
                let at = at(observed, name);
                observed.containers[at].state = ContainerState::Running;
            }
            Action::Await { name, .. } => {
                let at = at(observed, name);
                assert!(observed.containers[at].state.is_up(), "{plan}");
            }
            Action::RemoveNetwork { name } => observed.networks.retain(|n| n.name != *name),
            Action::RemoveVolume { name } => observed.volumes.retain(|v| v.name != *name),
        }
    }
}

fn any_state() -> impl Strategy<Value = ContainerState> {
    prop::sample::select(vec![
        ContainerState::Created,
        ContainerState::Running,
        ContainerState::Paused,
        ContainerState::Restarting,
        ContainerState::Exited,
        ContainerState::Dead,
    ])
}

/// The test stack in any condition: parts of it missing, changed, left over.
fn any_observed() -> impl Strategy<Value = Observed> {
    let containers = prop::collection::vec((any::<[bool; 6]>(), any_state(), any::<bool>()), 2);
    (containers, any::<[bool; 5]>()).prop_map(|(containers, there)| {
        let mut observed = running(&stack());
        let whole = std::mem::take(&mut observed.containers);
        for (mut container, (flags, state, is_left_over)) in whole.into_iter().zip(containers) {
            container.state = state;
            if flags[0] {
                container.fingerprint = None;
            }
            if flags[1] {
                container.fingerprint = Some("old".to_owned());
            }
            if flags[2] {
                container.image_id = "old".to_owned();
            }
            if flags[3] {
                container.networks.clear();
            }
            if is_left_over {
                let mut left_over = container.clone();
                left_over.name.push_str("-next");
                observed.containers.push(left_over);
            }
            if flags[4] && flags[5] {
                continue;
            }
            observed.containers.push(container);
        }
        if observed.containers.is_empty() {
            // With containers about, their networks and volumes are there.
            observed.networks.retain(|_| there[0]);
            observed.volumes.retain(|_| there[1]);
        }
        observed
            .images
            .retain(|image, _| there[if image.starts_with("cl") { 2 } else { 3 }]);
        observed
    })
}

proptest! {
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_plan(mut observed in any_observed()) {
        let desired = stack();
        let plan = plan(&observed);
        carry_out(&plan, &mut observed, &desired);
        let again = converge(&observed, &desired, PullPolicy::Missing).unwrap();
        prop_assert_eq!(again, Plan::default());
    }

    #[test]
    fn no_plan_removes_a_volume_unasked(observed in any_observed()) {
        let removes = |plan: &Plan| {
            plan.steps().iter().any(|step| matches!(step.action, Action::RemoveVolume { .. }))
        };
        prop_assert!(!removes(&plan(&observed)));
        prop_assert!(!removes(&teardown(&observed, "t", Volumes::Keep)));
    }

    #[test]
    fn a_teardown_leaves_nothing_but_the_volumes(mut observed in any_observed()) {
        let volumes = observed.volumes.clone();
        let plan = teardown(&observed, "t", Volumes::Keep);
        carry_out(&plan, &mut observed, &stack());
        prop_assert!(observed.containers.is_empty() && observed.networks.is_empty());
        prop_assert_eq!(observed.volumes, volumes);
    }

    #[test]
    fn a_plan_broken_off_anywhere_can_be_taken_up_again(
        mut observed in any_observed(),
        steps in 0..20_usize,
    ) {
        let desired = stack();
        let mut broken_off = plan(&observed);
        broken_off.steps.truncate(steps);
        carry_out(&broken_off, &mut observed, &desired);
        let rest = plan(&observed);
        carry_out(&rest, &mut observed, &desired);
        prop_assert_eq!(plan(&observed), Plan::default());
    }
}
