//! A stack on the fake engine.

use std::{collections::BTreeMap, process::Child};

use crate::{
    engine::{FakeEngine, state::Status},
    support::{
        docker::free_ports,
        sandbox::{Ended, Run, Sandbox},
    },
};

/// What images are pulled from; nobody but the fake engine would find it.
pub const REGISTRY: &str = "registry.example.com";

/// A stack in a home of its own, on an engine of its own.
pub struct FakeStack {
    pub engine: FakeEngine,
    pub sandbox: Sandbox,
    ports: [(&'static str, u16); 7],
}

impl FakeStack {
    /// Nothing yet, with ports that are free.
    pub fn prepare() -> Self {
        Self {
            engine: FakeEngine::start(),
            sandbox: Sandbox::new(),
            ports: free_ports(),
        }
    }

    /// The same, with an engine that has the images.
    pub fn with_images() -> Self {
        let stack = Self::prepare();
        for image in images() {
            stack.engine.state().add_image(&image);
        }
        stack
    }

    /// A stack that runs.
    pub fn started() -> Self {
        let stack = Self::with_images();
        stack.succeeds("start --engine docker");
        stack
    }

    pub fn telemetry(&self, arguments: &str) -> Run<'_> {
        let run = self
            .sandbox
            .telemetry(arguments)
            .env("TELEMETRY_PROJECT", "t")
            .env("TELEMETRY_IMAGE_REGISTRY", REGISTRY)
            .env("DOCKER_HOST", &self.engine.docker_host());
        self.ports.iter().fold(run, |run, (variable, port)| {
            run.env(variable, &port.to_string())
        })
    }

    /// Runs it; panics if it fails.
    pub fn succeeds(&self, arguments: &str) -> Ended {
        let ended = self.telemetry(arguments).output();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        ended
    }

    /// How many of its containers run.
    pub fn running(&self) -> usize {
        let statuses = self.engine.state().statuses();
        let running = statuses.values().filter(|it| **it == Status::Running);
        running.count()
    }

    /// Sees that it runs, with nothing beside it that is not its own.
    pub fn is_whole(&self) {
        let statuses = self.engine.state().statuses();
        let whole = ["t-clickhouse-1", "t-collector-1", "t-grafana-1"];
        let whole = whole.map(|name| (name.to_owned(), Status::Running));
        assert_eq!(statuses, whole.into());
    }

    /// Sees that nothing is left but volumes.
    pub fn is_clean(&self) {
        let state = self.engine.state();
        assert_eq!(state.statuses(), [].into());
        assert_eq!(state.networks.len(), 0);
    }

    /// The ids of its containers, by name.
    pub fn ids(&self) -> BTreeMap<String, String> {
        let state = self.engine.state();
        let containers = state.containers.values();
        containers
            .map(|it| (it.name.clone(), it.id.clone()))
            .collect()
    }

    /// The port of this variable.
    pub fn port(&self, variable: &str) -> u16 {
        let mut ports = self.ports.iter();
        let port = ports.find(|(name, _)| *name == variable);
        port.expect("it is one of the stack's").1
    }
}

/// How a run ended that was begun by [`Run::spawn`].
pub fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ended {
        status: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// The images of the stack.
pub fn images() -> Vec<String> {
    let file = include_str!("../../compose/docker-compose.yml");
    let lines = file.lines().map(str::trim);
    let images = lines.filter_map(|line| line.strip_prefix("image: "));
    images
        .map(|image| image.replace("${TELEMETRY_IMAGE_REGISTRY:-docker.io}", REGISTRY))
        .collect()
}
