//! The Compose file and what it names, against the programs they are for.

#![allow(
    clippy::print_stderr,
    reason = "what a test that is not run has to say"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use telemetry::{
    clickhouse::schema::{MIGRATIONS, Parameters, VERSION, statements},
    compose::{ComposeFile, Project},
};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Says why a test has nothing to test with; in CI, it must have.
fn ignored(missing: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI must have {missing}");
    eprintln!("ignored: there is no {missing}");
}

/// Docker Compose: the program that `TELEMETRY_TEST_COMPOSE` names, or Docker's plugin.
fn compose() -> Option<Command> {
    if let Some(program) = std::env::var_os("TELEMETRY_TEST_COMPOSE") {
        return Some(Command::new(program));
    }
    let plugin = Command::new("docker").args(["compose", "version"]).output();
    if plugin.is_ok_and(|output| output.status.success()) {
        let mut command = Command::new("docker");
        command.arg("compose");
        return Some(command);
    }
    ignored("Docker Compose, as `docker compose` or in TELEMETRY_TEST_COMPOSE");
    None
}

/// What `command` prints; it must succeed.
fn output(command: &mut Command) -> String {
    let output = command.output().expect("it can be run");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// `docker compose config --hash '*'` on files.
fn compose_hashes(
    mut command: Command,
    files: &[&Path],
    environment: &[(&str, &str)],
) -> BTreeMap<String, String> {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").expect("there is one"));
    command.envs(environment.iter().copied());
    for file in files {
        command.arg("-f").arg(file);
    }
    let hashes = output(command.args(["config", "--hash", "*"]));
    hashes
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
        .collect()
}

fn our_hashes(file: ComposeFile, environment: &[(&str, &str)]) -> BTreeMap<String, String> {
    let project = Project::resolve(file, &|name: &str| lookup(environment, name))
        .unwrap_or_else(|error| panic!("{error}"));
    let hash = |name: &String| project.config_hash(name).expect("it is a service");
    project
        .services
        .keys()
        .map(|name| (name.clone(), hash(name)))
        .collect()
}

fn lookup(environment: &[(&str, &str)], name: &str) -> Option<String> {
    let (_, value) = environment.iter().find(|(variable, _)| *variable == name)?;
    Some((*value).to_owned())
}

#[test]
fn compose_and_this_program_hash_the_stack_alike() {
    for environment in [
        &[][..],
        &[
            ("TELEMETRY_PROJECT", "blue"),
            ("TELEMETRY_HOST", "::1"),
            ("TELEMETRY_OTLP_GRPC_PORT", "14317"),
            ("TELEMETRY_MEMORY_LIMIT", "600MiB"),
            ("TELEMETRY_CPU_LIMIT", "1.5"),
            ("TELEMETRY_IMAGE_REGISTRY", "mirror.example:5000/hub"),
            ("CLICKHOUSE_USER", "a&b<c>$d"),
            ("ENVIRONMENT", ""),
        ],
    ] {
        let Some(command) = compose() else { return };
        let path = repository("compose/docker-compose.yml");
        let file = ComposeFile::built_in(&|name: &str| lookup(environment, name))
            .unwrap_or_else(|error| panic!("{error}"));
        let theirs = compose_hashes(command, &[&path], environment);
        assert_eq!(our_hashes(file, environment), theirs, "{environment:?}");
    }
}

/// Every key that is understood, in its several forms.
const ALL: &str = r#"
name: all
x-common: &common
  init: true
  restart: on-failure:3
services:
  long:
    <<: *common
    image: ${REGISTRY:-r.example}/a:${TAG-1}
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    command: ["a&b", "$$c", "${SPACES}"]
    entrypoint: []
    configs:
      - c
      - {source: c, target: /etc/c, uid: "10", gid: "20", mode: 0440}
    secrets:
      - s
      - {source: s, target: /etc/s, mode: "0400"}
    depends_on:
      short: {condition: service_healthy, restart: true}
    deploy:
      resources:
        limits: {cpus: "0.50", memory: 1.5GiB, pids: 100}
        reservations: {memory: 64m}
    dns: 1.1.1.1
    environment:
      A: 1
      B: "x=y"
      C:
      D: true
      GIVEN:
      E: ""
      F: 1.5
      I1: "${UNSET:-a:-b?c}|${UNSET-http://x:1/}|${EMPTY:-d}|${EMPTY-d}"
      I2: "${GIVEN:+x${UNSET-y}}|${UNSET:+x}|${EMPTY:+x}|${EMPTY+x}|${GIVEN+x}"
      I3: "$GIVEN-$$GIVEN-${GIVEN:?e}-${UNSET:-${UNSET:-${GIVEN}}}!${UNSET:-{}}"
      I4: "${UNSET:-a$$b}${UNSET:-}${GIVEN}}"
    expose: ["80", 81]
    extra_hosts: {h: 1.2.3.4, gate: host-gateway}
    group_add: ["1000"]
    hostname: host
    healthcheck:
      test: curl -f http://localhost
      interval: 1m30s
      timeout: 1.5s
      retries: 0
      start_period: 1h
    labels: {l.b: "1", l.a: 2}
    logging: {driver: local, options: {max-size: 1m, max-file: "2"}}
    networks:
      n: {aliases: [x, y], ipv4_address: 10.9.0.5}
      default:
    platform: linux/amd64
    ports:
      - {target: 80, published: 8080, host_ip: 127.0.0.1, protocol: udp}
      - {target: 81, mode: ingress}
    pull_policy: if_not_present
    security_opt: ["no-new-privileges:true"]
    shm_size: 64mb
    stop_grace_period: 90s
    stop_signal: SIGINT
    sysctls: {net.core.somaxconn: 1024}
    tmpfs: /tmp
    ulimits:
      nofile: {soft: 1024, hard: 2048}
      nproc: 100
    user: "1:1"
    volumes:
      - {type: volume, source: vol, target: /v/../w/, read_only: true, volume: {nocopy: true}}
      - vol:/x
    working_dir: /w
  short:
    image: b
    command: one two  three
    dns: [1.1.1.1, 8.8.8.8]
    environment: [A=1, GIVEN, UNKNOWN, "B=x=y"]
    extra_hosts: ["h=1.2.3.4", "six=[::1]"]
    healthcheck: {test: [NONE], disable: true}
    labels: ["a=1", b]
    networks: [n]
    ports: ["80", "8080:81", "127.0.0.1:8081:82/udp", "[::1]:8082:83"]
    sysctls: ["a.b=1"]
    tmpfs: ["/tmp:size=1m", /run]
    volumes: ["vol:/v:ro", "vol:/w"]
volumes:
  vol:
networks:
  n:
    ipam: {config: [{subnet: 10.9.0.0/24}]}
configs:
  c: {content: "x"}
secrets:
  s: {environment: SECRET}
"#;

const OVERRIDE: &str = r#"
services:
  long:
    cap_add: [SYS_NICE, NET_ADMIN]
    command: [c]
    configs: [{source: c, target: /etc/c, mode: "0400"}]
    dns: [8.8.8.8]
    deploy: {resources: {limits: {memory: 2g}}}
    environment: [A=2, Z=3]
    extra_hosts: ["other=1.1.1.1"]
    group_add: ["1001"]
    healthcheck: {interval: 1s}
    labels: [l.a=3]
    logging: {driver: json-file, options: {max-size: 2m}}
    networks: {n: {aliases: [y, z]}}
    ports: [{target: 80, published: 8080, host_ip: 127.0.0.1, protocol: udp}, {target: 82}]
    security_opt: ["label:disable"]
    tmpfs: [/tmp, /run]
    ulimits: {nproc: 200}
    volumes: ["under:/x"]
  new:
    image: n
    networks: [m]
volumes: {under: {driver: local}}
networks: {m: {internal: true}}
"#;

#[test]
fn compose_and_this_program_hash_every_key_alike() {
    let environment = &[
        ("GIVEN", "g"),
        ("SECRET", "s"),
        ("SPACES", " a  b "),
        ("EMPTY", ""),
    ][..];
    let get = |name: &str| lookup(environment, name);
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let (base, over) = (dir.path().join("all.yml"), dir.path().join("over.yml"));
    fs::write(&base, ALL).expect("it can be written");
    fs::write(&over, OVERRIDE).expect("it can be written");
    let read =
        |path: &Path| ComposeFile::read(path, &get).unwrap_or_else(|error| panic!("{error}"));

    let Some(command) = compose() else { return };
    let theirs = compose_hashes(command, &[&base], environment);
    assert_eq!(our_hashes(read(&base), environment), theirs);

    let Some(command) = compose() else { return };
    let theirs = compose_hashes(command, &[&base, &over], environment);
    assert_eq!(
        our_hashes(read(&base).merge(read(&over)), environment),
        theirs
    );
}

/// Runs `assets/clickhouse/apply-schema.sh` with a client that prints what it is given, and answers
/// as a database does that has this version of the schema, or none.
#[cfg(unix)]
fn applied(version: Option<u32>, retention_days: &str, environment: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let client = dir.path().join("clickhouse-client");
    fs::write(
        &client,
        r#"#!/bin/sh
[ "$1 $2 $3 $4 $CLICKHOUSE_PASSWORD" = "--host h --user u p'w" ] || exit 1
case "$6" in
EXISTS*) [ -z "$VERSION" ]; echo $? ;;
*max*) echo "$VERSION" ;;
?*) echo "$6;" ;;
*) cat ;;
esac
"#,
    )
    .expect("written");
    let version = version.map(|version| version.to_string());
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).expect("permitted");
    let password = dir.path().join("password");
    fs::write(&password, "p'w").expect("it can be written");
    let path = std::env::var("PATH").expect("there is one");
    output(
        Command::new("sh")
            .arg(repository("assets/clickhouse/apply-schema.sh"))
            .env("PATH", format!("{}:{path}", dir.path().display()))
            .env("VERSION", version.unwrap_or_default())
            .env("CLICKHOUSE_HOST", "h")
            .env("CLICKHOUSE_USER", "u")
            .env("CLICKHOUSE_PASSWORD_FILE", password)
            .env("TELEMETRY_RETENTION_DAYS", retention_days)
            .env("ENVIRONMENT", environment),
    )
}

#[cfg(unix)]
#[test]
fn the_script_makes_the_schema_that_this_program_makes() {
    for environment in ["development", "", r"it's \ a&b|c/d $HOME"] {
        let script = applied(None, "30", environment);
        let parameters = Parameters {
            retention_days: 30,
            environment,
        };
        assert_eq!(statements(&script), parameters.init(), "{environment}");
    }
}

#[cfg(unix)]
#[test]
fn the_script_migrates_as_this_program_does() {
    let parameters = Parameters {
        retention_days: 30,
        environment: "development",
    };
    for version in 1..=VERSION {
        let lacking = MIGRATIONS.iter().filter(|it| it.version > version);
        let migrated = lacking.flat_map(|migration| {
            let record = format!(
                "INSERT INTO telemetry.schema_migrations (version, name) SELECT {}, '{}'",
                migration.version, migration.name
            );
            let sql = migration.statements().into_iter().map(str::to_owned);
            sql.chain([record])
        });
        let expected: Vec<_> = migrated.chain(parameters.init()).collect();
        let script = applied(Some(version), "30", "development");
        assert_eq!(statements(&script), expected, "from {version}");
    }
}

#[cfg(unix)]
#[test]
#[should_panic(expected = "the database has version 1000 of the schema")]
fn the_script_leaves_a_newer_schema_alone() {
    applied(Some(1000), "30", "development");
}

#[cfg(unix)]
#[test]
#[should_panic(expected = "expected a number of days")]
fn the_script_refuses_a_retention_that_is_no_number() {
    applied(None, "30) --", "development");
}
