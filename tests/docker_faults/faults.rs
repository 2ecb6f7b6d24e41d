//! What goes wrong at the engine, and what the binary makes of it.

use std::{net::TcpListener, time::Duration};

use crate::{
    engine::{Behaviour, Call, state::Status},
    stack::{FakeStack, ended},
};

#[test]
fn a_stack_starts_tells_how_it_is_and_stops() {
    let stack = FakeStack::prepare();
    stack.succeeds("start --engine docker");
    let status = stack.telemetry("status --format json").json();
    assert_eq!(status["data"]["state"], "running", "{status}");
    assert_eq!(stack.running(), 3);

    stack.engine.forget_calls();
    let again = stack.succeeds("start --engine docker");
    assert!(again.stdout.contains("already running"), "{}", again.stdout);
    let calls = stack.engine.calls();
    assert!(!calls.iter().any(Call::changes), "{calls:?}");

    stack.succeeds("stop");
    stack.is_clean();
    assert_eq!(stack.engine.state().volumes.len(), 3);
}

#[test]
fn a_port_that_is_taken_after_the_look_at_it_is_told_with_its_holder() {
    let stack = FakeStack::with_images();
    let start = stack
        .engine
        .on("POST /containers/t-grafana-1/start")
        .pause();
    let child = stack.telemetry("start --engine docker").spawn();
    start.reached();
    let port = stack.port("TELEMETRY_DASHBOARD_PORT");
    let held = TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    start.go_on();
    let failed = ended(child);
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    let told = format!("error[port_in_use]: port {port} (dashboards) is taken by `docker_faults");
    assert!(failed.stderr.contains(&told), "{}", failed.stderr);
    assert!(failed.stderr.contains("`TELEMETRY_DASHBOARD_PORT`"));
    stack.is_clean();

    drop(held);
    stack.succeeds("start --engine docker");
}

#[test]
fn a_port_that_only_the_engine_knows_to_be_taken_is_told_in_its_words() {
    let stack = FakeStack::with_images();
    let says = "driver failed: Bind for 127.0.0.1:1 failed: port is already allocated";
    let start = stack.engine.on("POST /containers/t-collector-1/start");
    start.times(1).refuse(500, says);
    let failed = stack.telemetry("start --engine docker").output();
    assert_eq!(failed.status, Some(1));
    assert!(
        failed
            .stderr
            .contains("error[port_in_use]: cannot start t-collector-1")
    );
    assert!(failed.stderr.contains("port is already allocated"));
    assert!(
        failed
            .stderr
            .contains("`telemetry config` shows how ports are set")
    );
    stack.is_clean();
    stack.succeeds("start --engine docker");
}

#[test]
fn a_service_that_ends_at_once_is_told_with_its_status_and_log() {
    for code in [0, 1, 137] {
        let stack = FakeStack::with_images();
        let ends = Behaviour::ExitsAtOnce(code, "no such pipeline: traces");
        stack.engine.let_service("collector", ends);
        let failed = stack.telemetry("start --engine docker").output();
        assert_eq!(failed.status, Some(1), "{}", failed.stderr);
        let told = "error[engine_start]: service `collector` ";
        assert!(failed.stderr.contains(told), "{}", failed.stderr);
        assert!(failed.stderr.contains(&format!("exit status {code}")));
        assert!(failed.stderr.contains("no such pipeline: traces"));
        assert!(failed.stderr.contains("`telemetry start --keep`"));
        stack.is_clean();

        stack.engine.let_service("collector", Behaviour::Works);
        stack.succeeds("start --engine docker");
    }
}

#[test]
fn a_service_that_never_gets_ready_ends_the_start_in_time() {
    for service in ["clickhouse", "collector", "grafana"] {
        let stack = FakeStack::with_images();
        stack.engine.let_service(service, Behaviour::NeverReady);
        let failed = stack
            .telemetry("start --engine docker --wait-timeout 1s")
            .output();
        assert_eq!(failed.status, Some(1), "{}", failed.stderr);
        let told = format!("error[not_ready]: service `{service}` is not ready");
        assert!(failed.stderr.contains(&told), "{}", failed.stderr);
        assert!(failed.stderr.contains("`--wait-timeout` waits longer"));
        stack.is_clean();
    }
}

#[test]
fn a_change_that_does_not_work_gives_way_to_what_worked_before() {
    let stack = FakeStack::started();
    let before = stack.ids();
    stack.engine.let_service("grafana", Behaviour::NeverReady);
    let run = stack.telemetry("restart --wait-timeout 1s");
    let failed = run.env("GF_SECURITY_ADMIN_PASSWORD", "another").output();
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("all is as it was before"),
        "{}",
        failed.stderr
    );
    assert_eq!(stack.ids(), before);
    stack.is_whole();
}

#[test]
fn with_keep_what_was_made_stays_until_a_start_repairs_it() {
    let stack = FakeStack::with_images();
    stack.engine.let_service("grafana", Behaviour::NeverReady);
    let failed = stack
        .telemetry("start --engine docker --keep --wait-timeout 1s")
        .output();
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    assert_eq!(stack.running(), 3);
    let log = stack.succeeds("logs grafana");
    assert!(log.stdout.contains("ready"), "{}", log.stdout);
    stack.succeeds("stop");
    stack.is_clean();
}

#[test]
fn a_full_disk_is_told_with_what_makes_room_and_leaves_nothing() {
    for call in [
        "POST /volumes/create",
        "POST /networks/create",
        "POST /containers/create?name=t-collector-1",
        "PUT /containers/t-grafana-1/archive",
        "POST /containers/t-clickhouse-1/start",
    ] {
        let stack = FakeStack::with_images();
        let says = "write /var/lib/docker/overlay2/x: no space left on device";
        stack.engine.on(call).refuse(500, says);
        let failed = stack.telemetry("start --engine docker").output();
        assert_eq!(failed.status, Some(1), "{call}: {}", failed.stderr);
        assert!(failed.stderr.contains("no space left on device"), "{call}");
        assert!(failed.stderr.contains("`docker system df`"), "{call}");
        stack.is_clean();

        stack.engine.forget_faults();
        stack.succeeds("start --engine docker");
    }
}

#[test]
fn an_engine_that_vanishes_is_told_and_once_it_is_back_a_start_repairs_what_it_left() {
    for first in [true, false] {
        for step in 0.. {
            let stack = FakeStack::with_images();
            let mut command = "start --engine docker";
            if !first {
                stack.succeeds(command);
                command = "restart";
            }
            let change = stack.engine.on_change().after(step).pause();
            let run = stack.telemetry(command);
            let mut child = run.env("GF_SECURITY_ADMIN_PASSWORD", "another").spawn();
            if !change.is_reached(|| matches!(child.try_wait(), Ok(Some(_)))) {
                assert!(step > 5, "only {step} calls change something");
                break;
            }
            stack.engine.vanish();
            change.go_on();
            let failed = ended(child);
            if failed.status == Some(0) {
                // It was about to remove what it had replaced.
                let told = "t-grafana-1-previous, which was replaced, is not removed";
                assert!(failed.stderr.contains(told), "{step}: {}", failed.stderr);
            } else {
                assert_eq!(failed.status, Some(5), "{step}: {}", failed.stderr);
                let socket = stack.engine.docker_host();
                assert!(failed.stderr.contains(&socket), "{step}: {}", failed.stderr);
            }
            stack.engine.come_back();
            // What is left of it is known.
            let status = stack.telemetry("status --format json").json();
            assert_eq!(status["data"]["engine"], "docker", "{step}: {status}");
            let run = stack.telemetry(command);
            let repaired = run.env("GF_SECURITY_ADMIN_PASSWORD", "another").output();
            assert_eq!(repaired.status, Some(0), "{step}: {}", repaired.stderr);
            stack.is_whole();
        }
    }
}

#[test]
fn a_call_whose_connection_is_cut_leaves_nothing_behind_whether_it_was_carried_out_or_not() {
    for carried_out in [true, false] {
        for step in 0.. {
            let stack = FakeStack::with_images();
            let call = stack.engine.on_change().after(step).times(1);
            if carried_out {
                call.cut_after();
            } else {
                call.cut_before();
            }
            let ended = stack.telemetry("start --engine docker").output();
            if ended.status == Some(0) {
                assert!(step > 5, "only {step} calls change something");
                break;
            }
            assert_eq!(ended.status, Some(5), "{step}: {}", ended.stderr);
            stack.is_clean();
        }
    }
}

#[test]
fn an_engine_that_accepts_and_never_answers_is_told_soon() {
    let stack = FakeStack::started();
    stack.engine.on("GET /version").hang();
    let failed = stack.telemetry("restart").output();
    assert_eq!(failed.status, Some(5), "{}", failed.stderr);
    let told = "error[no_engine]: the Docker engine at `unix://";
    assert!(failed.stderr.contains(told), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("does not answer"),
        "{}",
        failed.stderr
    );
    assert!(
        failed.stderr.contains("`docker version`"),
        "{}",
        failed.stderr
    );
}

#[test]
fn of_a_stack_whose_engine_is_gone_nobody_claims_to_know() {
    let stack = FakeStack::started();
    let mut follows = stack.telemetry("logs -f").spawn();
    stack.engine.is_called("GET /containers/t-grafana-1/logs");
    stack.engine.vanish();
    let status = stack.telemetry("status --format json").json();
    assert_eq!(status["data"]["state"], "unknown", "{status}");
    let reason = status["data"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(&stack.engine.docker_host()), "{status}");
    for command in ["stop", "restart", "start", "logs", "clean --yes"] {
        let failed = stack.telemetry(command).output();
        assert_eq!(failed.status, Some(5), "{command}: {}", failed.stderr);
        assert!(
            failed.stderr.contains("hint: "),
            "{command}: {}",
            failed.stderr
        );
    }
    assert_eq!(follows.wait().expect("it ends").code(), Some(5));
    stack.engine.come_back();
    stack.is_whole();
    let status = stack.telemetry("status --format json").json();
    assert_eq!(status["data"]["state"], "running", "{status}");
}

#[test]
fn a_stop_that_is_refused_is_told_and_can_be_made_again() {
    for call in [
        "POST /containers/t-collector-1/stop",
        "DELETE /containers/t-clickhouse-1",
        "DELETE /networks/t_default",
    ] {
        let stack = FakeStack::started();
        stack
            .engine
            .on(call)
            .times(1)
            .refuse(500, "device or resource busy");
        let failed = stack.telemetry("stop").output();
        assert_eq!(failed.status, Some(1), "{call}: {}", failed.stderr);
        assert!(failed.stderr.contains("busy"), "{call}: {}", failed.stderr);
        stack.succeeds("stop");
        stack.is_clean();
        stack.succeeds("start");
        stack.is_whole();
    }
}

#[test]
fn a_slow_engine_is_waited_for() {
    let stack = FakeStack::with_images();
    stack.engine.on("*").delay(Duration::from_millis(100));
    stack.succeeds("start --engine docker");
    stack.is_whole();
    stack.succeeds("stop");
    stack.is_clean();
}

#[test]
fn a_container_that_is_paused_or_has_ended_goes_on() {
    let stack = FakeStack::started();
    for (name, status) in [
        ("t-collector-1", Status::Paused),
        ("t-grafana-1", Status::Exited),
    ] {
        let mut state = stack.engine.state();
        let container = state.container_mut(name).expect("it is there");
        container.status = status;
        if status == Status::Exited {
            container.processes.clear();
        }
    }
    stack.succeeds("start --engine docker");
    stack.is_whole();
}
