//! `telemetry doctor` on stacks that run, that are stopped, that are broken, and that are not there.

mod support;

use std::{net::TcpListener, os::unix::net::UnixListener};

use insta::assert_snapshot;
use serde_json::Value;
use support::{
    docker::DockerStack,
    eventually,
    sandbox::{Run, Sandbox},
    stack::{Ports, Stack},
};

/// What `doctor` found, and how it ended.
struct Diagnosis {
    envelope: Value,
    status: Option<i32>,
}

impl Diagnosis {
    fn of(run: Run<'_>) -> Self {
        let ended = run.arg("--format=json").output();
        Self {
            envelope: serde_json::from_str(&ended.stdout)
                .unwrap_or_else(|error| panic!("{error}: {} {}", ended.stdout, ended.stderr)),
            status: ended.status,
        }
    }

    fn findings(&self) -> impl Iterator<Item = &Value> {
        let findings = self.envelope["data"]["findings"].as_array();
        findings.expect("it is a list").iter()
    }

    /// The findings of this level, each as `topic: subject: found (fix)`.
    fn at(&self, level: &str) -> Vec<String> {
        self.findings()
            .filter(|finding| finding["level"] == level)
            .map(|finding| {
                let text = |field: &str| finding[field].as_str().unwrap_or("no fix").to_owned();
                format!(
                    "{}: {}: {} ({})",
                    text("topic"),
                    text("subject"),
                    text("found"),
                    text("fix")
                )
            })
            .collect()
    }

    /// The only problem.
    fn problem(&self) -> String {
        let [problem] = self.at("problem").try_into().expect("it is the only one");
        assert_eq!(self.status, Some(4));
        assert_eq!(self.envelope["error"]["code"], "unhealthy");
        assert_eq!(self.envelope["data"]["problems"], 1);
        problem
    }

    fn assert_sound(&self) {
        assert_eq!(self.at("problem"), [""; 0]);
        assert_eq!(self.status, Some(0));
        assert_eq!(self.envelope["status"], "ok");
    }
}

#[test]
fn a_machine_without_anything_is_told_what_would_be_used() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    let run = stack
        .telemetry("doctor")
        .env(
            "TELEMETRY_OTLP_HTTP_PORT",
            &stack.ports.otlp_http.to_string(),
        )
        .env(
            "TELEMETRY_OTLP_GRPC_PORT",
            &stack.ports.otlp_grpc.to_string(),
        )
        .env(
            "TELEMETRY_CLICKHOUSE_PORT",
            &stack.ports.clickhouse.to_string(),
        )
        .env(
            "TELEMETRY_DASHBOARD_PORT",
            &stack.ports.dashboards.to_string(),
        )
        .env("TELEMETRY_HEALTH_PORT", &stack.ports.health.to_string())
        .env("TELEMETRY_ENGINE", "embedded");
    let mut settings = stack.snapshot_settings();
    settings.add_filter(
        r"chDB \d+\.\d+\.\d+ at `.*`",
        "chDB [VERSION] at `[LIBRARY]`",
    );
    settings.add_filter(r"telemetry \d+\.\d+\.\d+", "telemetry [VERSION]");
    settings.add_filter(r"\d+\.\d+ [GT]iB", "[SIZE]");
    settings.bind(|| {
        assert_snapshot!(run.snapshot(), @"
        exit status: 0
        --- stdout ---
        Engine
          ok      engine: embedded (as `TELEMETRY_ENGINE` says, environment)
          ok      engine library: chDB [VERSION] at `[LIBRARY]`
        Versions
          ok      this program: telemetry [VERSION]
        Ports
          ok      OTLP/HTTP [OTLP_HTTP], OTLP/gRPC [OTLP_GRPC], ClickHouse HTTP [CLICKHOUSE], dashboards [DASHBOARDS], health [HEALTH]: free
        Disk
          ok      `[HOME]/.local/share/telemetry/telemetry`, for the data of the stack: [SIZE] free
        Memory
          ok      this machine: [SIZE] for the stack, and it may take [SIZE]
        Passwords
          note    `CLICKHOUSE_PASSWORD`, `CLICKHOUSE_INGEST_PASSWORD`, `CLICKHOUSE_GRAFANA_PASSWORD`, `GF_SECURITY_ADMIN_PASSWORD`: default, reachable from this machine only (127.0.0.1)
                  fix: set them in the environment or in `.env`, then `telemetry start`
        Settings
          ok      environment: nothing that is misspelt or leads elsewhere
        Data path
          note    stack: not running
                  fix: `telemetry start` starts it

        0 problems, 2 notes
        ");
    });
}

#[test]
fn a_stack_that_runs_is_sound_and_one_that_is_stopped_too() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let tested = stack.telemetry("test").output();
    assert_eq!(tested.status, Some(0), "{}", tested.stderr);
    let diagnosis = Diagnosis::of(stack.telemetry("doctor"));
    diagnosis.assert_sound();
    let found = diagnosis.at("ok").join("\n");
    for expected in [
        "health",
        "held by this stack",
        "clock: ClickHouse: agrees",
        "data_path: stack: running",
        "data_path: 5 endpoints: every one answers",
        "none refused or lost",
        "data_path: last span: began",
        "versions: database: schema version",
        "disk: telemetry: ",
    ] {
        assert!(found.contains(expected), "{expected} in {found}");
    }
    assert_eq!(diagnosis.at("note").len(), 1, "{:?}", diagnosis.at("note"));
    assert!(diagnosis.at("note")[0].contains("CLICKHOUSE_PASSWORD"));

    assert_eq!(stack.telemetry("stop").output().status, Some(0));
    let diagnosis = Diagnosis::of(stack.telemetry("doctor"));
    diagnosis.assert_sound();
    let notes = diagnosis.at("note").join("\n");
    assert!(
        notes.contains("stack: not running (`telemetry start` starts it)"),
        "{notes}"
    );
    assert!(diagnosis.at("ok").join("\n").contains(": free"));
}

#[test]
fn senders_with_a_wrong_clock_and_a_stack_that_was_killed_are_told_of() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let insert =
        "INSERT INTO traces (timestamp, service_name) SELECT now() + INTERVAL 2 HOUR, 'late'";
    let inserted = stack.telemetry("query").arg(insert).output();
    assert_eq!(inserted.status, Some(0), "{}", inserted.stderr);
    let diagnosis = Diagnosis::of(stack.telemetry("doctor"));
    diagnosis.assert_sound();
    let notes = diagnosis.at("note").join("\n");
    assert!(
        notes.contains("clock: sender `late`: 1 span up to 1"),
        "{notes}"
    );

    let server = stack.server().expect("it runs");
    Stack::signal("KILL", stack.supervisor());
    Stack::signal("KILL", server);
    eventually("it is gone", || stack.state() == "not_running");
    let diagnosis = Diagnosis::of(stack.telemetry("doctor"));
    diagnosis.assert_sound();
    let notes = diagnosis.at("note").join("\n");
    assert!(
        notes.contains("leftovers: the last run: process "),
        "{notes}"
    );
}

#[test]
fn a_stack_that_an_older_program_started_is_told_of() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let path = stack.directory().join("stack.json");
    let record = std::fs::read_to_string(&path).expect("it is written");
    let version = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    for (written, expected) in [
        (
            "\"0.0.1\"",
            "versions: last start: by the older telemetry 0.0.1",
        ),
        (
            "\"999.0.0\"",
            "versions: last start: by the newer telemetry 999.0.0",
        ),
    ] {
        std::fs::write(&path, record.replace(version, written)).expect("it is ours");
        let notes = Diagnosis::of(stack.telemetry("doctor"))
            .at("note")
            .join("\n");
        assert!(notes.contains(expected), "{notes}");
    }
    std::fs::write(&path, record).expect("it is ours");
    let newer = "INSERT INTO schema_migrations (version, name) SELECT 9999, 'later'";
    let inserted = stack.telemetry("query").arg(newer).output();
    assert_eq!(inserted.status, Some(0), "{}", inserted.stderr);
    let problem = Diagnosis::of(stack.telemetry("doctor")).problem();
    assert!(
        problem.starts_with("versions: database: the database has schema version 9999"),
        "{problem}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_and_an_unreadable_dotenv_are_told_of() {
    let sandbox = Sandbox::new();
    sandbox.write("here/file", "");
    let run = sound(&sandbox).env("TELEMETRY_DATA_DIR", "file/x");
    let problem = Diagnosis::of(run).problem();
    assert!(problem.starts_with("disk: data directory: "), "{problem}");
    assert!(problem.contains("`TELEMETRY_DATA_DIR`"), "{problem}");

    sandbox.write("here/.env/file", "");
    let problem = Diagnosis::of(sound(&sandbox)).problem();
    assert!(
        problem.starts_with("settings: not understood: cannot read `"),
        "{problem}"
    );
    assert!(problem.contains("here/.env`: Is a directory"), "{problem}");
}

#[test]
fn a_port_that_somebody_else_holds_is_told_with_who_and_the_setting() {
    let sandbox = Sandbox::new();
    let held = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = held.local_addr().expect("it is bound").port().to_string();
    let run = sound(&sandbox).env("TELEMETRY_CLICKHOUSE_PORT", &port);
    let problem = Diagnosis::of(run).problem();
    assert!(
        problem.starts_with(&format!("ports: ClickHouse HTTP {port}: ")),
        "{problem}"
    );
    assert!(problem.contains("TELEMETRY_CLICKHOUSE_PORT"), "{problem}");
    #[cfg(target_os = "linux")]
    assert!(
        problem.contains(&format!("(pid {})", std::process::id())),
        "{problem}"
    );
}

#[test]
fn default_passwords_on_every_address_are_a_problem_and_ones_own_are_not() {
    let sandbox = Sandbox::new();
    let run = || sound(&sandbox).env("TELEMETRY_HOST", "0.0.0.0");
    let problem = Diagnosis::of(run()).problem();
    assert!(
        problem.starts_with("passwords: `CLICKHOUSE_PASSWORD`, "),
        "{problem}"
    );
    assert!(
        problem.contains("0.0.0.0 (`TELEMETRY_HOST`, environment)"),
        "{problem}"
    );
    let safe = [
        "CLICKHOUSE_PASSWORD",
        "CLICKHOUSE_INGEST_PASSWORD",
        "CLICKHOUSE_GRAFANA_PASSWORD",
        "GF_SECURITY_ADMIN_PASSWORD",
    ]
    .iter()
    .fold(run(), |run, password| run.env(password, "secret"));
    let diagnosis = Diagnosis::of(safe);
    diagnosis.assert_sound();
    assert!(!diagnosis.envelope.to_string().contains("secret"));
}

#[test]
fn what_cannot_be_understood_is_told_and_the_rest_looked_at_without_it() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "here/.env",
        "TELEMETRY_HEALTH_PORT=high\nENVIRONMENT='ci\nA=1\n",
    );
    let run = sound(&sandbox)
        .env("TELEMETRY_RETENTION_DAYS", "many")
        .env("TELEMETRY_HOTS", "::1")
        .env("TELEMETRY_SOMEBODY_ELSES", "1");
    let run = without_health_port(run);
    let diagnosis = Diagnosis::of(run);
    assert_eq!(diagnosis.status, Some(4));
    let problems = diagnosis
        .at("problem")
        .join("\n")
        .replace(&sandbox.home().display().to_string(), "[HOME]");
    assert_snapshot!(problems, @"
    settings: `TELEMETRY_HOTS`: is not a setting (did you mean `TELEMETRY_HOST`?)
    settings: not understood: [HOME]/here/.env:2: the quote is not closed on this line (correct it; every command refuses it until then)
    settings: not understood: [HOME]/here/.env:1: `TELEMETRY_HEALTH_PORT` is `high`: expected a port, 1 to 65535 (correct it; every command refuses it until then)
    settings: not understood: `TELEMETRY_RETENTION_DAYS` in the environment is `many`: expected a number of days, 1 to 36500 (correct it; every command refuses it until then)
    ");
    let notes = diagnosis.at("note").join("\n");
    assert!(
        notes.contains("`TELEMETRY_SOMEBODY_ELSES`: is not a setting"),
        "{notes}"
    );
    assert!(diagnosis.at("ok").join("\n").contains("OTLP/HTTP"));
}

#[test]
fn a_record_that_is_damaged_is_told_of() {
    let sandbox = Sandbox::new();
    sandbox.write(".local/share/telemetry/telemetry/stack.json", "{");
    sandbox.write(".local/share/telemetry/telemetry/.telemetry-project", "");
    let problem = Diagnosis::of(sound(&sandbox)).problem();
    assert!(
        problem.contains("cannot read what the stack was started with"),
        "{problem}"
    );
    assert!(problem.contains("(remove the file"), "{problem}");
}

#[test]
fn a_library_that_is_not_there_is_told_with_what_to_set() {
    let sandbox = Sandbox::new();
    let run = sound(&sandbox).env("TELEMETRY_ENGINE_LIBRARY", "/nowhere/libchdb.so");
    let problem = Diagnosis::of(run).problem();
    assert!(
        problem.starts_with(
            "engine: engine library: `TELEMETRY_ENGINE_LIBRARY` is `/nowhere/libchdb.so`"
        ),
        "{problem}"
    );
    assert!(problem.contains("`telemetry engine install`"), "{problem}");
    sandbox.write("here/libchdb.so", "not a library");
    let run = sound(&sandbox).env("TELEMETRY_ENGINE_LIBRARY", "libchdb.so");
    let problem = Diagnosis::of(run).problem();
    assert!(
        problem.contains("not an engine library that works here"),
        "{problem}"
    );
}

#[test]
fn a_docker_engine_that_is_named_and_not_there_is_told_with_who_named_it() {
    let sandbox = Sandbox::new();
    let run = sound(&sandbox).env("TELEMETRY_ENGINE", "docker");
    let engine = Diagnosis::of(run).problem();
    assert!(
        engine.starts_with(
            "engine: Docker: no Docker engine answers at `unix:///nowhere/docker.sock` (as \
             `DOCKER_HOST` says)"
        ),
        "{engine}"
    );
    assert!(engine.contains("unset `DOCKER_HOST`"), "{engine}");
}

#[test]
fn a_docker_engine_that_hangs_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let socket = sandbox.home().join("docker.sock");
    let _hangs = UnixListener::bind(&socket).expect("there is room for it");
    let run = sound(&sandbox)
        .env("TELEMETRY_ENGINE", "auto")
        .env("DOCKER_HOST", &format!("unix://{}", socket.display()));
    let problem = Diagnosis::of(run).problem();
    assert!(
        problem.starts_with("engine: Docker: did not answer within 10s"),
        "{problem}"
    );
}

#[test]
fn an_environment_that_leads_elsewhere_is_told_of() {
    let sandbox = Sandbox::new();
    let run = sound(&sandbox)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otlp.example.com")
        .env("HTTP_PROXY", "http://proxy.example.com:3128");
    let diagnosis = Diagnosis::of(run);
    diagnosis.assert_sound();
    let notes = diagnosis.at("note").join("\n");
    assert!(notes.contains("NO_PROXY=127.0.0.1,localhost"), "{notes}");
    assert!(
        notes.contains("`https://otlp.example.com` is not this stack"),
        "{notes}"
    );
}

#[test]
fn a_stack_of_containers_is_looked_at_like_any_other() {
    let Some(stack) = DockerStack::prepare("doctor") else {
        return;
    };
    // Not there yet, and one of its ports is taken.
    let port = stack.port("TELEMETRY_DASHBOARD_PORT");
    let held = TcpListener::bind(("127.0.0.1", port)).expect("it was free");
    let docker = |line| stack.telemetry(line).env("TELEMETRY_ENGINE", "docker");
    let problem = Diagnosis::of(docker("doctor")).problem();
    assert!(
        problem.starts_with(&format!("ports: dashboards {port}: ")),
        "{problem}"
    );
    drop(held);

    stack.start();
    let tested = stack.telemetry("test").output();
    assert_eq!(tested.status, Some(0), "{}", tested.stderr);
    let diagnosis = Diagnosis::of(stack.telemetry("doctor"));
    diagnosis.assert_sound();
    let found = diagnosis.at("ok").join("\n");
    for expected in [
        "engine: Docker: version ",
        "clock: the engine's machine: agrees",
        "clock: ClickHouse: agrees",
        "versions: clickhouse: 2",
        "disk: telemetry: ",
        "held by this stack",
        "data_path: 7 endpoints: every one answers",
        "none refused or lost",
    ] {
        assert!(found.contains(expected), "{expected} in {found}");
    }
    let notes = diagnosis.at("note");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("GF_SECURITY_ADMIN_PASSWORD"));

    // Spans of an SDK that the collector does not understand, and a setting that has changed.
    let otlp = stack.port("TELEMETRY_OTLP_HTTP_PORT");
    let endpoint = format!("http://localhost:{otlp}/v1/traces");
    let run = stack
        .telemetry("doctor")
        .env("AUTOMAGIK_TELEMETRY_ENDPOINT", &endpoint)
        .env("GF_SECURITY_ADMIN_PASSWORD", "another");
    let diagnosis = Diagnosis::of(run);
    let problem = diagnosis.problem();
    assert!(
        problem.contains("env --sdk automagik-clickhouse"),
        "{problem}"
    );
    let notes = diagnosis.at("note").join("\n");
    assert!(notes.contains("versions: containers: not as"), "{notes}");

    // Its ports are another project's where that one is looked at.
    let other = Diagnosis::of(docker("doctor").env("TELEMETRY_PROJECT", "t-doctor-other"));
    let problems = other.at("problem");
    assert_eq!(problems.len(), 7, "{problems:?}");
    let fix = format!("`telemetry stop --project {}` stops it", stack.project);
    assert!(problems.iter().all(|it| it.contains(&fix)), "{problems:?}");

    // A container that is gone, and another engine's data beside this one's.
    let collector = format!("{}-collector-1", stack.project);
    support::docker::docker(&["rm", "--force", &collector]).expect("it can be removed");
    let data = format!(".local/share/telemetry/{}/clickhouse/x", stack.project);
    stack.sandbox.write(&data, "");
    let diagnosis = Diagnosis::of(stack.telemetry("doctor"));
    assert_eq!(diagnosis.status, Some(4));
    let problems = diagnosis.at("problem").join("\n");
    assert!(
        problems.contains("data_path: collector: not there"),
        "{problems}"
    );
    assert!(
        problems.contains("OTLP/gRPC at http://127.0.0.1"),
        "{problems}"
    );
    let notes = diagnosis.at("note").join("\n");
    assert!(notes.contains("leftovers: embedded engine: "), "{notes}");
}

#[test]
fn a_container_that_other_machines_reach_is_told_of_whatever_the_settings_say() {
    let Some(stack) = DockerStack::prepare("exposed") else {
        return;
    };
    let port = Ports::free().health;
    stack.sandbox.write(
        "here/open.yml",
        &format!("services: {{grafana: {{ports: [\"0.0.0.0:{port}:3000\"]}}}}"),
    );
    let started = stack
        .telemetry("start --engine docker --override open.yml")
        .output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let problem = Diagnosis::of(stack.telemetry("doctor")).problem();
    assert!(problem.starts_with("passwords: "), "{problem}");
    assert!(problem.contains("published on every address"), "{problem}");
}

/// A run in which nothing is wrong but what a test adds: the embedded engine without a library,
/// which a start would fetch, on ports that are free.
fn sound(sandbox: &Sandbox) -> Run<'_> {
    let ports = Ports::free();
    [
        ("TELEMETRY_ENGINE", "embedded".to_owned()),
        ("TELEMETRY_OTLP_HTTP_PORT", ports.otlp_http.to_string()),
        ("TELEMETRY_OTLP_GRPC_PORT", ports.otlp_grpc.to_string()),
        ("TELEMETRY_CLICKHOUSE_PORT", ports.clickhouse.to_string()),
        ("TELEMETRY_DASHBOARD_PORT", ports.dashboards.to_string()),
        ("TELEMETRY_HEALTH_PORT", ports.health.to_string()),
    ]
    .iter()
    .fold(sandbox.telemetry("doctor"), |run, (name, value)| {
        run.env(name, value)
    })
}

/// The same, where `.env` may set the port of the health check.
fn without_health_port(run: Run<'_>) -> Run<'_> {
    run.env("TELEMETRY_HEALTH_PORT", "")
}
