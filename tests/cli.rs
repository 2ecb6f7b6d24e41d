//! The command line, as people and scripts meet it: no stack runs here.

mod support;

use insta::assert_snapshot;
use support::sandbox::Sandbox;

#[test]
fn help_names_every_command() {
    assert_snapshot!(Sandbox::new().telemetry("--help").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    A self-hosted telemetry backend in one binary: OTLP in, ClickHouse SQL out

    Usage: telemetry [OPTIONS] <COMMAND>

    Commands:
      start         Start the stack in the background and wait until it is ready
      stop          Stop the stack; its data stays
      restart       Stop the stack and start it again, with what has changed in its settings
      update        Bring images and containers to the versions of this program
      status        Show what runs, where it listens, and how it is
      health        Probe every endpoint and the queues; exit 0 only if all is well, 4 if not
      logs          Show the stack's log
      dashboard     Open the dashboards in a browser
      test          Send sample telemetry and wait until all of it can be queried
      query         Run a ClickHouse SQL statement
      query-traces  Show recent spans, or one trace as a tree
      query-stats   Show totals, error rates and percentiles, and the size of the tables
      env           Print the variables that point SDKs at the stack
      config        Show every setting, its value, and where that comes from
      backup        Write all telemetry to one archive
      restore       Bring back the telemetry of an archive
      migrate       Bring the database to this program's schema, or another one's telemetry into it
      reset         Delete all telemetry; the stack goes on running
      clean         Stop the stack and delete it, with all its data
      engine        Fetch, find or remove the engine library
      doctor        Look for what is wrong on this machine or with the stack, and say how to mend it
      completions   Print a completion script for a shell

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Global options:
          --project <NAME>   Which stack, if there are several [default: telemetry]
          --format <FORMAT>  Form of the result: `human`, or `json` for programs [default: human]
      -q, --quiet            Say nothing but the result and errors
      -v, --verbose          Say more of what is done, and why
          --color <WHEN>     When to use colours: `auto`, `always` or `never` [default: auto]

    Examples:
      telemetry start          Start the stack, and print where it listens
      telemetry test           Send sample spans, and wait until all can be queried
      telemetry query-traces   Look at recent spans
      eval "$(telemetry env)"  Point OpenTelemetry SDKs at the stack

    Exit status: 0 done, 1 failed, 2 usage or settings, 3 not confirmed, 4 unhealthy, 5 no engine,
    130 interrupted.
    "#);
}

#[test]
fn no_command_is_answered_with_help_and_a_failure() {
    let ended = Sandbox::new().telemetry("").output();
    assert_eq!(ended.status, Some(2));
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("Commands:"), "{}", ended.stderr);
}

#[test]
fn a_misspelt_command_is_answered_with_the_nearest() {
    assert_snapshot!(Sandbox::new().telemetry("stpo").snapshot(), @"
    exit status: 2
    --- stderr ---
    error[usage]: unrecognized subcommand 'stpo'

    hint: some similar subcommands exist: 'restore', 'stop'
    ");
}

#[test]
fn a_command_line_that_is_wrong_is_reported_in_json_too() {
    let run = |line| Sandbox::new().telemetry(line).snapshot();
    assert_snapshot!(run("start --hots ::1 --format json"), @r#"
    exit status: 2
    --- stdout ---
    {"schema_version":1,"command":null,"status":"error","data":null,"warnings":[],"error":{"code":"usage","message":"unexpected argument '--hots' found","causes":[],"hint":"a similar argument exists: '--host'"}}
    "#);
}

#[test]
fn a_value_that_a_setting_cannot_have_is_reported_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.write("here/.env", "A=1\nTELEMETRY_HEALTH_PORT=high\n");
    assert_snapshot!(sandbox.telemetry("config").snapshot(), @"
    exit status: 2
    --- stderr ---
    error[invalid_setting]: [HOME]/here/.env:2: `TELEMETRY_HEALTH_PORT` is `high`: expected a port, 1 to 65535
    ");
    let run = sandbox
        .telemetry("config")
        .env("TELEMETRY_HEALTH_PORT", "0");
    assert_snapshot!(run.snapshot(), @"
    exit status: 2
    --- stderr ---
    error[invalid_setting]: `TELEMETRY_HEALTH_PORT` in the environment is `0`: expected a port, 1 to 65535
    ");
    let run = sandbox.telemetry("start --health-port 70000 --format json");
    assert_snapshot!(run.snapshot(), @r#"
    exit status: 2
    --- stdout ---
    {"schema_version":1,"command":"start","status":"error","data":null,"warnings":[],"error":{"code":"invalid_setting","message":"`--health-port` is `70000`: expected a port, 1 to 65535","causes":[],"hint":null}}
    "#);
}

#[test]
fn dashboards_are_shown_while_the_stack_runs() {
    let sandbox = Sandbox::new();
    let stopped = sandbox
        .telemetry("dashboard --print")
        .env("TELEMETRY_DASHBOARD_PORT", "1")
        .output();
    assert_eq!(stopped.status, Some(1));
    assert_eq!(stopped.stdout, "");
    assert_snapshot!(stopped.stderr, @"
    error[unreachable]: the dashboards do not answer at http://127.0.0.1:1: Connection refused (os error 111)

    hint: `telemetry start` starts the stack; `telemetry status` shows what runs
    ");
}

#[test]
fn a_misspelt_setting_is_warned_of() {
    let sandbox = Sandbox::new();
    let run = |line| sandbox.telemetry(line).env("TELEMETRY_HOTS", "::1");
    assert_snapshot!(run("env").output().stderr, @"warning: `TELEMETRY_HOTS` is not a setting; did you mean `TELEMETRY_HOST`?");
    assert_eq!(run("env --quiet").output().stderr, "");
    assert_snapshot!(run("config --format json").json()["warnings"], @r#"["`TELEMETRY_HOTS` is not a setting; did you mean `TELEMETRY_HOST`?"]"#);
}

#[test]
fn config_shows_where_each_value_comes_from_and_no_secret() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "here/.env",
        "ENVIRONMENT=ci\nCLICKHOUSE_PASSWORD=hunter2 # for tests\n",
    );
    let run = sandbox
        .telemetry("config --project shop")
        .env("TELEMETRY_RETENTION_DAYS", "7")
        .env("TELEMETRY_DATA_DIR", "data");
    // The columns are as wide as the name of the temporary directory needs them.
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let stdout = run.output().stdout;
    let lines: Vec<_> = stdout.lines().map(words).collect();
    assert_snapshot!(lines.join("\n"), @"
    Setting Value Origin
    TELEMETRY_PROJECT shop flag
    TELEMETRY_ENGINE auto default
    TELEMETRY_HOST 127.0.0.1 default
    TELEMETRY_OTLP_HTTP_PORT 4318 default
    TELEMETRY_OTLP_GRPC_PORT 4317 default
    TELEMETRY_CLICKHOUSE_PORT 8123 default
    TELEMETRY_CLICKHOUSE_NATIVE_PORT 9000 default
    TELEMETRY_DASHBOARD_PORT 3000 default
    TELEMETRY_HEALTH_PORT 13133 default
    TELEMETRY_COLLECTOR_METRICS_PORT 8888 default
    CLICKHOUSE_USER telemetry default
    CLICKHOUSE_PASSWORD •••••• [HOME]/here/.env:2
    CLICKHOUSE_INGEST_PASSWORD •••••• default
    CLICKHOUSE_GRAFANA_PASSWORD •••••• default
    GF_SECURITY_ADMIN_PASSWORD •••••• default
    ENVIRONMENT ci [HOME]/here/.env:1
    TELEMETRY_RETENTION_DAYS 7 environment
    TELEMETRY_MEMORY_LIMIT 1GiB default
    TELEMETRY_CPU_LIMIT 0 default
    TELEMETRY_COLLECTOR_MEMORY_LIMIT 512MiB default
    TELEMETRY_GRAFANA_MEMORY_LIMIT 512MiB default
    TELEMETRY_ALERT_WEBHOOK_TYPE webhook default
    TELEMETRY_IMAGE_REGISTRY docker.io default
    TELEMETRY_DATA_DIR [HOME]/here/data environment
    ");
}

/// What `start` writes, for a stack that listens on another port.
const RECORD: &str = r#"{
    "telemetry_version": "0.1.0",
    "project": "telemetry",
    "engine": "embedded",
    "clickhouse_version": null,
    "started_at": "2026-01-31T09:00:00Z",
    "endpoints": {
        "host": "127.0.0.1",
        "otlp_http": 14318,
        "otlp_grpc": 4317,
        "clickhouse_http": 8123,
        "health": 13133
    },
    "settings": { "TELEMETRY_OTLP_HTTP_PORT": "14318", "ENVIRONMENT": "staging" }
}"#;

#[test]
fn what_the_stack_was_started_with_holds_in_every_directory() {
    let sandbox = Sandbox::new();
    sandbox.write(".local/share/telemetry/telemetry/stack.json", RECORD);
    sandbox.write("here/.env", "ENVIRONMENT=ci\nCLICKHOUSE_USER=me\n");
    let run = sandbox
        .telemetry("config --format json")
        .env("TELEMETRY_RETENTION_DAYS", "7");
    let config = run.json();
    let origin_of = |name: &str| {
        let settings = config["data"]["settings"].as_array().expect("it is a list");
        let setting = settings.iter().find(|setting| setting["name"] == name);
        let setting = setting.expect("it is in the list");
        format!("{} {}", setting["value"], setting["origin"])
    };
    assert_snapshot!(origin_of("TELEMETRY_OTLP_HTTP_PORT"), @r#""14318" "recorded""#);
    assert_snapshot!(origin_of("ENVIRONMENT"), @r#""staging" "recorded""#);
    assert_snapshot!(origin_of("CLICKHOUSE_USER"), @r#""me" "dotenv""#);
    assert_snapshot!(origin_of("TELEMETRY_RETENTION_DAYS"), @r#""7" "environment""#);
    assert_snapshot!(origin_of("TELEMETRY_HOST"), @r#""127.0.0.1" "default""#);
}

#[test]
fn a_damaged_record_is_reported_with_the_way_out() {
    let sandbox = Sandbox::new();
    sandbox.write(".local/share/telemetry/telemetry/stack.json", "{");
    assert_snapshot!(sandbox.telemetry("env").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[io]: cannot read what the stack was started with, `[HOME]/.local/share/telemetry/telemetry/stack.json`
      caused by: EOF while parsing an object at line 1 column 1

    hint: remove the file; `telemetry restart` writes it anew
    ");
}

#[test]
fn env_points_sdks_at_the_stack() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.telemetry("env").snapshot(), @"
    exit status: 0
    --- stdout ---
    export OTEL_EXPORTER_OTLP_ENDPOINT='http://127.0.0.1:4318'
    export OTEL_EXPORTER_OTLP_PROTOCOL='http/protobuf'
    export OTEL_TRACES_EXPORTER='otlp'
    export OTEL_METRICS_EXPORTER='otlp'
    export OTEL_LOGS_EXPORTER='otlp'
    export AUTOMAGIK_TELEMETRY_ENABLED='true'
    export AUTOMAGIK_TELEMETRY_BACKEND='otlp'
    export AUTOMAGIK_TELEMETRY_ENDPOINT='http://127.0.0.1:4318/v1/traces'
    ");
    let run = sandbox.telemetry("env --sdk automagik-clickhouse --as dotenv");
    let run = run.env("CLICKHOUSE_INGEST_PASSWORD", "it's $5");
    assert_snapshot!(run.snapshot(), @r#"
    exit status: 0
    --- stdout ---
    AUTOMAGIK_TELEMETRY_ENABLED=true
    AUTOMAGIK_TELEMETRY_BACKEND=clickhouse
    AUTOMAGIK_TELEMETRY_ENDPOINT=http://127.0.0.1:4318/v1/traces
    AUTOMAGIK_TELEMETRY_CLICKHOUSE_ENDPOINT=http://127.0.0.1:8123
    AUTOMAGIK_TELEMETRY_CLICKHOUSE_DATABASE=telemetry
    AUTOMAGIK_TELEMETRY_CLICKHOUSE_USERNAME=ingest
    AUTOMAGIK_TELEMETRY_CLICKHOUSE_PASSWORD="it's \$5"
    "#);
    assert_snapshot!(sandbox.telemetry("env --sdk otel --as json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {
      "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
      "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
      "OTEL_TRACES_EXPORTER": "otlp",
      "OTEL_METRICS_EXPORTER": "otlp",
      "OTEL_LOGS_EXPORTER": "otlp"
    }
    "#);
    // The collector would refuse what it sends over OTLP.
    let on_docker = |sdk: &str| {
        let run = sandbox.telemetry(&format!("env --sdk {sdk}"));
        run.env("TELEMETRY_ENGINE", "docker").output().stdout
    };
    assert_eq!(on_docker("automagik"), on_docker("automagik-clickhouse"));
    let run = sandbox.telemetry("env --sdk otel --protocol grpc");
    assert_snapshot!(run.snapshot(), @"
    exit status: 0
    --- stdout ---
    export OTEL_EXPORTER_OTLP_ENDPOINT='http://127.0.0.1:4317'
    export OTEL_EXPORTER_OTLP_PROTOCOL='grpc'
    export OTEL_TRACES_EXPORTER='otlp'
    export OTEL_METRICS_EXPORTER='otlp'
    export OTEL_LOGS_EXPORTER='otlp'
    ");
    let run = sandbox.telemetry("env --sdk automagik --format json");
    assert_snapshot!(run.snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"env","status":"ok","data":{"AUTOMAGIK_TELEMETRY_ENABLED":"true","AUTOMAGIK_TELEMETRY_BACKEND":"otlp","AUTOMAGIK_TELEMETRY_ENDPOINT":"http://127.0.0.1:4318/v1/traces"},"warnings":[],"error":null}
    "#);
}

#[test]
fn a_shell_reads_env_back_whatever_the_password() {
    let sandbox = Sandbox::new();
    let password = "it's \"$HOME\" `id` \\ & | é";
    let run = sandbox
        .shell(
            "eval \"$(telemetry env --sdk automagik-clickhouse)\"
             printf %s \"$AUTOMAGIK_TELEMETRY_CLICKHOUSE_PASSWORD\"",
        )
        .env("CLICKHOUSE_INGEST_PASSWORD", password);
    assert_eq!(run.output().stdout, password);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = Sandbox::new();
    for command in [
        "config",
        "config --format json",
        "completions bash",
        "--help",
    ] {
        let script = format!("set -o pipefail; telemetry {command} | head -c 0; echo $?");
        assert_eq!(
            sandbox.shell(&script).snapshot(),
            "exit status: 0\n--- stdout ---\n0\n"
        );
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    assert_snapshot!(Sandbox::new().shell("telemetry config > /dev/full").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[io]: cannot write to stdout
      caused by: No space left on device (os error 28)
    ");
}

#[test]
fn a_completion_script_needs_no_settings() {
    let sandbox = Sandbox::new();
    sandbox.write("here/.env", "TELEMETRY_HOST=nonsense");
    let ended = sandbox
        .telemetry("completions zsh")
        .env("TELEMETRY_X", "1")
        .output();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn shells_can_read_the_completion_scripts() {
    let sandbox = Sandbox::new();
    let script = "set -e
        telemetry completions bash > script
        bash -n script
        source ./script
        COMP_WORDS=(telemetry query-) COMP_CWORD=1
        _telemetry telemetry query- telemetry
        echo \"${COMPREPLY[@]}\"";
    assert_eq!(
        sandbox.shell(script).output().stdout,
        "query-traces query-stats\n"
    );
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        let ended = sandbox.telemetry(&format!("completions {shell}")).output();
        assert!(ended.stdout.contains("query-traces"), "{shell}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let sandbox = Sandbox::new();
    let error = |line: &str| {
        sandbox
            .telemetry(line)
            .env("TELEMETRY_HOST", "x")
            .output()
            .stderr
    };
    assert!(!error("config").contains('\u{1b}'));
    assert!(error("config --color always").contains('\u{1b}'));
}
