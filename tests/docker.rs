//! The Docker engine for real: the binary against an engine that runs on this machine, with the
//! images that `TELEMETRY_IMAGE_REGISTRY` has.

mod support;

use std::{
    collections::BTreeMap, fs::File, io::Write as _, net::TcpListener, path::Path, process::Command,
};

use support::{
    clients::{self, Clients},
    docker::{DockerStack, docker},
    eventually,
};

/// A version of ClickHouse before the one that is pinned.
const OLDER: &str = "26.7.1.1";

#[test]
fn telemetry_goes_in_by_otlp_and_is_found_by_sql_until_the_stack_is_cleaned_away() {
    let Some(stack) = DockerStack::prepare("whole") else {
        return;
    };
    stack.start();
    let status = stack.telemetry("status --format json").json();
    assert_eq!(status["data"]["engine"], "docker");
    assert_eq!(status["data"]["state"], "running");
    assert_eq!(stack.telemetry("health").output().status, Some(0));
    let test = stack.telemetry("test").output();
    assert_eq!(test.status, Some(0), "{}", test.stderr);
    let health = stack.telemetry("health --format json").json();
    let flows = &health["data"]["collector"]["flows"];
    assert_eq!(flows[0]["signal"], "traces");
    assert!(flows[0]["stored"].as_u64() > Some(0), "{health}");
    assert_eq!(flows[0]["lost"], 0, "{health}");
    let dashboards = stack.telemetry("dashboard --print").output();
    let url = format!(
        "http://127.0.0.1:{}\n",
        stack.port("TELEMETRY_DASHBOARD_PORT")
    );
    assert_eq!(dashboards.stdout, url);
    let count = || {
        let rows = stack
            .telemetry("query")
            .arg("SELECT count() AS n FROM traces");
        rows.arg("--format=json").json()["data"]["rows"].to_string()
    };
    let before = count();

    // Again is as good as once.
    let ids = stack.ids();
    let again = stack.telemetry("start --engine docker").output();
    assert!(again.stdout.contains("already running"), "{}", again.stdout);
    let dry = stack.telemetry("restart --dry-run").output();
    let all = "1. stop everything and start it again (nothing has changed)\n";
    assert_eq!(dry.stdout, all);
    assert_eq!(stack.ids(), ids);

    // A stop leaves the data, and nothing else.
    let stopped = stack.telemetry("stop").output();
    assert_eq!(stopped.status, Some(0), "{}", stopped.stderr);
    assert_eq!(stack.has("ps --all"), [""; 0]);
    assert_eq!(stack.has("network ls"), [""; 0]);
    assert_eq!(stack.has("volume ls").len(), 3);
    let status = stack.telemetry("status --format json").json();
    assert_eq!(status["data"]["state"], "not_running");
    let data = status["data"]["further_data"].to_string();
    assert!(data.contains("_clickhouse-data`"), "{data}");
    stack.start();
    assert_eq!(count(), before);

    // It goes when that is wanted, and asked for.
    let unasked = stack.telemetry("clean").output();
    assert_eq!(unasked.status, Some(3));
    assert_eq!(stack.has("ps --all").len(), 3);
    let cleaned = stack.telemetry("clean --yes").output();
    assert_eq!(cleaned.status, Some(0), "{}", cleaned.stderr);
    for kind in ["ps --all", "network ls", "volume ls"] {
        assert_eq!(stack.has(kind), [""; 0], "{kind}");
    }
}

#[test]
fn a_reset_deletes_what_waits_in_the_collectors_queue_as_well() {
    let Some(stack) = DockerStack::prepare("reset") else {
        return;
    };
    stack.start();
    let query = |sql: &str| {
        let ended = stack.telemetry("query").arg(sql).output();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    };
    let queued = || {
        let health = stack.telemetry("health --format json").json();
        let flows = health["data"]["collector"]["flows"].as_array().cloned();
        let flows = flows.expect("there are flows");
        let queued = flows.iter().map(|flow| flow["queued_bytes"].as_u64());
        queued.sum::<Option<u64>>().expect("they are numbers")
    };
    // Nothing is stored any more, and all is tried again.
    query("ALTER TABLE traces ADD CONSTRAINT nothing CHECK service_name = ''");
    let test = stack.telemetry("test --timeout 1s").output();
    assert_ne!(test.status, Some(0));
    eventually("spans wait in the queue", || queued() > 0);
    let ids = stack.ids();
    let unasked = stack.telemetry("reset").output();
    assert_eq!(unasked.status, Some(3));
    assert!(queued() > 0);

    let reset = stack.telemetry("reset --yes --format json").json();
    assert_eq!(reset["data"]["queue_emptied"], true, "{reset}");
    assert_eq!(queued(), 0);
    query("ALTER TABLE traces DROP CONSTRAINT nothing");
    let test = stack.telemetry("test").output();
    assert_eq!(test.status, Some(0), "{}", test.stderr);
    // The rest went on running.
    let kept = |ids: Vec<(String, String)>| -> Vec<_> {
        let others = ids.into_iter();
        others
            .filter(|(name, _)| !name.contains("collector"))
            .collect()
    };
    assert_eq!(kept(stack.ids()), kept(ids));

    // Without anything in the queue, the collector does, too.
    let ids = stack.ids();
    let reset = stack.telemetry("reset --yes --format json").json();
    assert_eq!(reset["data"]["queue_emptied"], false, "{reset}");
    assert_eq!(stack.ids(), ids);
}

/// What `telemetry env` prints is all that these are told.
#[test]
fn sdks_deliver_with_the_variables_of_env() {
    let (Some(clients), Some(stack)) = (Clients::installed(), DockerStack::prepare("sdks")) else {
        return;
    };
    stack.start();
    let printed = stack.telemetry("env --as json").output().stdout;
    let variables: BTreeMap<String, String> = serde_json::from_str(&printed).expect("it is JSON");
    for (sdk, spans) in [("otel", 5), ("automagik", 2)] {
        let mut python = clients.python();
        python.arg(clients::program(&format!("{sdk}.py")));
        let mut node = clients.node();
        node.arg(clients::program(&format!("{sdk}.js")));
        for (language, mut client) in [("python", python), ("node", node)] {
            let service = format!("{sdk}-{language}");
            client.arg(&service);
            clients::run(client, stack.sandbox.home(), &variables);
            let expected = [("traces", spans), ("logs", 1)];
            for (table, rows) in expected {
                let sql =
                    format!("SELECT count() AS n FROM {table} WHERE service_name = '{service}'");
                eventually(&format!("{service} is in {table}"), || {
                    let counted = stack.telemetry("query --format json").arg(&sql).json();
                    counted["data"]["rows"][0][0] == rows
                });
            }
        }
    }
}

#[test]
fn a_change_makes_anew_what_has_it_and_a_start_makes_what_is_missing() {
    let Some(stack) = DockerStack::prepare("drift") else {
        return;
    };
    stack.start();
    let before = stack.ids();
    let restarted = stack
        .telemetry("restart")
        .env("GF_SECURITY_ADMIN_PASSWORD", "another")
        .output();
    assert_eq!(restarted.status, Some(0), "{}", restarted.stderr);
    assert!(
        restarted.stderr.contains("its configuration changed"),
        "{}",
        restarted.stderr
    );
    let after = stack.ids();
    let changed: Vec<_> = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before.1 != after.1)
        .map(|(before, _)| before.0.clone())
        .collect();
    assert_eq!(changed, [format!("{}-grafana-1", stack.project)]);

    let collector = format!("{}-collector-1", stack.project);
    docker(&["rm", "--force", &collector]).expect("it can be removed");
    let status = stack.telemetry("status --format json").json();
    assert_eq!(status["data"]["state"], "partial");
    let health = stack.telemetry("health").output();
    assert_eq!(health.status, Some(4));
    let hint = "start` starts what is missing";
    assert!(health.stderr.contains(hint), "{}", health.stderr);
    let started = stack
        .telemetry("start --engine docker")
        .env("GF_SECURITY_ADMIN_PASSWORD", "another")
        .output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    assert_eq!(stack.telemetry("health").output().status, Some(0));
    let kept = |ids: &[(String, String)]| ids[0].clone();
    assert_eq!(kept(&stack.ids()), kept(&after));
}

#[test]
fn passwords_that_change_are_told_to_every_service_and_its_data() {
    let Some(stack) = DockerStack::prepare("passwords") else {
        return;
    };
    stack.start();
    let sent = stack.telemetry("test").output();
    assert_eq!(sent.status, Some(0), "{}", sent.stderr);
    let rows = || {
        let counted = stack.telemetry("query --format json");
        let counted = counted.arg("SELECT count() FROM traces").json();
        counted["data"]["rows"][0][0].clone()
    };
    let before = rows();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let client = reqwest::Client::new();
    let data_source = |password: &str| {
        let port = stack.port("TELEMETRY_DASHBOARD_PORT");
        let url = format!("http://127.0.0.1:{port}/api/datasources/uid/telemetry/health");
        let request = client.get(url).basic_auth("admin", Some(password));
        let answer = runtime.block_on(request.send());
        answer.expect("Grafana answers").status().as_u16()
    };
    assert_eq!(data_source("admin"), 200);

    let changed = [
        ("CLICKHOUSE_PASSWORD", "all rights"),
        ("CLICKHOUSE_INGEST_PASSWORD", "may insert"),
        ("CLICKHOUSE_GRAFANA_PASSWORD", "may read"),
        ("GF_SECURITY_ADMIN_PASSWORD", "may look"),
    ];
    let mut restart = stack.telemetry("restart");
    for (variable, password) in changed {
        restart = restart.env(variable, password);
    }
    let restarted = restart.output();
    assert_eq!(restarted.status, Some(0), "{}", restarted.stderr);
    assert_eq!(rows(), before);
    let sent = stack.telemetry("test").output();
    assert_eq!(sent.status, Some(0), "{}", sent.stderr);
    assert_eq!(data_source("may look"), 200);
    assert_eq!(data_source("admin"), 401);
}

/// Writes an archive as Grafana's plugins are published, with no more in it than its description.
fn write_plugin(path: &Path, version: &str) {
    let file = File::create(path).expect("it can be made");
    let mut archive = zip::ZipWriter::new(file);
    let manifest = "grafana-clickhouse-datasource/plugin.json";
    archive
        .start_file(manifest, zip::write::SimpleFileOptions::default())
        .expect("it is new");
    let text = serde_json::json!({"info": {"version": version}}).to_string();
    archive
        .write_all(text.as_bytes())
        .expect("it can be written");
    archive.finish().expect("it can be written");
}

#[test]
fn a_plugin_that_is_given_is_put_where_grafana_looks_for_it() {
    let Some(stack) = DockerStack::prepare("plugin") else {
        return;
    };
    let archive = stack.sandbox.current_dir().join("plugin.zip");
    let start = || {
        let start = stack.telemetry("start --engine docker");
        start.env("TELEMETRY_GRAFANA_PLUGIN", "plugin.zip").output()
    };
    write_plugin(&archive, "4.19.0");
    let other = start();
    assert_eq!(other.status, Some(2), "{}", other.stderr);
    let told = "plugin.zip` has version 4.19.0 of the Grafana plugin";
    assert!(other.stderr.contains(told), "{}", other.stderr);
    assert_eq!(stack.has("volume ls"), [""; 0]);

    write_plugin(&archive, "4.20.0");
    let started = start();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let grafana = format!("{}-grafana-1", stack.project);
    let plugin = "/var/lib/grafana/plugins/grafana-clickhouse-datasource/plugin.json";
    let there = docker(&["exec", &grafana, "cat", plugin]);
    assert_eq!(there.as_deref(), Some(r#"{"info":{"version":"4.20.0"}}"#));
    // Later commands need not be told again.
    let planned = stack.telemetry("restart --dry-run").output();
    assert!(
        planned.stdout.contains("nothing has changed"),
        "{}",
        planned.stdout
    );
}

#[test]
fn an_update_brings_newer_images_and_refuses_an_older_clickhouse() {
    let Some(stack) = DockerStack::prepare("update") else {
        return;
    };
    let registry = std::env::var("TELEMETRY_IMAGE_REGISTRY").expect("it was looked for");
    let image = format!("{registry}/clickhouse/clickhouse-server");
    let current = docker(&[
        "images",
        "--format",
        "{{.Tag}}",
        "--filter",
        "label=stand-in",
        &image,
    ]);
    let current = current.expect("the engine answers");
    let current = current
        .lines()
        .find(|tag| *tag != "<none>" && *tag != OLDER);
    let current = current.expect("there is a stand-in").to_owned();
    docker(&[
        "tag",
        &format!("{image}:{current}"),
        &format!("{image}:{OLDER}"),
    ]);
    let run_older = || {
        let file = format!("services: {{clickhouse: {{image: \"{image}:{OLDER}\"}}}}");
        stack.sandbox.write("here/versions.yml", &file);
    };
    run_older();
    let started = stack
        .telemetry("start --engine docker --override versions.yml")
        .output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let before = stack.ids();

    stack.sandbox.write("here/versions.yml", "services: {}");
    let updated = stack.telemetry("update --format json").json();
    assert_eq!(updated["data"]["outcome"], "updated", "{updated}");
    let clickhouse = &updated["data"]["services"][1];
    assert_eq!(clickhouse["before"], OLDER);
    assert_eq!(clickhouse["after"], current.as_str());
    let updated = stack.ids();
    assert_ne!(updated[0], before[0], "ClickHouse is another");
    assert_eq!(updated[1..], before[1..], "the rest is as it was");

    let again = stack.telemetry("update").output();
    assert!(
        again.stdout.ends_with("is up to date\n"),
        "{}",
        again.stdout
    );
    assert_eq!(stack.ids(), updated);

    run_older();
    for command in ["update", "restart"] {
        let refused = stack.telemetry(command).output();
        assert_eq!(refused.status, Some(1));
        let told = "error[clickhouse_newer]: ClickHouse 26.7.1.1 would not read the data, \
                    which ClickHouse ";
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        assert_eq!(stack.ids(), updated, "{command}");
    }
    docker(&["rmi", &format!("{image}:{OLDER}")]);
}

#[test]
fn a_service_that_ends_at_once_is_told_with_its_log_and_nothing_is_left() {
    let Some(stack) = DockerStack::prepare("broken") else {
        return;
    };
    stack.sandbox.write(
        "here/broken.yml",
        "services: {collector: {command: [--config=/nowhere.yaml]}}",
    );
    let failed = stack
        .telemetry("start --engine docker --override broken.yml")
        .output();
    assert_eq!(failed.status, Some(1));
    assert!(
        failed
            .stderr
            .contains("error[engine_start]: service `collector` ended with exit status 1"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("/nowhere.yaml"), "{}", failed.stderr);
    assert_eq!(stack.has("ps --all"), [""; 0]);
    assert_eq!(stack.has("network ls"), [""; 0]);

    let kept = stack
        .telemetry("start --engine docker --override broken.yml --keep")
        .output();
    assert_eq!(kept.status, Some(1));
    assert_eq!(stack.has("ps --all").len(), 3);
}

#[test]
fn a_port_that_is_taken_is_told_with_its_holder_before_anything_is_made() {
    let Some(stack) = DockerStack::prepare("port") else {
        return;
    };
    let port = stack.port("TELEMETRY_DASHBOARD_PORT");
    let _held = TcpListener::bind(("127.0.0.1", port)).expect("it was free");
    let failed = stack.telemetry("start --engine docker").output();
    assert_eq!(failed.status, Some(1));
    let told = format!("error[port_in_use]: port {port} (dashboards) is taken");
    assert!(failed.stderr.contains(&told), "{}", failed.stderr);
    assert!(failed.stderr.contains("TELEMETRY_DASHBOARD_PORT"));
    assert_eq!(stack.has("volume ls"), [""; 0]);
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    let Some(stack) = DockerStack::prepare("interrupted") else {
        return;
    };
    let mut child = stack.telemetry("start --engine docker").spawn();
    eventually("a container is made", || !stack.has("ps --all").is_empty());
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status();
    assert!(killed.expect("there is a `kill`").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    assert_eq!(stack.has("ps --all"), [""; 0]);
    assert_eq!(stack.has("network ls"), [""; 0]);
}

#[test]
fn an_image_that_may_not_be_pulled_and_an_engine_that_is_not_there_are_told() {
    let Some(stack) = DockerStack::prepare("absent") else {
        return;
    };
    let failed = stack
        .telemetry("start --engine docker --pull never")
        .env("TELEMETRY_IMAGE_REGISTRY", "registry.invalid")
        .output();
    assert_eq!(failed.status, Some(1));
    assert!(failed.stderr.contains("is missing"), "{}", failed.stderr);
    assert_eq!(stack.has("network ls"), [""; 0]);

    let failed = stack
        .telemetry("start --engine docker")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .output();
    assert_eq!(failed.status, Some(5));
    assert!(
        failed.stderr.contains(
            "error[no_engine]: no Docker engine answers at `unix:///nowhere/docker.sock` (as \
             `DOCKER_HOST` says)"
        ),
        "{}",
        failed.stderr
    );

    // Whether a stack runs there is not known, and no failure to say so.
    let status = stack
        .telemetry("status --format json")
        .env("TELEMETRY_ENGINE", "docker")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .json();
    assert_eq!(status["data"]["state"], "unknown");
    assert_eq!(
        status["data"]["reason"],
        "no Docker engine answers at `unix:///nowhere/docker.sock` (as `DOCKER_HOST` says): \
         No such file or directory (os error 2)"
    );
}
