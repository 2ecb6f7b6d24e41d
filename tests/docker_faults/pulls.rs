//! Pulling images: what registries and engines say, and what the binary makes of it.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use serde_json::{Value, json};

use crate::{
    engine::{Call, pull::Said},
    stack::{FakeStack, REGISTRY, images},
};

const GRAFANA: &str = "POST /images/create?fromImage=*grafana*";

/// The pulls of Grafana's image so far.
fn pulls(stack: &FakeStack) -> Vec<Call> {
    let mut calls = stack.engine.calls();
    calls.retain(|call| call.path == "/images/create" && call.to_string().contains("grafana"));
    calls
}

#[test]
fn each_image_is_pulled_once_and_only_if_it_is_missing() {
    let stack = FakeStack::prepare();
    stack.succeeds("start --engine docker");
    let all = || {
        let calls = stack.engine.calls();
        let pulls = calls.iter().filter(|call| call.path == "/images/create");
        pulls.count()
    };
    assert_eq!(all(), 3);
    stack.succeeds("stop");
    stack.succeeds("start");
    assert_eq!(all(), 3);
    stack.succeeds("restart --pull always");
    assert_eq!(all(), 6);
}

#[test]
fn a_pull_may_be_silent_for_a_while() {
    let stack = FakeStack::prepare();
    let layer = |done| Said::Layer("a1b2c3d4e5f6", done, 100);
    let silence = Said::Silence(Duration::from_millis(500));
    stack
        .engine
        .on(GRAFANA)
        .say([layer(1), silence, layer(100)]);
    stack.succeeds("start --engine docker");
    assert_eq!(pulls(&stack).len(), 1);
}

#[test]
fn what_must_not_be_pulled_and_is_missing_is_told_before_anything_is_made() {
    let stack = FakeStack::prepare();
    let failed = stack
        .telemetry("start --engine docker --pull never")
        .output();
    assert_eq!(failed.status, Some(1));
    assert!(
        failed.stderr.contains("error[engine_start]: image `"),
        "{}",
        failed.stderr
    );
    assert!(
        failed.stderr.contains("leave out `--pull never`"),
        "{}",
        failed.stderr
    );
    assert!(!stack.engine.calls().iter().any(Call::changes));
}

#[test]
fn a_pull_that_fails_for_a_moment_is_tried_again() {
    let layer = Said::Layer("a1b2c3d4e5f6", 10, 100);
    let limit = "toomanyrequests: You have reached your pull rate limit";
    let broken = "unexpected EOF";
    for (said, told) in [
        (vec![layer.clone(), Said::Error(limit)], "rate limit"),
        (vec![layer.clone(), Said::Error(broken)], "unexpected EOF"),
        (vec![layer, Said::Cut], "connection"),
    ] {
        let stack = FakeStack::prepare();
        stack.engine.on(GRAFANA).times(1).say(said);
        let ended = stack.succeeds("start --engine docker");
        assert!(ended.stderr.contains("trying again"), "{}", ended.stderr);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        assert_eq!(pulls(&stack).len(), 2);
        stack.is_whole();
    }
}

#[test]
fn a_limit_that_the_engine_passes_on_as_a_status_is_waited_for() {
    for (status, says) in [
        (429, "toomanyrequests: slow down"),
        (
            500,
            "Get https://registry.example.com/v2/: net/http: TLS handshake timeout",
        ),
    ] {
        let stack = FakeStack::prepare();
        stack.engine.on(GRAFANA).times(1).refuse(status, says);
        let ended = stack.succeeds("start --engine docker");
        assert!(ended.stderr.contains("trying again"), "{}", ended.stderr);
        assert_eq!(pulls(&stack).len(), 2);
    }
}

#[test]
fn what_time_does_not_mend_is_told_at_once_and_leaves_nothing() {
    let missing = "manifest for a:1 not found: manifest unknown: manifest unknown";
    let denied =
        "pull access denied for a, repository does not exist or may require 'docker login'";
    let full = "write /var/lib/docker/tmp/x: no space left on device";
    for (status, says, hint) in [
        (404, missing, "`TELEMETRY_IMAGE_REGISTRY`"),
        (404, denied, "`docker login`"),
        (500, full, "`docker system df`"),
    ] {
        let stack = FakeStack::prepare();
        stack.engine.on(GRAFANA).refuse(status, says);
        let failed = stack.telemetry("start --engine docker").output();
        assert_eq!(failed.status, Some(5), "{}", failed.stderr);
        let told = format!("error[engine_download]: cannot pull `{REGISTRY}/grafana/grafana");
        assert!(failed.stderr.contains(&told), "{}", failed.stderr);
        assert!(failed.stderr.contains(says), "{}", failed.stderr);
        assert!(failed.stderr.contains(hint), "{}", failed.stderr);
        assert_eq!(pulls(&stack).len(), 1);
        stack.is_clean();
    }
    let stack = FakeStack::prepare();
    stack
        .engine
        .on(GRAFANA)
        .say([Said::Layer("a", 1, 2), Said::Error(full)]);
    let failed = stack.telemetry("start --engine docker").output();
    assert!(
        failed.stderr.contains("`docker system df`"),
        "{}",
        failed.stderr
    );
    stack.is_clean();
}

/// The credentials of a pull, as the engine understands them: it reads the alphabet of URLs, and
/// takes whatever it cannot read for none.
fn credentials(call: &Call) -> Option<Value> {
    let header = call.headers.get("x-registry-auth")?;
    serde_json::from_slice(&URL_SAFE.decode(header).ok()?).ok()
}

#[test]
fn the_engine_is_given_the_credentials_that_docker_keeps() {
    // Bytes of which base64 has both of the characters that its two alphabets differ in.
    let passwords = ["secret", "~~~???>>>", "päß\u{fffd}wort", "a:b"];
    for (step, password) in passwords.into_iter().enumerate() {
        for shift in 0..3 {
            let password = format!("{}{password}", "x".repeat(shift));
            let stack = FakeStack::prepare();
            let auth = base64::engine::general_purpose::STANDARD.encode(format!("me:{password}"));
            let config = json!({"auths": {REGISTRY: {"auth": auth}}});
            stack
                .sandbox
                .write(".docker/config.json", &config.to_string());
            stack.succeeds("start --engine docker");
            let told = credentials(&pulls(&stack)[0]).unwrap_or_default();
            assert_eq!(told["username"], "me", "{step} {shift}: {password}");
            assert_eq!(told["password"], *password);
            assert_eq!(told["serveraddress"], REGISTRY);
        }
    }
}

#[test]
fn a_credential_helper_is_asked_for_the_registry() {
    let stack = FakeStack::prepare();
    let helper = format!(
        "#!/bin/sh\nread registry\n[ \"$1 $registry\" = \"get {REGISTRY}\" ] || exit 1\n\
         echo '{{\"ServerURL\": \"x\", \"Username\": \"<token>\", \"Secret\": \"~?>t\"}}'\n"
    );
    stack.sandbox.write("bin/docker-credential-tests", &helper);
    let program = stack.sandbox.home().join("bin/docker-credential-tests");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let config = json!({"credHelpers": {REGISTRY: "tests"}});
    stack
        .sandbox
        .write(".docker/config.json", &config.to_string());
    let directory = stack.sandbox.home().join("bin");
    let path = format!("{}:/usr/bin:/bin", directory.display());
    let ended = stack
        .telemetry("start --engine docker")
        .env("PATH", &path)
        .output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let told = credentials(&pulls(&stack)[0]).unwrap_or_default();
    assert_eq!(told["identitytoken"], "~?>t", "{told}");
}

#[test]
fn without_credentials_none_are_sent() {
    let stack = FakeStack::prepare();
    stack.succeeds("start --engine docker");
    assert_eq!(pulls(&stack)[0].headers.get("x-registry-auth"), None);
    assert_eq!(images().len(), 4);
}
