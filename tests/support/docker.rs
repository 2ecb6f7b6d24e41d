//! A stack on a real Docker engine, with images that are there or can be pulled.

use std::{collections::BTreeSet, net::TcpListener, process::Command, sync::Mutex};

use super::sandbox::{Run, Sandbox};

/// A stack in a home of its own. It is removed, with its volumes, when dropped; if the test fails,
/// its log is shown first.
pub struct DockerStack {
    pub sandbox: Sandbox,
    pub project: String,
    ports: [(&'static str, u16); 7],
}

impl DockerStack {
    /// Nothing yet, with ports that are free. `None` where no engine answers or no registry for
    /// images is named: the test cannot be made then, which it says, and which is a failure in CI.
    pub fn prepare(name: &str) -> Option<Self> {
        let engine = docker(&["version", "--format", "{{.Server.APIVersion}}"]);
        let missing = if engine.is_none() {
            "no Docker engine answers"
        } else if std::env::var_os("TELEMETRY_IMAGE_REGISTRY").is_none() {
            "TELEMETRY_IMAGE_REGISTRY, for which see tests/stand-ins/build, is not set"
        } else {
            let sandbox = Sandbox::new();
            let project = format!("t-{name}-{}", std::process::id());
            return Some(Self {
                sandbox,
                project,
                ports: free_ports(),
            });
        };
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("ignored: {missing}");
        None
    }

    pub fn telemetry(&self, arguments: &str) -> Run<'_> {
        let registry = std::env::var("TELEMETRY_IMAGE_REGISTRY").expect("it was looked for");
        let host = std::env::var("DOCKER_HOST");
        let run = self.sandbox.telemetry(arguments);
        let run = run
            .env("TELEMETRY_PROJECT", &self.project)
            .env("TELEMETRY_IMAGE_REGISTRY", &registry)
            .env(
                "DOCKER_HOST",
                host.as_deref().unwrap_or("unix:///var/run/docker.sock"),
            );
        self.ports.iter().fold(run, |run, (variable, port)| {
            run.env(variable, &port.to_string())
        })
    }

    /// The port of this variable.
    pub fn port(&self, variable: &str) -> u16 {
        let mut ports = self.ports.iter();
        let port = ports.find(|(name, _)| *name == variable);
        port.expect("it is one of the stack's").1
    }

    /// Starts it; panics if that fails.
    pub fn start(&self) {
        let ended = self.telemetry("start --engine docker").output();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    }

    /// The names of what the engine has of it: `ps --all`, `network ls` or `volume ls`.
    pub fn has(&self, kind: &str) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let format = if kind.starts_with("ps") {
            "{{.Names}}"
        } else {
            "{{.Name}}"
        };
        let arguments: Vec<&str> = kind
            .split(' ')
            .chain(["--filter", &label, "--format", format])
            .collect();
        let listed = docker(&arguments).expect("the engine answers");
        let mut names: Vec<_> = listed.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// The ids of its containers, by name.
    pub fn ids(&self) -> Vec<(String, String)> {
        let names = self.has("ps --all");
        let id = |name: &String| {
            let id = docker(&["inspect", "--format", "{{.Id}}", name]);
            (name.clone(), id.expect("the container is there"))
        };
        names.iter().map(id).collect()
    }
}

impl Drop for DockerStack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.telemetry("logs --tail 100").output().stdout);
        }
        for name in self.has("ps --all") {
            docker(&["rm", "--force", &name]);
        }
        for name in self.has("network ls") {
            docker(&["network", "rm", &name]);
        }
        for name in self.has("volume ls") {
            docker(&["volume", "rm", &name]);
        }
    }
}

/// What Docker's own client prints; `None` if it fails.
pub fn docker(arguments: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).expect("it prints text");
    output.status.success().then_some(text.trim().to_owned())
}

/// Ports that are free now, below those that systems give to clients; each with its variable. No
/// other test of this process gets them.
pub fn free_ports() -> [(&'static str, u16); 7] {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let bind = || {
        let port = rand::random_range(10_000..32_768);
        let is_new = GIVEN.lock().is_ok_and(|mut given| given.insert(port));
        is_new.then(|| TcpListener::bind(("127.0.0.1", port)).ok())?
    };
    let free = || std::iter::repeat_with(bind).flatten().next();
    // Held together, so that they differ.
    let listeners: [TcpListener; 7] = std::array::from_fn(|_| free().expect("it has no end"));
    let mut ports = listeners
        .iter()
        .map(|listener| listener.local_addr().expect("it is bound").port());
    [
        "TELEMETRY_OTLP_HTTP_PORT",
        "TELEMETRY_OTLP_GRPC_PORT",
        "TELEMETRY_CLICKHOUSE_PORT",
        "TELEMETRY_CLICKHOUSE_NATIVE_PORT",
        "TELEMETRY_DASHBOARD_PORT",
        "TELEMETRY_HEALTH_PORT",
        "TELEMETRY_COLLECTOR_METRICS_PORT",
    ]
    .map(|variable| (variable, ports.next().expect("there are seven")))
}
