//! What `grafana` and `ingest` may do on ClickHouse's HTTP interface, and how they try to get out.

mod support;

use reqwest::Method;
use support::stack::Stack;

const GRAFANA: (&str, &str) = ("grafana", "grafana_password");
const INGEST: (&str, &str) = ("ingest", "ingest_password");
const TELEMETRY: (&str, &str) = ("telemetry", "telemetry_password");

/// An answer: its status, ClickHouse's code if it is an exception, and its text.
#[derive(Debug)]
struct Answer {
    status: u16,
    code: Option<u32>,
    text: String,
}

/// Sends a statement as a user, with more in the URL.
fn ask(
    stack: &Stack,
    method: &Method,
    (user, password): (&str, &str),
    url: &[(&str, &str)],
    sql: &str,
) -> Answer {
    let request = reqwest::Client::new()
        .request(method.clone(), stack.clickhouse_url("/"))
        .query(&[("database", "telemetry")])
        .query(url)
        .header("X-ClickHouse-User", user)
        .header("X-ClickHouse-Key", password);
    let request = if method == Method::POST {
        request.body(sql.to_owned())
    } else {
        request.query(&[("query", sql)])
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        let answer = request.send().await.expect("ClickHouse answers");
        let code = answer.headers().get("x-clickhouse-exception-code");
        let code = code.map(|code| {
            let code = code.to_str().expect("it is text");
            code.parse().expect("it is a number")
        });
        Answer {
            status: answer.status().as_u16(),
            code,
            text: answer.text().await.expect("the answer is text"),
        }
    })
}

/// What a refusal may say: no rights, read-only, not allowed, not there at all (and no cluster either).
const REFUSALS: [u32; 11] = [46, 47, 60, 62, 81, 164, 344, 358, 446, 497, 701];

/// Whatever these statements answer, none of them may be a success.
fn assert_refused(stack: &Stack, user: (&str, &str), attempts: &[&str]) {
    for sql in attempts {
        for method in [Method::POST, Method::GET] {
            let answer = ask(stack, &method, user, &[], sql);
            assert!(
                answer.code.is_some_and(|code| REFUSALS.contains(&code)),
                "{method} {sql}: {answer:?}"
            );
        }
    }
}

#[test]
fn grafana_reads_the_stacks_tables_and_what_describes_them() {
    let Some(stack) = Stack::start() else {
        return;
    };
    for sql in [
        "SELECT count() FROM telemetry.traces",
        "SELECT count() FROM traces FORMAT JSON",
        "WITH toStartOfHour(timestamp) AS hour SELECT hour, count() FROM traces GROUP BY hour",
        "SELECT * FROM metrics_hourly LIMIT 1",
        "SELECT name FROM system.databases",
        "SELECT name FROM system.tables WHERE database = 'telemetry'",
        "SELECT name, type FROM system.columns WHERE database = 'telemetry'",
        "SELECT name FROM system.settings LIMIT 1",
        "SELECT name FROM system.functions LIMIT 1",
        "SELECT sum(rows) FROM system.parts WHERE active",
        "SELECT table_name FROM information_schema.tables",
        "SELECT number FROM numbers(3)",
        "SHOW TABLES",
        "SHOW DATABASES",
        "DESCRIBE TABLE traces",
        "SHOW CREATE TABLE traces",
        "EXPLAIN SELECT count() FROM traces",
        "SELECT version(), timezone(), displayName()",
        "SELECT format('{} {}', service_name, span_name) FROM traces",
    ] {
        for method in [Method::POST, Method::GET] {
            let answer = ask(&stack, &method, GRAFANA, &[], sql);
            assert_eq!(answer.status, 200, "{method} {sql}: {answer:?}");
        }
    }
    let databases = ask(&stack, &Method::POST, GRAFANA, &[], "SHOW DATABASES");
    assert_eq!(databases.text, "telemetry\n");
}

#[test]
fn grafana_changes_nothing() {
    let Some(stack) = Stack::start() else {
        return;
    };
    assert_refused(
        &stack,
        GRAFANA,
        &[
            "INSERT INTO traces (span_name) VALUES ('x')",
            "INSERT INTO traces (span_name) FORMAT CSV\nx",
            "INSERT INTO traces (span_name) SELECT 'x'",
            "INSERT INTO FUNCTION file('x.csv') SELECT 1",
            "INSERT INTO FUNCTION url('http://127.0.0.1:1/') SELECT 1",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "CREATE TABLE x (n Int8) ENGINE = Memory",
            "CREATE TEMPORARY TABLE x (n Int8)",
            "CREATE VIEW x AS SELECT 1",
            "CREATE DATABASE x",
            "CREATE FUNCTION x AS a -> a",
            "CREATE USER x",
            "CREATE NAMED COLLECTION x AS a = 'b'",
            "GRANT administrator TO default",
            "ALTER TABLE traces DELETE WHERE 1",
            "DELETE FROM traces WHERE 1",
            "TRUNCATE TABLE traces",
            "DROP TABLE traces",
            "RENAME TABLE traces TO x",
            "OPTIMIZE TABLE traces",
            "SYSTEM STOP MERGES",
            "SYSTEM SHUTDOWN",
            "BACKUP DATABASE telemetry TO File('/tmp/x')",
            "KILL QUERY WHERE 1",
            "SET ROLE administrator",
            "SET ROLE ALL",
            "SET DEFAULT ROLE administrator TO default",
            "EXECUTE AS default SELECT 1",
            "SELECT 1; SELECT 2",
            "SELECT 1 PARALLEL WITH SELECT 2",
        ],
    );
    let spans = ask(
        &stack,
        &Method::POST,
        TELEMETRY,
        &[],
        "SELECT count() FROM traces",
    );
    assert_eq!(spans.text, "0\n");
}

#[test]
fn grafana_reaches_no_file_and_no_other_machine() {
    let Some(stack) = Stack::start() else {
        return;
    };
    assert_refused(
        &stack,
        GRAFANA,
        &[
            "SELECT file('/etc/passwd')",
            "SELECT `file`('/etc/passwd')",
            "SELECT \"file\"('/etc/passwd')",
            "SELECT \u{201c}file\u{201d}('/etc/passwd')",
            "SELECT `fi\\x6ce`('/etc/passwd')",
            "SELECT /* */ file /* */ ('/etc/passwd')",
            "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
            "SELECT * APPLY file FROM (SELECT '/etc/passwd')",
            "SELECT COLUMNS('.*') APPLY(`file`) FROM (SELECT '/etc/passwd')",
            "SELECT arrayMap(file, ['/etc/passwd'])",
            "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
            "WITH x -> file(x) AS f SELECT f('/etc/passwd')",
            "SELECT b FROM values('a String, b String ALIAS file(''/etc/passwd'')', 'x')",
            "SELECT b FROM generateRandom('a String, b String ALIAS file(''/etc/passwd'')')",
            "SELECT b FROM null('a String, b String DEFAULT file(''/etc/passwd'')')",
            "SELECT * FROM viewIfPermitted(SELECT 1 AS a ELSE null('a UInt8'))",
            "SELECT * FROM eval('SELECT file(''/etc/passwd'')')",
            "SELECT * FROM format(CSV, 'a String ALIAS file(''/etc/passwd'')', 'x')",
            "EXPLAIN SELECT file('/etc/passwd')",
            "DESCRIBE TABLE file('/etc/passwd')",
            "SELECT * FROM file('/etc/passwd', 'LineAsString')",
            "SELECT * FROM `/etc/passwd`",
            "SELECT * FROM '/etc/passwd'",
            "SELECT * FROM filesystem('/etc')",
            "SELECT * FROM view(SELECT * FROM file('/etc/passwd', 'LineAsString'))",
            "SELECT * FROM loop(file('/etc/passwd', 'LineAsString'))",
            "SELECT * FROM fileCluster('default', '/etc/passwd')",
            "SELECT * FROM icebergLocal('/etc')",
            "SELECT * FROM deltaLakeLocal('/etc')",
            "SELECT * FROM sqlite('/tmp/x.db', 't')",
            "SELECT * FROM executable('id', 'TSV', 'a String')",
            "SELECT * FROM url('http://127.0.0.1:1/')",
            "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV')",
            "SELECT * FROM gcs('http://127.0.0.1:1/bucket/x', 'CSV')",
            "SELECT * FROM azureBlobStorage('x', 'c', 'b', 'k', 'v')",
            "SELECT * FROM hdfs('hdfs://127.0.0.1:1/a', 'TSV')",
            "SELECT * FROM remote('127.0.0.1:1', system.one)",
            "SELECT * FROM cluster('default', system.one)",
            "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
            "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
            "SELECT * FROM mongodb('mongodb://127.0.0.1:1/a', 'b', 'n Int8')",
            "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String, v String')",
            "SELECT * FROM odbc('DSN=x', 'a', 'b')",
            "SELECT * FROM jdbc('x', 'a', 'b')",
            "SELECT * FROM dictionary('x')",
            "SELECT catboostEvaluate('/etc/passwd', 1.0)",
            "SELECT aiGenerate('x')",
        ],
    );
}

#[test]
fn grafana_does_not_see_what_others_ask() {
    let Some(stack) = Stack::start() else {
        return;
    };
    assert_refused(
        &stack,
        GRAFANA,
        &[
            "SELECT query FROM system.processes",
            "SELECT query FROM `system`.`processes`",
            "SELECT query FROM \"system\" . /* */ \"processes\"",
            "SELECT query FROM \u{201c}system\u{201d}.processes",
            "SELECT query FROM `sys\\x74em`.processes",
            "SELECT query FROM merge('system', '^processes$')",
            "SELECT query FROM loop('system', 'processes')",
            "SELECT query FROM cluster('default', 'system', 'processes')",
            "SELECT query FROM (SELECT * FROM system.processes)",
            "SELECT 1 WHERE 'x' IN (SELECT query FROM system.processes)",
            "SHOW PROCESSLIST",
            "SELECT last_error_message FROM system.errors",
            "SELECT * FROM system.user_processes",
            "SELECT * FROM system.asynchronous_inserts",
            "SELECT * FROM system.query_cache",
            "SELECT * FROM system.mutations",
            "SELECT * FROM system.named_collections",
            "SELECT * FROM system.users",
            "SELECT * FROM system.grants",
            "SELECT * FROM system.stack_trace",
            "SELECT * FROM system.server_settings",
            "SHOW USERS",
            "SHOW ACCESS",
        ],
    );
    for (database, sql) in [
        ("system", "SELECT query FROM processes"),
        ("telemetry", "SELECT query FROM {d:Identifier}.processes"),
        ("telemetry", "SELECT query FROM system.{t:Identifier}"),
    ] {
        for name in ["system", "sys\\x74em", "sys\\tem"] {
            let url = [
                ("database", database),
                ("param_d", name),
                ("param_t", "processes"),
            ];
            let answer = ask(&stack, &Method::POST, GRAFANA, &url, sql);
            assert_eq!(answer.code, Some(497), "{sql}: {answer:?}");
        }
    }
}

#[test]
fn grafana_stays_within_its_limits() {
    let Some(stack) = Stack::start() else {
        return;
    };
    for (name, value) in [
        ("max_result_rows", "0"),
        ("max_result_rows", "18446744073709551615"),
        ("max_execution_time", "0"),
        ("max_memory_usage", "99999999999"),
        ("readonly", "0"),
        ("session_id", "a"),
        ("log_comment", "a"),
    ] {
        let sql = "SELECT getSetting('max_result_rows') <= 1000000,
            getSetting('max_execution_time') BETWEEN 1 AND 60,
            getSetting('max_memory_usage') BETWEEN 1 AND 536870912,
            getSetting('readonly')";
        let answer = ask(&stack, &Method::POST, GRAFANA, &[(name, value)], sql);
        assert_eq!(answer.text, "1\t1\t1\t1\n", "{name}={value}: {answer:?}");
    }
    for (name, value) in [
        ("allow_ddl", "1"),
        ("allow_introspection_functions", "1"),
        ("format_schema", "/etc/passwd"),
        ("format_template_row", "/etc/passwd"),
        ("additional_table_filters", "{'traces': 'file(1)'}"),
        ("additional_result_filter", "file(1) = 1"),
        ("dialect", "prql"),
        ("allow_experimental_eval_table_function", "1"),
        ("role", "administrator"),
    ] {
        let url = [(name, value)];
        let answer = ask(&stack, &Method::POST, GRAFANA, &url, "SELECT 1");
        assert!(answer.code.is_some(), "{name}={value}: {answer:?}");
    }
    assert_refused(
        &stack,
        GRAFANA,
        &[
            "SET max_threads = 1",
            "SET readonly = 0",
            "SELECT 1 SETTINGS max_result_rows = 0",
            "SELECT 1 SETTINGS readonly = 0",
            "SELECT 1 FORMAT Template SETTINGS format_template_row = '/etc/passwd'",
            "USE system",
        ],
    );
    let rows = "SELECT number FROM numbers(1000001)";
    let whole = [("wait_end_of_query", "1")];
    let answer = ask(&stack, &Method::POST, GRAFANA, &whole, rows);
    assert_eq!(answer.code, Some(396), "{}", answer.text);
}

#[test]
fn ingest_inserts_and_cannot_look() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let row = "INSERT INTO traces (span_name) FORMAT JSONEachRow\n{\"span_name\":\"x\"}";
    let answer = ask(&stack, &Method::POST, INGEST, &[], row);
    assert_eq!(answer.status, 200, "{answer:?}");
    let by_get = ask(&stack, &Method::GET, INGEST, &[], row);
    assert_eq!(by_get.code, Some(164), "{by_get:?}");
    assert_refused(
        &stack,
        INGEST,
        &[
            "SELECT * FROM traces",
            "SELECT query FROM system.processes",
            "SELECT file('/etc/passwd')",
            "INSERT INTO logs (body) SELECT span_name FROM traces",
            "INSERT INTO logs (body) SELECT file('/etc/passwd')",
            "INSERT INTO logs (body) SELECT query FROM system.processes",
            "INSERT INTO FUNCTION file('x.csv') SELECT 1",
            "CREATE TABLE x (n Int8) ENGINE = Memory",
            "DROP TABLE traces",
            "ALTER TABLE traces DELETE WHERE 1",
            "SET ROLE administrator",
            "KILL QUERY WHERE 1",
        ],
    );
    let call = "INSERT INTO logs (body) VALUES (file('/etc/passwd'))";
    let answer = ask(&stack, &Method::POST, INGEST, &[], call);
    assert!(answer.code.is_some(), "{answer:?}");
    let count = "SELECT (SELECT count() FROM traces), (SELECT count() FROM logs)";
    assert_eq!(
        ask(&stack, &Method::POST, TELEMETRY, &[], count).text,
        "1\t0\n"
    );
}

#[test]
fn whoever_does_not_know_a_password_stays_out() {
    let Some(stack) = Stack::start() else {
        return;
    };
    for user in [
        ("telemetry", "wrong"),
        ("telemetry", ""),
        ("grafana", "telemetry_password"),
        ("default", ""),
        ("administrator", ""),
        ("nobody", "telemetry_password"),
    ] {
        let answer = ask(&stack, &Method::POST, user, &[], "SELECT 1");
        assert_eq!((answer.status, answer.code), (403, Some(516)), "{user:?}");
        assert!(answer.text.contains("AUTHENTICATION_FAILED"));
    }
    let right = ask(&stack, &Method::POST, TELEMETRY, &[], "SELECT 1");
    assert_eq!(right.text, "1\n");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let url = stack.clickhouse_url("/?query=SELECT+1");
    let nobody = runtime.block_on(async { reqwest::get(url).await });
    let nobody = nobody.expect("ClickHouse answers");
    assert_eq!(nobody.status().as_u16(), 401);
    assert!(nobody.headers().contains_key("www-authenticate"));
}
