//! Stacks from `start` to `clean`, with the real engine.

mod support;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    process::Child,
};

use insta::assert_snapshot;
use support::{eventually, sandbox::Sandbox, stack::Stack};

/// Compares output that holds ports, times and sizes.
macro_rules! assert_stack_snapshot {
    ($stack:expr, $($snapshot:tt)*) => {
        $stack.snapshot_settings().bind(|| assert_snapshot!($($snapshot)*))
    };
}

#[test]
fn a_stack_is_started_and_stopped_and_each_twice_is_as_good_as_once() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    assert_stack_snapshot!(stack, stack.telemetry("status").snapshot(), @"
    exit status: 0
    --- stdout ---
    Project  telemetry
    Engine   embedded
    State    not running
    Data     none

    `telemetry start` starts it
    ");
    assert_stack_snapshot!(stack, stack.start_with("").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    Started `telemetry` in [SECONDS] s

    Endpoint         URL
    OTLP/HTTP        http://127.0.0.1:[OTLP_HTTP]
    OTLP/gRPC        http://127.0.0.1:[OTLP_GRPC]
    ClickHouse HTTP  http://127.0.0.1:[CLICKHOUSE]
    dashboards       http://127.0.0.1:[DASHBOARDS]
    health           http://127.0.0.1:[HEALTH]

    Next:
      telemetry test           sends sample telemetry and finds it again
      eval "$(telemetry env)"  points OpenTelemetry SDKs at the stack
      telemetry dashboard      shows what came in
      telemetry status         shows how it is
    --- stderr ---
    Engine: embedded (a process on this machine, as no Docker engine answers)
    Starting
    "#);
    assert_stack_snapshot!(stack, stack.start_with("--format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"start","status":"ok","data":{"project":"telemetry","outcome":"already_running","engine":"embedded","clickhouse_version":"26.7.2.1","endpoints":{"otlp_http":"http://127.0.0.1:[OTLP_HTTP]","otlp_grpc":"http://127.0.0.1:[OTLP_GRPC]","clickhouse_http":"http://127.0.0.1:[CLICKHOUSE]","dashboards":"http://127.0.0.1:[DASHBOARDS]","health":"http://127.0.0.1:[HEALTH]"},"clickhouse_user":"telemetry","data_directory":"[HOME]/.local/share/telemetry/telemetry","elapsed_ms":[MS]},"warnings":[],"error":null}
    "#);
    assert_stack_snapshot!(stack, stack.telemetry("stop").snapshot(), @"
    exit status: 0
    --- stdout ---
    Stopped `telemetry` in [SECONDS] s
    --- stderr ---
    Stopping
    ");
    assert_stack_snapshot!(stack, stack.telemetry("stop").snapshot(), @"
    exit status: 0
    --- stdout ---
    `telemetry` is not running
    ");
    assert_stack_snapshot!(stack, stack.telemetry("stop --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"stop","status":"ok","data":{"project":"telemetry","outcome":"not_running","elapsed_ms":[MS]},"warnings":[],"error":null}
    "#);
    assert_eq!(stack.state(), "not_running");
}

#[test]
fn a_running_stack_warns_of_settings_that_it_was_not_started_with() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let run = stack.start_with("--retention-days 7 --quiet --format json");
    let ended = run.env("CLICKHOUSE_PASSWORD", "secret").json();
    assert_eq!(ended["data"]["outcome"], "already_running");
    assert_snapshot!(ended["warnings"], @r#"["the stack runs with other values of `CLICKHOUSE_PASSWORD`, `TELEMETRY_RETENTION_DAYS`; `telemetry restart` applies the new ones"]"#);
}

#[test]
fn status_shows_each_service_and_where_it_is_reached() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let status = stack.telemetry("status --format json").json();
    let data = &status["data"];
    assert_eq!(data["state"], "running");
    assert!(data["data_bytes"].as_u64() > Some(0));
    for service in data["services"].as_array().expect("it is a list") {
        assert_eq!(service["state"], "running");
        assert_eq!(service["restarts"], 0);
        assert!(service["memory_bytes"].as_u64() > Some(50_000_000));
        assert!(service["version"].is_string());
    }
    let human = stack.telemetry("status").output().stdout;
    assert!(human.contains(&stack.otlp_http_url("")), "{human}");
    assert!(human.contains(&stack.clickhouse_url("")), "{human}");
}

#[test]
fn health_probes_every_endpoint_from_outside() {
    let Some(stack) = Stack::start() else {
        return;
    };
    assert_stack_snapshot!(stack, stack.telemetry("health --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"health","status":"ok","data":{"healthy":true,"probes":[{"endpoint":"otlp_http","url":"http://127.0.0.1:[OTLP_HTTP]","question":"export of no spans","passed":true,"latency_us":[US],"reason":null},{"endpoint":"otlp_grpc","url":"http://127.0.0.1:[OTLP_GRPC]","question":"export of no spans","passed":true,"latency_us":[US],"reason":null},{"endpoint":"clickhouse_http","url":"http://127.0.0.1:[CLICKHOUSE]","question":"SELECT 1","passed":true,"latency_us":[US],"reason":null},{"endpoint":"dashboards","url":"http://127.0.0.1:[DASHBOARDS]","question":"GET /api/health","passed":true,"latency_us":[US],"reason":null},{"endpoint":"health","url":"http://127.0.0.1:[HEALTH]","question":"GET /","passed":true,"latency_us":[US],"reason":null}]},"warnings":[],"error":null}
    "#);
    let ended = stack.telemetry("health --wait").output();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));

    let run = stack
        .telemetry("health")
        .env("CLICKHOUSE_PASSWORD", "wrong");
    let ended = run.output();
    assert_eq!(ended.status, Some(4));
    assert!(
        ended.stderr.contains("1 of 5 probes failed"),
        "{}",
        ended.stderr
    );

    stack.telemetry("stop").output();
    let ended = stack.telemetry("health").output();
    assert_eq!(ended.status, Some(4));
    assert_eq!(ended.stdout.matches("FAILED").count(), 5);
    assert_snapshot!(ended.stderr, @"
    error[unhealthy]: 5 of 5 probes failed

    hint: `telemetry start` starts the stack
    ");
    let run = stack.telemetry("health --wait --timeout 1 --format json");
    let json = run.json();
    assert_eq!(json["error"]["code"], "unhealthy");
    assert_eq!(json["data"]["healthy"], false);
}

#[test]
fn the_health_endpoint_answers_as_the_collectors_does() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let get = |path: &str| {
        let script = format!("curl -s --noproxy '*' -i {}", stack.health_url(path));
        stack.shell(&script).output().stdout
    };
    let answer = get("/");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains(r#"{"status":"Server available","upSince":""#),
        "{answer}"
    );
    assert!(get("/metrics").contains("otelcol_receiver_accepted_spans"));
}

#[test]
fn the_log_is_shown_from_where_it_is_asked_for_and_followed() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    assert_snapshot!(stack.telemetry("logs").snapshot(), @"
    exit status: 0
    --- stderr ---
    There is no log yet; `telemetry start` begins one
    ");
    assert_eq!(stack.start_with("").output().status, Some(0));
    let log = stack.telemetry("logs").output().stdout;
    assert!(log.contains("the schema is in place"), "{log}");
    assert!(log.contains("supervisor INFO  ready after"), "{log}");

    let mut following = stack.telemetry("logs --follow --tail 0").spawn();
    stack.telemetry("stop").output();
    let stdout = following.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("the server ended with exit status 0")));
    Stack::signal("INT", following.id().into());
    assert_eq!(following.wait().expect("it ends").code(), Some(130));

    // From here on, nobody writes to it.
    let log = stack.telemetry("logs").output().stdout;
    let last = stack.telemetry("logs --tail 1").output().stdout;
    assert_eq!(log.lines().last(), last.lines().last());
    assert_eq!(
        stack
            .telemetry("logs --since 2100-01-01T00:00:00Z")
            .output()
            .stdout,
        ""
    );
    assert_snapshot!(stack.telemetry("logs nosuch").snapshot(), @"
    exit status: 0
    --- stderr ---
    `nosuch` said nothing; `server`, `supervisor` did
    ");
    let json = stack.telemetry("logs --tail 1 --format json").json();
    assert_eq!(json["source"], "supervisor");
    assert_eq!(json["level"], "info");
}

#[test]
fn clean_asks_and_removes_the_stack_and_nothing_else() {
    let Some(stack) = Stack::start() else {
        return;
    };
    stack
        .sandbox()
        .write(".local/share/telemetry/neighbour/file", "");
    let ended = stack.telemetry("clean").output();
    assert_eq!(ended.status, Some(3));
    assert_eq!(stack.state(), "running");
    assert_stack_snapshot!(stack, stack.telemetry("clean --yes").snapshot(), @"
    exit status: 0
    --- stdout ---
    Deleted `[HOME]/.local/share/telemetry/telemetry` ([SIZE])
    --- stderr ---
    Stopping
    ");
    assert!(!stack.directory().exists());
    assert!(
        stack
            .directory()
            .with_file_name("neighbour")
            .join("file")
            .exists()
    );
    assert_stack_snapshot!(stack, stack.telemetry("clean --yes --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"clean","status":"ok","data":{"project":"telemetry","directory":"[HOME]/.local/share/telemetry/telemetry","removed":false,"data":[],"bytes":0},"warnings":[],"error":null}
    "#);
}

#[test]
fn a_changed_retention_reaches_the_tables_at_restart_and_stays() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let days = || {
        let sql = "SELECT DISTINCT extract(engine_full, 'toIntervalDay\\((\\d+)\\)') \
                   FROM system.tables WHERE database = 'telemetry' AND engine = 'MergeTree'";
        let script = format!(
            "curl -sS --noproxy '*' -H 'X-ClickHouse-User: telemetry' \
             -H 'X-ClickHouse-Key: telemetry_password' {} --data-binary @- <<'END'\n{sql}\nEND",
            stack.clickhouse_url("/")
        );
        stack.shell(&script).output().stdout
    };
    assert_eq!(days(), "90\n");
    let restarted = stack
        .telemetry("restart --retention-days 7 --format json")
        .json();
    assert_eq!(restarted["data"]["outcome"], "restarted");
    assert_eq!(days(), "7\n");
    assert_eq!(stack.telemetry("restart").output().status, Some(0));
    assert_eq!(days(), "7\n");

    stack.telemetry("stop").output();
    let started = stack.telemetry("restart --format json").json();
    assert_eq!(started["data"]["outcome"], "started");
    assert_eq!(days(), "7\n");
}

#[test]
fn a_server_that_is_killed_is_started_again() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let first = stack.server().expect("it runs");
    Stack::signal("KILL", first);
    eventually("another server", || {
        stack.server().is_some_and(|server| server != first)
    });
    assert_eq!(stack.telemetry("health --wait").output().status, Some(0));
    let status = stack.telemetry("status --format json").json();
    let service = &status["data"]["services"][0];
    assert_eq!(service["restarts"], 1);
    assert_eq!(service["last_exit"], "signal 9 (killed)");
}

#[test]
fn a_server_whose_supervisor_is_killed_drains_and_leaves_room_for_the_next() {
    let Some(stack) = Stack::start() else {
        return;
    };
    Stack::signal("KILL", stack.supervisor());
    let ended = stack.start_with("").output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(stack.state(), "running");
    let log = stack.telemetry("logs").output().stdout;
    assert!(log.contains("ready after"), "{log}");
}

#[test]
fn of_two_starts_at_once_one_starts_and_both_succeed() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    let starts = [(); 2].map(|()| stack.start_with("--format json --quiet").spawn());
    let mut outcomes = starts.map(|start| {
        let output = start.wait_with_output().expect("it ends");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.code(), Some(0), "{json}");
        json["data"]["outcome"].as_str().map(str::to_owned)
    });
    outcomes.sort();
    assert_eq!(
        outcomes,
        [Some("already_running".into()), Some("started".into())]
    );
}

#[test]
fn a_taken_port_is_told_with_who_holds_it_and_nothing_is_started() {
    let Some(mut stack) = Stack::prepare() else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    stack.ports.clickhouse = listener.local_addr().expect("it is bound").port();
    let ended = stack.start_with("").output();
    assert_eq!(ended.status, Some(1));
    let told = format!(
        "error[port_in_use]: port {} (ClickHouse HTTP)",
        stack.ports.clickhouse
    );
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains(&format!("(pid {})", std::process::id()))
    );
    assert_eq!(stack.state(), "not_running");
}

#[test]
fn a_restart_that_would_fail_leaves_the_stack_running() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let server = stack.server();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let restart = format!("restart --otlp-http-port {port}");
    let ended = stack.telemetry(&restart).output();
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stderr.contains("error[port_in_use]"),
        "{}",
        ended.stderr
    );
    let run = stack.telemetry("restart --host 0.0.0.0");
    assert_eq!(run.output().status, Some(1));
    assert_eq!(stack.server(), server);
}

#[test]
fn a_start_that_is_interrupted_leaves_nothing_running() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    let start = stack.start_with("").spawn();
    eventually("a supervisor", || stack.state() == "starting");
    Stack::signal("INT", start.id().into());
    let output = start.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("error[interrupted]"), "{stderr}");
    assert_eq!(stack.state(), "not_running");
}

/// Reads stderr of a stack in the foreground up to the line that says it is ready.
fn wait_until_ready(child: &mut Child) {
    let stderr = child.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("supervisor INFO ready")));
    // What comes later must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
}

#[test]
fn in_the_foreground_a_stack_drains_at_sigterm() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    let mut child = stack.start_with("--foreground").spawn();
    wait_until_ready(&mut child);
    assert_eq!(stack.telemetry("health --wait").output().status, Some(0));
    let already = stack.start_with("--format json").json();
    assert_eq!(already["data"]["outcome"], "already_running");
    let ended = stack.start_with("--foreground").output();
    assert_eq!(ended.status, Some(1));
    assert_snapshot!(ended.stderr, @"
    error[stack_busy]: the stack of project `telemetry` runs already, in another process

    hint: `telemetry stop` stops it
    ");

    Stack::signal("TERM", child.id().into());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let mut stdout = String::new();
    let mut pipe = child.stdout.take().expect("it is piped");
    pipe.read_to_string(&mut stdout).expect("it is text");
    assert!(stdout.starts_with("Started `telemetry`"), "{stdout}");
    assert_eq!(stack.state(), "not_running");
    let log = stack.telemetry("logs --tail 1").output().stdout;
    assert!(log.contains("the server ended with exit status 0"), "{log}");
}

#[test]
fn a_stack_in_the_foreground_is_stopped_from_elsewhere() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    let mut child = stack.start_with("--foreground --quiet").spawn();
    wait_until_ready(&mut child);
    let stopped = stack.telemetry("stop --format json").json();
    assert_eq!(stopped["data"]["outcome"], "drained");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn data_of_a_newer_clickhouse_is_left_alone() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    assert_eq!(stack.start_with("").output().status, Some(0));
    stack.telemetry("stop").output();
    let version = stack.directory().join("clickhouse.version");
    std::fs::write(version, "99.1.2.3\n").expect("it can be written");
    let ended = stack.start_with("").output();
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stderr.contains("error[engine_invalid]"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("99.1.2.3"), "{}", ended.stderr);
    assert_eq!(stack.state(), "not_running");
}

#[test]
fn a_library_that_is_none_is_told() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    stack.sandbox().write("libchdb.so", "no library");
    let library = stack.sandbox().home().join("libchdb.so");
    let run = stack
        .start_with("")
        .env("TELEMETRY_ENGINE_LIBRARY", &library.to_string_lossy());
    let ended = run.output();
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stderr.contains("error[engine_invalid]"),
        "{}",
        ended.stderr
    );
    assert_eq!(stack.state(), "not_running");
}

#[test]
fn default_passwords_are_not_exposed_to_the_network() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.telemetry("start --host 0.0.0.0").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[default_password_exposed]: refusing to listen on `0.0.0.0` with the default `CLICKHOUSE_PASSWORD`, `CLICKHOUSE_INGEST_PASSWORD`, `CLICKHOUSE_GRAFANA_PASSWORD` and `GF_SECURITY_ADMIN_PASSWORD`

    hint: set `CLICKHOUSE_PASSWORD`, `CLICKHOUSE_INGEST_PASSWORD`, `CLICKHOUSE_GRAFANA_PASSWORD` and `GF_SECURITY_ADMIN_PASSWORD` in the environment or in `.env`, or leave out `--host`
    ");
    let run = sandbox.telemetry("start --host 0.0.0.0");
    let run = run
        .env("CLICKHOUSE_PASSWORD", "a")
        .env("CLICKHOUSE_INGEST_PASSWORD", "b")
        .env("CLICKHOUSE_GRAFANA_PASSWORD", "c");
    assert_snapshot!(run.snapshot(), @"
    exit status: 1
    --- stderr ---
    error[default_password_exposed]: refusing to listen on `0.0.0.0` with the default `GF_SECURITY_ADMIN_PASSWORD`

    hint: set `GF_SECURITY_ADMIN_PASSWORD` in the environment or in `.env`, or leave out `--host`
    ");
}

#[test]
fn an_update_leaves_alone_what_is_up_to_date() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let server = stack.server();
    let update = || stack.telemetry("update").output().stdout;
    assert_eq!(update(), "`telemetry` is up to date\n");
    assert_eq!(stack.server(), server);

    let record = stack.directory().join("stack.json");
    let text = std::fs::read_to_string(&record).expect("it is there");
    let older = text.replace(env!("CARGO_PKG_VERSION"), "0.0.9");
    std::fs::write(&record, older).expect("it is ours");
    assert!(update().starts_with("Updated `telemetry`\n"));
    assert_ne!(stack.server(), server);
    assert_eq!(update(), "`telemetry` is up to date\n");

    stack.telemetry("stop").output();
    let stopped = "`telemetry` does not run; what it takes is here for the next start\n";
    assert_eq!(update(), stopped);
}
