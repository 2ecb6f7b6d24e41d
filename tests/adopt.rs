//! Adopting a stack of the Makefile project: the real binary, a real Docker engine, and a volume
//! as that project leaves it.

mod support;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use support::{
    docker::{DockerStack, docker},
    eventually,
    sandbox::Run,
    stack::Stack,
};

/// The tables of the Makefile project.
const SCHEMA: &str = include_str!("fixtures/makefile-project/schema.sql");

/// What it has gathered.
const TELEMETRY: &str = "\
INSERT INTO telemetry.traces (trace_id, span_id, timestamp, duration_ms, service_name, span_name, attributes)
SELECT hex(number), hex(number), now() - toIntervalHour(number % 100), number % 97, 'api', 'GET', map('n', toString(number))
FROM numbers(5000);
INSERT INTO telemetry.logs (timestamp, body) SELECT now() - number, toString(number) FROM numbers(300);
INSERT INTO telemetry.metrics (metric_name, timestamp, value_int) SELECT 'm', now() - number, number FROM numbers(20);
";

/// So much that it takes a while: each day comes over by itself.
const MANY_DAYS: &str = "\
INSERT INTO telemetry.traces (trace_id, timestamp) SELECT concat('d', toString(number)), now() - toIntervalDay(number) FROM numbers(80)
";

/// What the Makefile project's tables would lose at the next merge: they keep 90 days.
const EXPIRED: &str = "\
SYSTEM STOP MERGES telemetry.traces;
INSERT INTO telemetry.traces (trace_id, timestamp) SELECT concat('e', toString(number)), now() - toIntervalDay(100 + number % 20) FROM numbers(100)
";

/// How a container is told its password.
#[derive(Clone, Copy)]
enum PasswordIn {
    Variable(&'static str),
    /// Which only who is in the container can read.
    File,
}

/// What the Makefile project has where nobody changes it.
const DEFAULT: PasswordIn = PasswordIn::Variable("telemetry_password");

const SECRET: &str = "s3cret";

/// How a container's HTTP interface is reached.
const PUBLISHED: [&str; 1] = ["--publish=127.0.0.1::8123"];

/// A project of Compose as the Makefile project's is: its ClickHouse, and what that keeps.
struct OldProject {
    name: String,
    password: String,
}

impl OldProject {
    /// One with telemetry, whose ClickHouse is stopped.
    fn stopped(name: &str) -> Self {
        let project = Self::running(name, DEFAULT, &[]);
        docker(&["stop", &project.container()]).expect("it stops");
        project
    }

    /// One with telemetry, whose ClickHouse runs and is published as told.
    fn running(name: &str, password: PasswordIn, publish: &[&str]) -> Self {
        let (password, variable) = match password {
            PasswordIn::Variable(password) => (password, format!("CLICKHOUSE_PASSWORD={password}")),
            PasswordIn::File => (SECRET, "CLICKHOUSE_PASSWORD_FILE=/tmp/password".to_owned()),
        };
        let project = Self {
            name: format!("t-{name}-{}", std::process::id()),
            password: password.to_owned(),
        };
        let labels = |kind: &str, key: &str| {
            [
                format!("--label=com.docker.compose.project={}", project.name),
                format!("--label=com.docker.compose.{kind}={key}"),
            ]
        };
        let volume = project.volume();
        let [of_project, of_volume] = labels("volume", "clickhouse-data");
        docker(&["volume", "create", &of_project, &of_volume, &volume]).expect("it can be made");
        let [of_project, of_service] = labels("service", "clickhouse");
        let container = project.container();
        let mount = format!("{volume}:/var/lib/clickhouse");
        let image = image();
        let options = [
            "create",
            "--name",
            &container,
            &of_project,
            &of_service,
            "--volume",
            &mount,
            "--env=CLICKHOUSE_DB=telemetry",
            "--env=CLICKHOUSE_USER=telemetry",
            "--env",
            &variable,
        ];
        let arguments: Vec<&str> = options
            .iter()
            .chain(publish)
            .chain([&&*image])
            .copied()
            .collect();
        docker(&arguments).expect("the image is there");
        // Users that the stand-in for ClickHouse wants to know.
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let users = "<clickhouse><users><ingest><password>i</password></ingest>\
                     <grafana><password>g</password></grafana></users></clickhouse>";
        for (text, path) in [
            (users, "/etc/clickhouse-server/users.d/users.xml"),
            (SECRET, "/tmp/password"),
        ] {
            let file = directory.path().join("file");
            std::fs::write(&file, text).expect("it can be written");
            let to = format!("{container}:{path}");
            docker(&["cp", &file.to_string_lossy(), &to]).expect("the container is there");
        }
        docker(&["start", &container]).expect("it starts");
        eventually("the old ClickHouse answers", || {
            project.sql("SELECT 1").is_some()
        });
        project.sql(SCHEMA).expect("the tables can be made");
        project.sql(TELEMETRY).expect("they take rows");
        project
    }

    fn volume(&self) -> String {
        format!("{}_clickhouse-data", self.name)
    }

    /// Named as the Makefile project names its own.
    fn container(&self) -> String {
        format!("automagik-{}", self.name)
    }

    /// What its ClickHouse says; `None` if it does not like it.
    fn sql(&self, sql: &str) -> Option<String> {
        let container = self.container();
        let client = [
            "exec",
            "-i",
            &container,
            "clickhouse-client",
            "-n",
            "--user=telemetry",
        ];
        let mut child = Command::new("docker")
            .args(client)
            .arg(format!("--password={}", self.password))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a `docker`");
        // It may end without reading all of it.
        let mut stdin = child.stdin.take().expect("it is piped");
        let _ = stdin.write_all(sql.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8(output.stdout).expect("it prints text");
        output.status.success().then(|| text.trim().to_owned())
    }

    /// Everything in its volume: names, sizes, owners, permissions, times, contents.
    fn fingerprint(&self) -> String {
        let mount = format!("{}:/old:ro", self.volume());
        let script = "cd /old && find . | sort | xargs stat -c '%n %s %u:%g %a %y' && \
                      find . -type f | sort | xargs sha256sum";
        let listed = docker(&[
            "run",
            "--rm",
            "--volume",
            &mount,
            "--entrypoint=sh",
            &image(),
            "-c",
            script,
        ]);
        let listed = listed.expect("it can be read");
        assert!(listed.lines().count() > 20, "{listed}");
        listed
    }
}

impl Drop for OldProject {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.container()]);
        docker(&["volume", "rm", &self.volume()]);
    }
}

/// The image of ClickHouse that the stack pins.
fn image() -> String {
    let registry = std::env::var("TELEMETRY_IMAGE_REGISTRY").expect("it was looked for");
    let compose = include_str!("../compose/docker-compose.yml");
    let mut images = compose.lines().filter_map(|line| {
        let (_, image) = line.split_once("/clickhouse/clickhouse-server:")?;
        Some(format!("{registry}/clickhouse/clickhouse-server:{image}"))
    });
    images.next().expect("the stack has a ClickHouse")
}

/// What of temporary things the engine has for stacks whose directory is below this one.
fn temporaries(home: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for (kind, name) in [
        ("container", "{{.Names}}"),
        ("volume", "{{.Name}}"),
        ("network", "{{.Name}}"),
    ] {
        let format = format!("{name} {{{{.Label \"telemetry.temporary\"}}}}");
        let all: &[&str] = if kind == "container" { &["--all"] } else { &[] };
        let listed = [&[kind, "ls"], all, &["--format", &format]].concat();
        let listed = docker(&listed).expect("the engine answers");
        let home = home.to_string_lossy();
        found.extend(
            listed
                .lines()
                .filter(|line| line.contains(&*home))
                .map(str::to_owned),
        );
    }
    found
}

/// Tells a process to stop, as Ctrl-C does, and gives its exit status.
fn interrupt(mut child: Child) -> Option<i32> {
    let id = child.id().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status();
    assert!(killed.expect("there is a `kill`").success());
    child.wait().expect("it ends").code()
}

/// A stack that runs in this process's machine alone, and knows of the Docker engine.
fn on_docker(run: Run<'_>) -> Run<'_> {
    let host = std::env::var("DOCKER_HOST");
    let host = host.as_deref().unwrap_or("unix:///var/run/docker.sock");
    let registry = std::env::var("TELEMETRY_IMAGE_REGISTRY").expect("it was looked for");
    run.env("DOCKER_HOST", host)
        .env("TELEMETRY_IMAGE_REGISTRY", &registry)
}

const BROUGHT: &str = "\
table    source  brought over  already here  too old
traces    5,000         5,000             0        0
logs        300           300             0        0
metrics      20            20             0        0
";

const NOTHING_NEW: &str = "\
table    source  brought over  already here  too old
traces    5,000             0         5,000        0
logs        300             0           300        0
metrics      20             0            20        0
";

#[test]
fn a_stopped_stack_is_told_of_and_its_telemetry_comes_over_into_containers_once() {
    let Some(stack) = DockerStack::prepare("adopts") else {
        return;
    };
    let old = OldProject::stopped("old-docker");
    let before = old.fingerprint();
    let command = format!("migrate --from-compose {}", old.name);

    let started = stack.telemetry("start --engine docker").output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let told = format!("`telemetry {command}` brings it over");
    assert!(started.stderr.contains(&told), "{}", started.stderr);

    let dry = stack.telemetry(&format!("{command} --dry-run")).output();
    assert_eq!(dry.status, Some(0), "{}", dry.stderr);
    assert!(
        dry.stdout.contains("traces: would bring over 5,000 rows"),
        "{}",
        dry.stdout
    );
    let brought = stack.telemetry(&command).output();
    assert_eq!(
        (&*brought.stdout, brought.status),
        (BROUGHT, Some(0)),
        "{}",
        brought.stderr
    );
    let again = stack.telemetry(&command).output();
    assert_eq!(
        (&*again.stdout, again.status),
        (NOTHING_NEW, Some(0)),
        "{}",
        again.stderr
    );
    let sums = stack
        .telemetry("query --format=json")
        .arg("SELECT count() AS n, sum(duration_ms) AS ms, uniqExact(span_id) AS ids FROM traces")
        .json();
    let sum: u32 = (0..5000).map(|number| number % 97).sum();
    let expected = serde_json::json!([[5000, sum, 5000]]);
    assert_eq!(sums["data"]["rows"], expected);

    let itself = stack.telemetry(&format!("migrate --from-compose {}", stack.project));
    let refused = itself.output();
    assert_eq!(refused.status, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("is that of this stack"),
        "{}",
        refused.stderr
    );

    let again = stack.telemetry("start --engine docker").output();
    assert!(!again.stderr.contains(&told), "{}", again.stderr);
    assert_eq!(temporaries(stack.sandbox.home()), [""; 0]);
    assert_eq!(old.fingerprint(), before);
}

#[test]
fn its_telemetry_comes_over_into_a_stack_without_containers() {
    let (Some(_), Some(stack)) = (DockerStack::prepare("none"), Stack::start()) else {
        return;
    };
    let old = OldProject::stopped("old-embedded");
    let before = old.fingerprint();
    let command = format!("migrate --from-compose {}", old.name);
    for expected in [BROUGHT, NOTHING_NEW] {
        let brought = on_docker(stack.telemetry(&command)).output();
        assert_eq!(
            (&*brought.stdout, brought.status),
            (expected, Some(0)),
            "{}",
            brought.stderr
        );
    }
    let sum: u32 = (0..5000).map(|number| number % 97).sum();
    let sql = "SELECT count(), sum(duration_ms), uniqExact(span_id) FROM traces";
    assert_eq!(stack.query(sql), format!("5000\t{sum}\t5000"));
    assert_eq!(temporaries(stack.sandbox().home()), [""; 0]);
    assert_eq!(old.fingerprint(), before);
}

#[test]
fn a_stack_that_runs_is_asked_itself_with_its_own_password() {
    let (Some(_), Some(stack)) = (DockerStack::prepare("none"), Stack::start()) else {
        return;
    };
    let old = OldProject::running(
        "old-runs",
        PasswordIn::Variable("its own: 'p\u{e4}ss'"),
        &PUBLISHED,
    );
    let command = format!("migrate --from-compose {}", old.name);
    let brought = on_docker(stack.telemetry(&command)).output();
    assert_eq!(brought.stdout, BROUGHT, "{}", brought.stderr);
    assert!(!brought.stderr.contains("Copying"), "{}", brought.stderr);
}

#[test]
fn a_password_that_nobody_can_know_is_asked_for() {
    let (Some(_), Some(stack)) = (DockerStack::prepare("none"), Stack::start()) else {
        return;
    };
    let old = OldProject::running("old-secret", PasswordIn::File, &PUBLISHED);
    let command = format!("migrate --from-compose {}", old.name);
    let refused = on_docker(stack.telemetry(&command)).output();
    assert_eq!(refused.status, Some(1), "{}", refused.stderr);
    let told = "ClickHouse refuses the password of user `telemetry`";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    let port = docker(&["port", &old.container(), "8123"]).expect("it is published");
    let hint = format!("`telemetry migrate --from-url http://USER:PASSWORD@{port}`");
    assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
    let url = format!("migrate --from-url http://telemetry:s3cret@{port}");
    assert_eq!(stack.telemetry(&url).output().stdout, BROUGHT);
}

#[test]
fn a_stack_that_runs_out_of_reach_is_to_be_stopped() {
    let (Some(_), Some(stack)) = (DockerStack::prepare("none"), Stack::start()) else {
        return;
    };
    let old = OldProject::running("old-hidden", DEFAULT, &[]);
    let command = format!("migrate --from-compose {}", old.name);
    let refused = on_docker(stack.telemetry(&command)).output();
    assert_eq!(refused.status, Some(1), "{}", refused.stderr);
    let told = format!(
        "error[unreachable]: container `{0}` of project `{1}` runs, and does not offer ClickHouse's HTTP \
         interface to this machine\n\nhint: `docker stop {0}`, and its volume is read instead\n",
        old.container(),
        old.name
    );
    assert_eq!(refused.stderr, told);
    assert_eq!(temporaries(stack.sandbox().home()), [""; 0]);
}

#[test]
fn whoever_breaks_off_leaves_nothing_and_another_run_removes_what_a_killed_one_left() {
    let (Some(_), Some(stack)) = (DockerStack::prepare("none"), Stack::start()) else {
        return;
    };
    let old = OldProject::running("old-broken-off", DEFAULT, &[]);
    old.sql(MANY_DAYS).expect("the tables take rows");
    docker(&["stop", &old.container()]).expect("it stops");
    let before = old.fingerprint();
    let command = format!("migrate --from-compose {}", old.name);
    let home = stack.sandbox().home();
    let has = |what: &str| temporaries(home).iter().any(|it| it.contains(what));
    for what in ["clickhouse-data", "copy-1", "clickhouse-1"] {
        let child = on_docker(stack.telemetry(&command)).spawn();
        eventually(what, || has(what));
        assert_eq!(interrupt(child), Some(130), "{what}");
        assert_eq!(temporaries(home), [""; 0], "{what}");
    }

    let mut child = on_docker(stack.telemetry(&command)).spawn();
    let said = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut lines = said.lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "Bringing over traces"));
    assert_eq!(interrupt(child), Some(130));
    assert_eq!(temporaries(home), [""; 0]);

    let mut child = on_docker(stack.telemetry(&command)).spawn();
    eventually("the copy is made", || has("copy-1"));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(has("copy-1"));
    let brought = on_docker(stack.telemetry(&command)).output();
    assert_eq!(brought.status, Some(0), "{}", brought.stderr);
    assert_eq!(
        stack.query("SELECT count(), uniqExact(trace_id) FROM traces"),
        "5080\t5080"
    );
    assert_eq!(temporaries(home), [""; 0]);
    assert_eq!(old.fingerprint(), before);
}

#[test]
fn what_cannot_be_had_is_told_with_what_there_is() {
    let (Some(_), Some(stack)) = (DockerStack::prepare("none"), Stack::start()) else {
        return;
    };
    let old = OldProject::stopped("old-told");
    let command = format!("migrate --from-compose {}", old.name);

    let absent = on_docker(stack.telemetry("migrate --from-compose nowhere")).output();
    assert_eq!(absent.status, Some(2), "{}", absent.stderr);
    assert!(
        absent
            .stderr
            .contains("no volume of ClickHouse's belongs to a Compose project `nowhere`"),
        "{}",
        absent.stderr
    );
    let offered = format!("`{}`", old.name);
    assert!(absent.stderr.contains(&offered), "{}", absent.stderr);

    let no_docker = stack.telemetry(&command).output();
    assert_eq!(no_docker.status, Some(5), "{}", no_docker.stderr);
    assert!(
        no_docker.stderr.contains("error[no_engine]"),
        "{}",
        no_docker.stderr
    );

    let no_image = on_docker(stack.telemetry(&command))
        .env("TELEMETRY_IMAGE_REGISTRY", "registry.invalid")
        .output();
    assert_eq!(no_image.status, Some(5), "{}", no_image.stderr);
    assert!(
        no_image
            .stderr
            .contains("cannot pull `registry.invalid/clickhouse/clickhouse-server:"),
        "{}",
        no_image.stderr
    );
    assert!(
        no_image.stderr.contains("TELEMETRY_IMAGE_REGISTRY"),
        "{}",
        no_image.stderr
    );

    stack.telemetry("stop").output();
    let no_stack = on_docker(stack.telemetry(&command)).output();
    assert_eq!(no_stack.status, Some(1), "{}", no_stack.stderr);
    assert!(
        no_stack
            .stderr
            .contains("`telemetry start` starts the stack"),
        "{}",
        no_stack.stderr
    );
    assert_eq!(temporaries(stack.sandbox().home()), [""; 0]);
}

#[test]
fn a_volume_that_no_clickhouse_reads_is_told_with_what_the_clickhouse_said() {
    let (Some(_), Some(stack)) = (DockerStack::prepare("none"), Stack::start()) else {
        return;
    };
    let old = OldProject::stopped("old-damaged");
    let mount = format!("{}:/old", old.volume());
    // No file can be where a directory should be.
    let damage = "rm -rf /old/preprocessed_configs && touch /old/preprocessed_configs";
    docker(&[
        "run",
        "--rm",
        "--volume",
        &mount,
        "--entrypoint=sh",
        &image(),
        "-c",
        damage,
    ])
    .expect("it can be damaged");
    let before = old.fingerprint();
    let command = format!("migrate --from-compose {}", old.name);
    let failed = on_docker(stack.telemetry(&command)).output();
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    let told = format!(
        "error[engine_start]: cannot read a copy of volume `{}`",
        old.volume()
    );
    assert!(failed.stderr.contains(&told), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("preprocessed_configs"),
        "{}",
        failed.stderr
    );
    assert_eq!(temporaries(stack.sandbox().home()), [""; 0]);
    assert_eq!(old.fingerprint(), before);
}

#[test]
fn a_port_that_the_old_stack_holds_is_told_with_how_to_stop_and_adopt_it() {
    let Some(stack) = DockerStack::prepare("held") else {
        return;
    };
    let port = stack.port("TELEMETRY_CLICKHOUSE_PORT");
    let publish = format!("--publish=127.0.0.1:{port}:8123");
    let old = OldProject::running("old-holds", DEFAULT, &[&publish]);
    let failed = stack.telemetry("start --engine docker").output();
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    for told in [
        format!(
            "is taken by container `{}` of project `{}`",
            old.container(),
            old.name
        ),
        format!("`docker compose -p {} stop` gives it free", old.name),
        format!(
            "`telemetry migrate --from-compose {}` brings its telemetry over",
            old.name
        ),
    ] {
        assert!(failed.stderr.contains(&told), "{}", failed.stderr);
    }
}

#[test]
fn what_expires_by_the_old_stacks_rule_is_kept_by_that_of_this_one() {
    let (Some(_), Some(stack)) = (DockerStack::prepare("none"), Stack::prepare()) else {
        return;
    };
    let started = stack.start_with("--retention-days 365").output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let old = OldProject::running("old-expires", DEFAULT, &[]);
    old.sql(EXPIRED).expect("the tables take rows");
    docker(&["stop", &old.container()]).expect("it stops");
    let command = format!("migrate --from-compose {}", old.name);
    let brought = on_docker(stack.telemetry(&command)).output();
    assert_eq!(brought.status, Some(0), "{}", brought.stderr);
    let sql = "SELECT count() FROM traces WHERE trace_id LIKE 'e%'";
    assert_eq!(stack.query(sql), "100");
}
