use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;

use super::{definition::Files, *};
use crate::{
    embedded::chdb::testing::{connection, text},
    settings::Variable,
};

const NOTHING: fn(&str) -> Option<String> = |_| None;

fn parse(text: &str) -> Result<ComposeFile, ComposeError> {
    ComposeFile::parse(text, "f.yml", Files::Below(Path::new("/d")), &NOTHING)
}

fn parsed(text: &str) -> ComposeFile {
    parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn resolved(text: &str) -> Project {
    Project::resolve(parsed(text), &NOTHING).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn refusal(text: &str) -> String {
    let project = parse(text).and_then(|file| Project::resolve(file, &NOTHING));
    project.expect_err(text).to_string()
}

/// The stack of this program where `environment` sets something.
fn built_in(environment: &[(&str, &str)]) -> Project {
    let environment = |name: &str| {
        let mut set = environment.iter();
        let (_, value) = set.find(|(variable, _)| *variable == name)?;
        Some((*value).to_owned())
    };
    let file = ComposeFile::built_in(&environment).expect("it is well formed");
    Project::resolve(file, &environment).expect("it is complete")
}

/// Computed by Docker Compose 2.40.3.
#[test]
fn the_hash_is_that_of_compose() {
    let simple = r#"services: {s: {image: x, command: ["a&b<c>"]}}"#;
    let collector = r#"
services:
  s:
    image: stub:1
    command: [sh, -c, "echo col up; while true; do sleep 1; done"]
    restart: unless-stopped
"#;
    let clickhouse = r#"
services:
  s:
    image: stub:1
    command: [sh, -c, "echo ch up; while true; do sleep 1; done"]
    environment: [CLICKHOUSE_DB=telemetry]
    healthcheck: {test: [CMD, sh, -c, exit 0], interval: 1s, timeout: 1s, retries: 3}
    ports: ["127.0.0.1:18123:8123"]
    restart: unless-stopped
    volumes: ["clickhouse-data:/var/lib/clickhouse"]
volumes: {clickhouse-data: }
"#;
    for (text, hash) in [
        (
            simple,
            "4f6061e6229aa43e50516912ada59b7a892ed2cbb70412ab361d8738ed7c50d5",
        ),
        (
            collector,
            "604f8bada26f7171ac761a9179f0797ba2c07e6b83a724114c30d06bf7b55cf7",
        ),
        (
            clickhouse,
            "3fc00484e00f41220b5b4c199fac1b9a5c4db93c0f314b900787c677d7179f52",
        ),
    ] {
        assert_eq!(
            resolved(text).config_hash("s").as_deref(),
            Some(hash),
            "{text}"
        );
    }
}

#[test]
fn the_stack_takes_its_settings() {
    let project = built_in(&[
        ("TELEMETRY_PROJECT", "blue"),
        ("TELEMETRY_HOST", "::1"),
        ("TELEMETRY_OTLP_HTTP_PORT", "14318"),
        ("TELEMETRY_MEMORY_LIMIT", "600MiB"),
        ("TELEMETRY_IMAGE_REGISTRY", "127.0.0.1:5000"),
        ("CLICKHOUSE_PASSWORD", "p$w"),
    ]);
    assert_eq!(project.container_name("collector"), "blue-collector-1");
    let volume = project.volumes["clickhouse-data"].name.as_deref();
    assert_eq!(volume, Some("blue_clickhouse-data"));
    assert_eq!(
        project.networks["default"].name.as_deref(),
        Some("blue_default")
    );

    let otlp = &project.services["collector"].ports[1];
    let host = "::1".parse().expect("an address");
    assert_eq!((otlp.host_ip, otlp.published), (Some(host), Some(14318)));
    let clickhouse = &project.services["clickhouse"];
    let image = clickhouse.image.as_deref().expect("it has one");
    assert!(
        image.starts_with("127.0.0.1:5000/clickhouse/clickhouse-server:"),
        "{image}"
    );
    let limits = clickhouse
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.limits.as_ref());
    let memory = limits.and_then(|limits| limits.memory).map(ByteSize::bytes);
    assert_eq!(memory, Some(600 << 20));
    let password = &project.configs["clickhouse-password"];
    assert_eq!(*password, Content::Inline("p$w".to_owned()));
    assert_eq!(project.unset, Vec::<String>::new());
}

#[test]
fn every_service_is_hardened() {
    for (name, service) in built_in(&[]).services {
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        let limits = service
            .deploy
            .and_then(|deploy| deploy.limits)
            .unwrap_or_default();
        assert!(limits.memory.is_some() && limits.cpus.is_some(), "{name}");
        let logging = service.logging.unwrap_or_default();
        assert!(logging.options.contains_key("max-size"), "{name}");
        let loopback = |port: &PortMapping| port.host_ip.is_some_and(|ip| ip.is_loopback());
        assert!(service.ports.iter().all(loopback), "{name}");
        let image = service.image.expect("it has one");
        let tag = image.rsplit(':').next().expect("it has a tag");
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{image}");
        for (variable, value) in service.environment {
            let secret = variable.contains("PASSWORD") && !variable.ends_with("_FILE");
            assert!(!secret, "{name}: {variable} is {value:?}");
        }
    }
}

#[test]
fn every_file_is_where_it_is_looked_for() {
    let file = ComposeFile::built_in(&NOTHING).expect("it is well formed");
    let defined: Vec<_> = file.configs.keys().cloned().collect();
    let project = Project::resolve(file, &NOTHING).expect("it is complete");
    let used: Vec<_> = project.configs.keys().cloned().collect();
    assert_eq!(used, defined);
    let mut looked_for = 0;
    for (name, service) in &project.services {
        let has = |path| {
            service
                .configs
                .iter()
                .any(|it| it.target.as_deref() == Some(path))
        };
        let contents = service
            .configs
            .iter()
            .filter_map(|it| match project.configs[&it.source] {
                Content::Embedded(text) => Some(text),
                _ => None,
            });
        let values = service.environment.values().flatten().map(String::as_str);
        for text in contents.chain(values) {
            for (at, _) in text.match_indices("/run/secrets/") {
                let ends = |c: char| !(c.is_ascii_alphanumeric() || "/-".contains(c));
                let path = text[at..].split(ends).next().unwrap_or_default();
                assert!(has(path), "{name} has no `{path}`");
                looked_for += 1;
            }
        }
    }
    assert!(looked_for > 5, "{looked_for}");
}

#[test]
fn the_program_applies_the_schema_itself() {
    let project = built_in(&[]).run_by_cli();
    let services: Vec<_> = project.services.keys().collect();
    assert_eq!(services, ["clickhouse", "collector", "grafana"]);
    let waits = &project.services["collector"].depends_on;
    assert_eq!(waits["clickhouse"].condition, Condition::Healthy);
    assert_eq!(waits.len(), 1);
    assert!(!project.configs.contains_key("init-db"));
}

/// Settings without a default: Grafana's own for the first is one that cannot work, and an empty
/// text stands for no archive.
const WITHOUT_DEFAULT: [&str; 2] = ["TELEMETRY_ALERT_WEBHOOK", "TELEMETRY_GRAFANA_PLUGIN"];

#[test]
fn its_variables_are_settings_and_their_defaults_the_same() {
    let mut seen = 0;
    for (at, _) in bundle::COMPOSE_FILE.match_indices("${") {
        let inside = &bundle::COMPOSE_FILE[at + 2..];
        let inside = &inside[..inside.find('}').expect("it is closed")];
        let Some((name, default)) = inside.split_once(":-") else {
            assert_eq!(inside, "…", "no default");
            continue;
        };
        if name == "NAME" {
            continue;
        }
        let variable = Variable::from_name(name).unwrap_or_else(|| panic!("{name} is unknown"));
        let expected = (!WITHOUT_DEFAULT.contains(&name)).then_some(default);
        assert_eq!(variable.default_value(), expected, "{name}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn clickhouse_knows_every_setting() {
    /// What is no setting of the engine but of the server around it, or of a user.
    const OTHERS: [&str; 12] = [
        "level",
        "console",
        "timezone",
        "mlock_executable",
        "settings_constraints_replace_previous",
        "ttl",
        "query",
        "networks",
        "profile",
        "quota",
        "max",
        "ip",
    ];
    let Some(mut connection) = connection() else {
        return;
    };
    let mut seen = 0;
    for path in ["config.d", "users.d"] {
        let path = format!("../assets/clickhouse/{path}/telemetry.xml");
        let file = bundle::file(&path).expect("it is compiled in");
        for line in file.lines() {
            let element = line
                .trim()
                .strip_prefix('<')
                .and_then(|line| line.split_once('>'));
            let Some((name, rest)) = element else {
                continue;
            };
            if !rest.ends_with(&format!("</{name}>")) || OTHERS.contains(&name) {
                continue;
            }
            let sql = format!(
                "SELECT count() FROM (
                     SELECT name FROM system.server_settings
                     UNION ALL SELECT name FROM system.merge_tree_settings
                     UNION ALL SELECT name FROM system.settings
                 ) WHERE name = '{name}'"
            );
            assert_ne!(text(&mut connection, &sql), "0", "{name}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn what_is_not_understood_is_named_with_its_line() {
    let in_service = |line: &str| format!("services:\n  s:\n    image: x\n    {line}\n");
    for (text, expected) in [
        (
            in_service("privileged: true"),
            "f.yml:4: `services.s.privileged`: not supported; expected one of cap_add",
        ),
        (
            in_service("ports: [80, {target: 1, publish: 2}]"),
            "f.yml:4: `services.s.ports[1].publish`: not supported; expected one of target",
        ),
        (
            in_service("shm_size: much"),
            "f.yml:4: `services.s.shm_size`: `much`: expected an amount such as `512MiB`",
        ),
        (
            in_service("stop_grace_period: 5"),
            "f.yml:4: `services.s.stop_grace_period`: `5`: expected a time such as `1m30s`",
        ),
        (
            in_service("volumes: [./here:/there]"),
            "f.yml:4: `services.s.volumes[0]`: only volumes with a name of two",
        ),
        (
            in_service("restart: sometimes"),
            "f.yml:4: `services.s.restart`: `sometimes`: expected `no`, `always`",
        ),
        (
            in_service("environment: {MODE: 0750}"),
            "f.yml:4: `services.s.environment.MODE`: quote `0750` to have it as it is",
        ),
        (
            in_service("command: echo 'a b'"),
            "f.yml:4: `services.s.command`: write it as a list: `'` means different things",
        ),
        (
            in_service("configs: [{source: c, mode: 400}]"),
            "f.yml:4: `services.s.configs[0].mode`: `400`: expected permissions such as \"0440\"",
        ),
        (
            in_service("image: ${X:?give one}"),
            "f.yml:4: `image`: the key is there already",
        ),
        (
            in_service("user: ${X:?give one}"),
            "f.yml:4: `X` must be set: give one",
        ),
        (
            in_service("user: $"),
            "f.yml:4: no name follows the `$` in `$`",
        ),
        (
            "include: [x]\n".to_owned(),
            "f.yml:1: `include`: not supported; expected one of name",
        ),
        (
            "configs:\n  c: {file: x, content: y}\n".to_owned(),
            "f.yml:2: `configs.c`: expected one of `file`, `content` and `environment`",
        ),
        ("- a list\n".to_owned(), "f.yml:1: expected a mapping"),
    ] {
        let refusal = refusal(&text);
        assert!(
            refusal.starts_with(expected),
            "{text}\n{refusal}\n{expected}"
        );
    }
}

#[test]
fn what_is_used_and_not_defined_is_named() {
    for (line, expected) in [
        (
            "volumes: [vv:/v]",
            "`services.s.volumes`: there is no volume `vv`",
        ),
        (
            "networks: [n]",
            "`services.s.networks`: there is no network `n`",
        ),
        (
            "configs: [c]",
            "`services.s.configs`: there is no config `c`",
        ),
        (
            "secrets: [c]",
            "`services.s.secrets`: there is no secret `c`",
        ),
        (
            "depends_on: [t]",
            "`services.s.depends_on`: there is no service `t`",
        ),
        (
            "depends_on: [s]",
            "`services.s.depends_on`: in the end, the service waits for itself",
        ),
    ] {
        let text = format!("services:\n  s: {{image: x, {line}}}\n");
        assert_eq!(refusal(&text), format!("f.yml:2: {expected}"));
    }
    let expected = "f.yml:1: `services.s.image`: a service needs an image";
    assert_eq!(refusal("services: {s: {}}"), expected);
}

#[test]
fn an_override_is_merged_by_the_rules_of_compose() {
    let base = parsed(
        r"
services:
  s:
    image: x:1
    command: [a, b]
    environment: {A: 1, B: 2}
    ports: ['127.0.0.1:80:80']
    volumes: ['vv:/v', 'ww:/w']
    cap_drop: [ALL]
    healthcheck: {test: [CMD, a], interval: 5s}
    logging: {driver: json-file, options: {max-size: 1m}}
    deploy: {resources: {limits: {cpus: 1, memory: 1g}}}
    ulimits: {nofile: {soft: 1, hard: 2}}
volumes: {vv: , ww: , uu: }
",
    );
    let over = parsed(
        r"
services:
  s:
    command: [c]
    environment: [B=3, C=4]
    ports: ['127.0.0.1:80:80', '81:81']
    volumes: ['uu:/v']
    cap_drop: [ALL]
    healthcheck: {interval: 1s}
    logging: {options: {max-file: '3'}}
    deploy: {resources: {limits: {memory: 2g}}}
    ulimits: {nofile: 5}
",
    );
    let merged = parsed(
        r"
services:
  s:
    image: x:1
    command: [c]
    environment: {A: 1, B: 3, C: 4}
    ports: ['127.0.0.1:80:80', '81:81']
    volumes: ['uu:/v', 'ww:/w']
    cap_drop: [ALL]
    healthcheck: {test: [CMD, a], interval: 1s}
    logging: {driver: json-file, options: {max-size: 1m, max-file: '3'}}
    deploy: {resources: {limits: {cpus: 1, memory: 2g}}}
    ulimits: {nofile: 5}
volumes: {vv: , ww: , uu: }
",
    );
    let service = |file: ComposeFile| file.services["s"].clone();
    assert_eq!(service(base.merge(over)), service(merged));
}

#[test]
fn paths_are_relative_to_the_file_that_has_them() {
    let file = parsed("configs: {c: {file: ./c.xml}}");
    let expected = Content::File("/d/./c.xml".into());
    assert_eq!(file.configs, BTreeMap::from([("c".to_owned(), expected)]));
}

/// Lines of a service, of which any may be there, in any order.
const LINES: [&str; 16] = [
    "command: [a, b]",
    "entrypoint: x y",
    "environment: {A: 1, B: , C: '&'}",
    "ports: [80, '127.0.0.1:81:81/udp']",
    "volumes: ['vv:/v:ro']",
    "configs: [{source: c, target: /c, mode: '0400'}]",
    "secrets: [c]",
    "networks: {n: {aliases: [a]}, default: }",
    "healthcheck: {test: curl x, interval: 90s}",
    "deploy: {resources: {limits: {cpus: 0.5, memory: 1g, pids: 5}}}",
    "labels: [a=b]",
    "extra_hosts: ['h:1.2.3.4']",
    "ulimits: {nofile: 5}",
    "logging: {driver: local}",
    "tmpfs: /tmp",
    "stop_grace_period: 1m",
];

fn with_lines(lines: &[&str]) -> String {
    let lines: String = lines.iter().flat_map(|line| ["    ", line, "\n"]).collect();
    format!("services:\n  s:\n    image: x\n{lines}")
        + "volumes: {vv: }\nnetworks: {n: }\nconfigs: {c: {content: c}}\nsecrets: {c: {file: c}}\n"
}

fn some_lines() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(&LINES[..], 0..=LINES.len()).prop_shuffle()
}

proptest! {
    #[test]
    fn an_empty_override_changes_nothing(lines in some_lines()) {
        let file = parsed(&with_lines(&lines));
        prop_assert_eq!(file.clone().merge(parsed("")), file.clone());
        prop_assert_eq!(parsed("").merge(file.clone()), file);
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order_of_keys(lines in some_lines()) {
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        let hash = |lines: &[&str]| resolved(&with_lines(lines)).config_hash("s");
        prop_assert_eq!(hash(&lines), hash(&sorted));
    }

    #[test]
    fn what_is_hashed_is_json(lines in some_lines()) {
        let project = resolved(&with_lines(&lines));
        let json = project.services["s"].json();
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{}", json);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_or_taken_without_a_panic(at in 0..bundle::COMPOSE_FILE.len()) {
        if let Some(text) = bundle::COMPOSE_FILE.get(..at) {
            let _ = parse(text).and_then(|file| Project::resolve(file, &NOTHING));
        }
    }
}
