//! Ctrl-C at every step, two at once, and engines that keep one waiting.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command},
};

use crate::{
    engine::{Behaviour, fault::Pause},
    stack::{FakeStack, ended},
    support::sandbox::{Ended, Sandbox},
};

/// The password that a change is made of.
const CHANGED: (&str, &str) = ("GF_SECURITY_ADMIN_PASSWORD", "another");

fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status();
    assert!(killed.expect("there is a `kill`").success());
}

/// Interrupts a run when `at` is reached; `None` if it ended before.
fn interrupted_at(mut child: Child, at: Pause) -> Option<Ended> {
    if !at.is_reached(|| matches!(child.try_wait(), Ok(Some(_)))) {
        assert_eq!(ended(child).status, Some(0));
        return None;
    }
    interrupt(&child);
    at.go_on();
    Some(ended(child))
}

#[test]
fn an_interrupted_first_start_leaves_nothing_at_whatever_step() {
    for step in 0.. {
        let stack = FakeStack::prepare();
        let at = stack.engine.on_change().after(step).pause();
        let child = stack.telemetry("start --engine docker").spawn();
        let Some(ended) = interrupted_at(child, at) else {
            assert!(step > 10, "only {step} calls change something");
            break;
        };
        assert_eq!(ended.status, Some(130), "{step}: {}", ended.stderr);
        let told = "error[interrupted]: interrupted; all is as it was before";
        assert!(ended.stderr.contains(told), "{step}: {}", ended.stderr);
        stack.is_clean();
        stack.succeeds("start --engine docker");
        stack.is_whole();
    }
}

#[test]
fn an_interrupted_change_leaves_the_old_stack_or_none_at_whatever_step() {
    let mut gone = 0;
    for step in 0.. {
        let stack = FakeStack::started();
        let before = stack.ids();
        let at = stack.engine.on_change().after(step).pause();
        let run = stack.telemetry("restart").env(CHANGED.0, CHANGED.1);
        let Some(ended) = interrupted_at(run.spawn(), at) else {
            assert!(step > 4, "only {step} calls change something");
            break;
        };
        assert_eq!(ended.status, Some(130), "{step}: {}", ended.stderr);
        if ended.stderr.contains("all is as it was before") {
            assert_eq!(stack.ids(), before, "{step}");
            stack.is_whole();
        } else {
            gone += 1;
            let told = "interrupted; the stack is stopped; its data is kept";
            assert!(ended.stderr.contains(told), "{step}: {}", ended.stderr);
            stack.is_clean();
        }
        let run = stack.telemetry("start").env(CHANGED.0, CHANGED.1);
        let ended = run.output();
        assert_eq!(ended.status, Some(0), "{step}: {}", ended.stderr);
        stack.is_whole();
    }
    // That is where what was replaced is removed.
    assert_eq!(gone, 1);
}

#[test]
fn an_interrupted_restart_of_all_leaves_the_old_stack_or_none_at_whatever_step() {
    for step in 0.. {
        let stack = FakeStack::started();
        let before = stack.ids();
        let at = stack.engine.on_change().after(step).pause();
        let child = stack.telemetry("restart").spawn();
        let Some(ended) = interrupted_at(child, at) else {
            assert!(step > 10, "only {step} calls change something");
            break;
        };
        assert_eq!(ended.status, Some(130), "{step}: {}", ended.stderr);
        if stack.ids() == before {
            stack.is_whole();
        } else {
            stack.is_clean();
        }
        stack.succeeds("start");
        stack.is_whole();
    }
}

#[test]
fn an_interrupted_stop_is_taken_up_again_at_whatever_step() {
    for step in 0.. {
        let stack = FakeStack::started();
        let at = stack.engine.on_change().after(step).pause();
        let child = stack.telemetry("stop").spawn();
        let Some(ended) = interrupted_at(child, at) else {
            assert!(step > 6, "only {step} calls change something");
            break;
        };
        assert_ne!(ended.status, Some(0), "{step}");
        if step % 2 == 0 {
            stack.succeeds("stop");
            stack.is_clean();
        } else {
            stack.succeeds("start");
            stack.is_whole();
        }
    }
}

#[test]
fn who_waits_for_a_service_can_be_interrupted() {
    let stack = FakeStack::with_images();
    let never = Behaviour::NeverReady;
    stack.engine.let_service("clickhouse", never);
    let child = stack.telemetry("start --engine docker").spawn();
    stack.engine.eventually("it runs", |state| {
        let container = state.container("t-clickhouse-1");
        container.is_some_and(|it| it.status.runs())
    });
    interrupt(&child);
    assert_eq!(ended(child).status, Some(130));
    stack.is_clean();
}

#[test]
fn an_engine_that_does_not_answer_can_be_interrupted() {
    for call in [
        "GET /containers/json",
        "GET /volumes",
        "GET /images/*",
        "GET /info",
    ] {
        let stack = FakeStack::started();
        stack.engine.on(call).after(2).hang();
        stack.engine.forget_calls();
        let run = stack.telemetry("restart").env(CHANGED.0, CHANGED.1);
        let child = run.spawn();
        stack.engine.is_called("GET /images/*");
        interrupt(&child);
        let ended = ended(child);
        assert_eq!(ended.status, Some(130), "{call}: {}", ended.stderr);
        stack.is_whole();
    }
}

#[test]
fn whoever_insists_does_not_wait_for_a_call_that_hangs() {
    let stack = FakeStack::with_images();
    stack.engine.on("POST /containers/create*").hang();
    let mut child = stack.telemetry("start --engine docker").spawn();
    stack.engine.is_called("POST /containers/create*");
    interrupt(&child);
    let says = child.stderr.as_mut().expect("it is piped");
    let mut says = BufReader::new(says).lines().map_while(Result::ok);
    assert!(says.any(|line| line.contains("interrupts again")));
    interrupt(&child);
    let ended = ended(child);
    assert_eq!(ended.status, Some(130), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("`telemetry stop` removes"),
        "{}",
        ended.stderr
    );
    stack.engine.forget_faults();
    stack.succeeds("stop");
    stack.is_clean();
    stack.succeeds("start --engine docker");
    stack.is_whole();
}

#[test]
fn of_two_starts_at_once_one_makes_the_stack_and_the_other_finds_it() {
    let stack = FakeStack::prepare();
    let at = stack
        .engine
        .on("POST /containers/t-clickhouse-1/start")
        .pause();
    let first = stack.telemetry("start --engine docker").spawn();
    at.reached();
    let second = stack.telemetry("start --engine docker").spawn();
    at.go_on();
    let ended = [first, second].map(ended);
    for ended in &ended {
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    }
    assert!(
        ended[1].stdout.contains("already running"),
        "{}",
        ended[1].stdout
    );
    stack.is_whole();
}

#[test]
fn of_two_people_who_start_the_same_project_at_once_each_finds_the_one_stack() {
    for call in [
        "POST /networks/create",
        "POST /containers/create*",
        "POST /containers/t-clickhouse-1/start",
    ] {
        let mut stack = FakeStack::with_images();
        let at = stack.engine.on(call).pause();
        let first = stack.telemetry("start --engine docker").spawn();
        at.reached();
        let home = std::mem::replace(&mut stack.sandbox, Sandbox::new());
        let second = stack
            .telemetry("start --engine docker --wait-timeout 5s")
            .output();
        at.go_on();
        let first = ended(first);
        for ended in [first, second] {
            assert_eq!(ended.status, Some(0), "{call}: {}", ended.stderr);
        }
        stack.is_whole();
        drop(home);
    }
}
