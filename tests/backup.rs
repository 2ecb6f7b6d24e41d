//! Backups of a running stack, restores into one, and its reset.

mod support;

use std::{fs, io::BufRead as _, io::BufReader, path::PathBuf, process::Child};

use insta::assert_snapshot;
use serde_json::Value;
use support::{eventually, stack::Stack};

/// Compares output that holds ports, times and sizes.
macro_rules! assert_stack_snapshot {
    ($stack:expr, $($snapshot:tt)*) => {{
        let mut settings = $stack.snapshot_settings();
        for (pattern, replacement) in [
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
            (r"tar: \d+\.\d\d [KM]iB", "tar: [SIZE]"),
            // Both follow the schema.
            (r#""checksum":"[0-9a-f]{16}""#, r#""checksum":"[CHECKSUM]""#),
            (r#""schema_version":\d+,"tables""#, r#""schema_version":[VERSION],"tables""#),
        ] {
            settings.add_filter(pattern, replacement);
        }
        settings.bind(|| assert_snapshot!($($snapshot)*))
    }};
}

/// The same at every run. Times as old as these need a long retention.
const SPANS: &str = "
INSERT INTO traces (trace_id, span_id, timestamp, duration_ns, span_name, service_name, project_name, status_code, attributes)
SELECT leftPad(hex(intDiv(number, 5)), 32, '0'), leftPad(hex(number), 16, '0'),
    toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + toIntervalMinute(number),
    number * 1000003, 'GET /', concat('s', toString(number % 3)), 'shop',
    if(number % 9 = 0, 'ERROR', 'OK'), map('n', toString(number), 'raw', unhex('ff00'))
FROM numbers(1000)
SETTINGS max_partitions_per_insert_block = 0";

const LOGS: &str = "
INSERT INTO logs (timestamp, body, severity_text, service_name)
SELECT toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + toIntervalSecond(number), 'hello', 'INFO', 's1'
FROM numbers(50)";

/// 160 MB that cannot be compressed.
const MANY_SPANS: &str = "
INSERT INTO traces (trace_id, timestamp, span_name, attributes)
SELECT hex(number), toDateTime64('2026-01-01 00:00:00', 9, 'UTC'), 'GET /', map('random', randomString(400))
FROM numbers(400000)";

/// A stack without telemetry that keeps all it is given; `None` where there is no engine.
fn stack() -> Option<Stack> {
    let stack = Stack::prepare()?;
    start(&stack);
    Some(stack)
}

fn start(stack: &Stack) {
    let ended = stack.start_with("--retention-days 30000").output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
}

/// Runs a statement, and gives the rows of its answer.
fn query(stack: &Stack, sql: &str) -> Value {
    let answer = stack.telemetry("query --format json").arg(sql).json();
    assert_eq!(answer["status"], "ok", "{answer}");
    answer["data"]["rows"].clone()
}

fn rows(stack: &Stack) -> Value {
    let sql = "SELECT (SELECT count() FROM traces), (SELECT count() FROM logs), (SELECT count() FROM metrics)";
    query(stack, sql)[0].clone()
}

/// Everything that a restore has to bring back, beside the rows themselves.
fn answers(stack: &Stack) -> [Value; 3] {
    let mut stats = stack.telemetry("query-stats --format json").json();
    for table in stats["data"]["tables"]
        .as_array_mut()
        .expect("it is a list")
    {
        table["bytes_on_disk"].take();
    }
    let hourly = "SELECT * FROM metrics_hourly ORDER BY timestamp, project_name";
    let traces = "SELECT * FROM otel_traces ORDER BY TraceId, SpanId LIMIT 100";
    [stats, query(stack, hourly), query(stack, traces)]
}

fn databases_left_over(stack: &Stack) -> Value {
    query(
        stack,
        "SELECT name FROM system.databases WHERE name LIKE '%scratch%'",
    )
}

/// The names in the directory that commands are given in.
fn files(stack: &Stack) -> Vec<String> {
    let entries = fs::read_dir(stack.sandbox().current_dir()).expect("it is there");
    entries
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn path(stack: &Stack, name: &str) -> PathBuf {
    stack.sandbox().current_dir().join(name)
}

#[test]
fn what_was_backed_up_comes_back_in_a_new_stack() {
    let Some(stack) = stack() else {
        return;
    };
    query(&stack, SPANS);
    query(&stack, LOGS);
    let ended = stack.telemetry("test --quiet").output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let before = answers(&stack);
    let backup = stack.telemetry("backup one.tar --format json").json();
    assert_eq!(backup["status"], "ok", "{backup}");
    assert_eq!(files(&stack), ["one.tar"]);

    assert_eq!(stack.telemetry("clean --yes").output().status, Some(0));
    start(&stack);
    assert_eq!(rows(&stack).to_string(), "[0,0,0]");
    let restore = stack.telemetry("restore one.tar --format json").json();
    assert_eq!(restore["status"], "ok", "{restore}");
    assert_eq!(restore["data"]["tables"], backup["data"]["tables"]);
    assert_eq!(answers(&stack), before);
    let again = stack.telemetry("backup two.tar --format json").json();
    assert_eq!(again["data"]["tables"], backup["data"]["tables"]);
    assert_eq!(databases_left_over(&stack).to_string(), "[]");

    // Twice restored is as good as once, roll-up included, and telemetry still arrives.
    let ended = stack.telemetry("restore --replace --yes two.tar").output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(answers(&stack), before);
    let ended = stack.telemetry("test --quiet").output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
}

#[test]
fn backup_and_restore_say_what_they_did() {
    let Some(stack) = stack() else {
        return;
    };
    query(&stack, SPANS);
    query(&stack, LOGS);
    assert_stack_snapshot!(stack, stack.telemetry("backup a.tar").snapshot(), @"
    exit status: 0
    --- stdout ---
    traces: 1,000 rows
    logs: 50 rows
    metrics: 0 rows
    a.tar: [SIZE]
    --- stderr ---
    Backing up traces
    Backing up logs
    Backing up metrics
    ");
    assert_stack_snapshot!(stack, stack.telemetry("backup a.tar").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[io]: `a.tar` is already there

    hint: `--force` replaces it
    ");
    assert_stack_snapshot!(stack, stack.telemetry("backup a.tar --force --quiet --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"backup","status":"ok","data":{"file":"a.tar","bytes":[BYTES],"created_at":"[TIME]","schema_version":[VERSION],"tables":[{"table":"traces","rows":1000,"checksum":"[CHECKSUM]"},{"table":"logs","rows":50,"checksum":"[CHECKSUM]"},{"table":"metrics","rows":0,"checksum":"[CHECKSUM]"}]},"warnings":[],"error":null}
    "#);
    assert_stack_snapshot!(stack, stack.telemetry("backup nowhere/a.tar").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[io]: cannot write the archive `nowhere/a.tar`
      caused by: No such file or directory (os error 2)
    ");
    assert_stack_snapshot!(stack, stack.telemetry("restore a.tar").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[data_exists]: there is telemetry already: 1,000 rows in `traces`, 50 rows in `logs`

    hint: `telemetry restore --replace` deletes it first; `telemetry backup` keeps a copy
    ");
    assert_stack_snapshot!(stack, stack.telemetry("restore a.tar --replace").snapshot(), @"
    exit status: 3
    --- stderr ---
    Checking the archive
    error[confirmation_required]: this would delete 1,000 rows in `traces`, 50 rows in `logs`, and restore the archive instead, and there is no terminal to ask on

    hint: add `--yes` to do it without being asked
    ");
    assert_stack_snapshot!(stack, stack.telemetry("restore a.tar --replace --yes").snapshot(), @"
    exit status: 0
    --- stdout ---
    traces: 1,000 rows restored and verified
    logs: 50 rows restored and verified
    metrics: 0 rows restored and verified
    --- stderr ---
    Checking the archive
    Restoring traces
    Restoring logs
    Restoring metrics
    ");
    assert_stack_snapshot!(stack, stack.telemetry("restore a.tar --replace --yes --quiet --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"restore","status":"ok","data":{"file":"a.tar","tables":[{"table":"traces","rows":1000,"checksum":"[CHECKSUM]"},{"table":"logs","rows":50,"checksum":"[CHECKSUM]"},{"table":"metrics","rows":0,"checksum":"[CHECKSUM]"}]},"warnings":[],"error":null}
    "#);
    assert_eq!(files(&stack), ["a.tar"]);
    assert_eq!(rows(&stack).to_string(), "[1000,50,0]");
}

#[test]
fn in_a_directory_an_archive_is_named_after_the_stack_and_the_time() {
    let Some(stack) = stack() else {
        return;
    };
    fs::create_dir(path(&stack, "backups")).expect("it is not there");
    let backup = stack.telemetry("backup backups --format json").json();
    let file = backup["data"]["file"].as_str().expect("it is text");
    assert!(file.starts_with("backups/telemetry-telemetry-20"), "{file}");
    assert!(path(&stack, file).is_file());
    let backup = stack.telemetry("backup --format json").json();
    let file = backup["data"]["file"].as_str().expect("it is text");
    assert!(file.starts_with("telemetry-telemetry-20"), "{file}");
}

#[test]
fn an_archive_that_is_not_whole_is_refused_and_nothing_is_touched() {
    let Some(stack) = stack() else {
        return;
    };
    query(&stack, SPANS);
    assert_eq!(stack.telemetry("backup a.tar").output().status, Some(0));
    let whole = fs::read(path(&stack, "a.tar")).expect("it is there");
    // Behind the first header, which has 512 bytes.
    fs::write(path(&stack, "cut.tar"), &whole[..600]).expect("there is space");
    let mut damaged = whole.clone();
    damaged[whole.len() / 4] ^= 1;
    fs::write(path(&stack, "damaged.tar"), damaged).expect("there is space");
    stack.sandbox().write("here/foreign.tar", &"x".repeat(5000));

    query(&stack, LOGS);
    let run = |arguments: &str| stack.telemetry(&format!("restore --replace --yes {arguments}"));
    assert_stack_snapshot!(stack, run("cut.tar").snapshot(), @"
    exit status: 1
    --- stderr ---
    Checking the archive
    error[invalid_archive]: cannot restore `cut.tar`: it ends in the middle of `traces/000000.native.zst`

    hint: nothing was changed; try another copy of the archive
    ");
    assert_stack_snapshot!(stack, run("damaged.tar").snapshot(), @"
    exit status: 1
    --- stderr ---
    Checking the archive
    error[invalid_archive]: cannot restore `damaged.tar`: its member `traces/000000.native.zst` is damaged

    hint: nothing was changed; try another copy of the archive
    ");
    assert_stack_snapshot!(stack, run("foreign.tar --quiet --format json").snapshot(), @r#"
    exit status: 1
    --- stdout ---
    {"schema_version":1,"command":"restore","status":"error","data":null,"warnings":[],"error":{"code":"invalid_archive","message":"cannot restore `foreign.tar`: it is not a backup made by `telemetry backup`","causes":[],"hint":"nothing was changed; try another copy of the archive"}}
    "#);
    assert_stack_snapshot!(stack, run("gone.tar").snapshot(), @"
    exit status: 1
    --- stderr ---
    error[io]: cannot read the archive `gone.tar`
      caused by: No such file or directory (os error 2)
    ");
    assert_eq!(rows(&stack).to_string(), "[1000,50,0]");
    assert_eq!(databases_left_over(&stack).to_string(), "[]");
}

/// Waits until an archive is being written.
fn wait_for_part(stack: &Stack) {
    eventually("a part of the archive is written", || {
        let part = files(stack)
            .into_iter()
            .find(|name| name.starts_with(".a.tar."));
        part.and_then(|name| fs::metadata(path(stack, &name)).ok())
            .is_some_and(|metadata| metadata.len() > 0)
    });
}

fn wait_for_line(child: &mut Child, wanted: &str) {
    let stderr = child.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == wanted), "never: {wanted}");
}

#[test]
fn what_is_broken_off_leaves_no_file_and_no_copy() {
    let Some(stack) = stack() else {
        return;
    };
    query(&stack, MANY_SPANS);

    // With the server stopped, it is in the middle until the signal is there.
    let server = stack.server().expect("it runs");
    let mut backup = stack.telemetry("backup a.tar").spawn();
    wait_for_part(&stack);
    Stack::signal("STOP", server);
    Stack::signal("INT", backup.id().into());
    eventually("the part is gone", || files(&stack).is_empty());
    Stack::signal("CONT", server);
    assert_eq!(backup.wait().expect("it ends").code(), Some(130));
    assert!(files(&stack).is_empty());
    assert_eq!(databases_left_over(&stack).to_string(), "[]");

    let ended = stack.telemetry("backup a.tar").output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    query(&stack, LOGS);
    let mut restore = stack.telemetry("restore --replace --yes a.tar").spawn();
    wait_for_line(&mut restore, "Restoring traces");
    Stack::signal("INT", restore.id().into());
    assert_eq!(restore.wait().expect("it ends").code(), Some(130));
    assert_eq!(rows(&stack).to_string(), "[400000,50,0]");
    assert_eq!(databases_left_over(&stack).to_string(), "[]");
}

#[test]
fn a_server_that_is_killed_fails_the_backup_and_leaves_no_file() {
    let Some(stack) = stack() else {
        return;
    };
    query(&stack, MANY_SPANS);
    let server = stack.server().expect("it runs");
    let backup = stack.telemetry("backup a.tar --format json").spawn();
    wait_for_part(&stack);
    Stack::signal("KILL", server);
    let output = backup.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(answer["error"]["code"], "unreachable", "{answer}");
    assert!(files(&stack).is_empty());
}

#[test]
fn without_a_stack_it_says_how_to_start_one() {
    let sandbox = support::sandbox::Sandbox::new();
    let run = |arguments: &str| {
        let run = sandbox.telemetry(arguments);
        run.env("TELEMETRY_CLICKHOUSE_PORT", "1").snapshot()
    };
    assert_snapshot!(run("backup a.tar"), @"
    exit status: 1
    --- stderr ---
    error[unreachable]: ClickHouse does not answer at http://127.0.0.1:1
      caused by: error sending request
      caused by: client error (Connect)
      caused by: tcp connect error
      caused by: Connection refused (os error 111)

    hint: `telemetry start` starts the stack; `telemetry status` shows what runs
    ");
    assert_snapshot!(run("reset --yes"), @"
    exit status: 1
    --- stderr ---
    error[unreachable]: ClickHouse does not answer at http://127.0.0.1:1
      caused by: error sending request
      caused by: client error (Connect)
      caused by: tcp connect error
      caused by: Connection refused (os error 111)

    hint: `telemetry start` starts the stack; `telemetry status` shows what runs
    ");
    let entries = fs::read_dir(sandbox.current_dir()).expect("it is there");
    assert_eq!(entries.count(), 0);
}

#[test]
fn reset_asks_and_empties_every_table_while_the_stack_runs() {
    let Some(stack) = stack() else {
        return;
    };
    query(&stack, SPANS);
    query(&stack, LOGS);
    assert_stack_snapshot!(stack, stack.telemetry("reset").snapshot(), @"
    exit status: 3
    --- stderr ---
    error[confirmation_required]: this would delete all telemetry of `telemetry`, 1,050 rows, and there is no terminal to ask on

    hint: add `--yes` to do it without being asked
    ");
    assert_eq!(rows(&stack).to_string(), "[1000,50,0]");
    assert_stack_snapshot!(stack, stack.telemetry("reset --yes").snapshot(), @"
    exit status: 0
    --- stdout ---
    traces: 1,000 rows removed
    logs: 50 rows removed
    metrics: 0 rows removed
    ");
    assert_eq!(rows(&stack).to_string(), "[0,0,0]");
    assert_eq!(
        query(&stack, "SELECT * FROM metrics_hourly").to_string(),
        "[]"
    );
    assert_stack_snapshot!(stack, stack.telemetry("reset --yes --format json").snapshot(), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"reset","status":"ok","data":{"tables":[{"table":"traces","rows_removed":0},{"table":"logs","rows_removed":0},{"table":"metrics","rows_removed":0}],"queue_emptied":false},"warnings":[],"error":null}
    "#);
    // The same telemetry can come again: nothing of it is taken for a repetition.
    query(&stack, SPANS);
    assert_eq!(rows(&stack).to_string(), "[1000,0,0]");
    let ended = stack.telemetry("test --quiet").output();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
}
