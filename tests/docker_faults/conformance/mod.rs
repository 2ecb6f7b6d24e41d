//! The same calls to the fake engine and to a real one, which must tell the same: so the fake
//! cannot drift from what it stands for.
//!
//! What is compared is the statuses, the words of refusals and what of the answers `telemetry`
//! reads. What differs from engine to engine, as ids and times do, is compared by its kind.

mod asked;
mod cases;

use std::path::Path;

use asked::Asked;

use crate::{
    engine::{Behaviour, FakeEngine},
    support::docker::docker,
};

/// The images that a container is made of: one that works, and one that ends at once, as it lacks
/// its configuration.
const WORKS: &str = "grafana/grafana:13.2.3";
const ENDS: &str = "otel/opentelemetry-collector-contrib:0.161.0";

#[test]
fn the_fake_engine_and_a_real_one_tell_the_same() {
    let missing = if docker(&["version"]).is_none() {
        Some("no Docker engine answers")
    } else if std::env::var_os("TELEMETRY_IMAGE_REGISTRY").is_none() {
        Some("TELEMETRY_IMAGE_REGISTRY, for which see tests/stand-ins/build, is not set")
    } else {
        None
    };
    if let Some(missing) = missing {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("ignored: {missing}");
        return;
    }
    let registry = std::env::var("TELEMETRY_IMAGE_REGISTRY").expect("it was looked for");
    let images = [WORKS, ENDS].map(|image| format!("{registry}/{image}"));
    let fake = FakeEngine::start();
    for image in &images {
        fake.state().add_image(image);
    }
    let why = "cannot read configuration";
    fake.let_service("ends", Behaviour::ExitsAtOnce(1, why));
    let host = std::env::var("DOCKER_HOST");
    let host = host.as_deref().unwrap_or("unix:///var/run/docker.sock");
    let real = host
        .strip_prefix("unix://")
        .expect("the engine is on this machine");
    for image in &images {
        docker(&["pull", image]).expect("the registry has it");
    }

    let fake = Asked::new(&fake.socket(), "f").tells_all(&images);
    let real = Asked::new(Path::new(real), "r").tells_all(&images);
    assert_same(&real, &fake);
}

/// Shows only what differs.
fn assert_same(real: &[String], fake: &[String]) {
    let pairs = real.iter().zip(fake).filter(|(real, fake)| real != fake);
    let differing: Vec<_> = pairs
        .map(|(real, fake)| format!("real: {real}\nfake: {fake}"))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(real.len(), fake.len());
}
