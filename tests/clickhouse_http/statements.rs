//! Statements, and what is answered.

use reqwest::{Method, header::CONTENT_TYPE};

use crate::{running::ENDLESS, server::Server, support::eventually};

#[test]
fn whether_it_is_there_can_be_asked_without_a_password() {
    let Some(server) = Server::start() else {
        return;
    };
    for path in ["/ping", "/replicas_status", "/"] {
        let url = server.stack.clickhouse_url(path);
        let got = server.send(server.http.get(&url));
        assert_eq!((got.status.as_u16(), got.text().as_str()), (200, "Ok.\n"));
        let head = server.send(server.http.head(&url));
        assert_eq!(head.status, 200, "{path}");
        assert!(head.body.is_empty());
    }
    let url = server.stack.clickhouse_url("/nowhere");
    let unknown = server.send(server.http.get(url));
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("/ping"), "{unknown:?}");
}

#[test]
fn a_statement_may_stand_in_the_url_or_the_body_or_both() {
    let Some(server) = Server::start() else {
        return;
    };
    let sql = "SELECT 1 AS one, 'ü' AS text";
    assert_eq!(server.get(&[("query", sql)]).text(), "1\tü\n");
    assert_eq!(server.post(&[("query", sql)], "").text(), "1\tü\n");
    assert_eq!(server.post(&[], sql).text(), "1\tü\n");
    assert_eq!(server.post(&[("query", "SELECT 1,")], "2").text(), "1\t2\n");
    let csv = server.post(&[("default_format", "CSVWithNames")], sql);
    assert_eq!(csv.text(), "\"one\",\"text\"\n1,\"ü\"\n");
    let named = server.post(
        &[("default_format", "CSV")],
        format!("{sql} FORMAT JSONEachRow"),
    );
    assert_eq!(named.text(), "{\"one\":1,\"text\":\"ü\"}\n");
    let by_header = server.request(Method::POST, &[]).body(sql);
    let by_header = server.send(by_header.header("X-ClickHouse-Format", "TSKV"));
    assert_eq!(by_header.text(), "one=1\ttext=ü\n");
}

#[test]
fn headers_describe_the_answer() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = [("query_id", "mine"), ("default_format", "JSON")];
    let answer = server.post(&url, "SELECT number FROM numbers(3)");
    assert_eq!(answer.header("x-clickhouse-query-id"), Some("mine"));
    assert_eq!(answer.header("x-clickhouse-format"), Some("JSON"));
    assert_eq!(answer.header("x-clickhouse-timezone"), Some("UTC"));
    let name = server.post(&[], "SELECT displayName()").text();
    assert_eq!(
        answer.header("x-clickhouse-server-display-name"),
        Some(name.trim())
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=UTF-8")
    );
    assert_eq!(answer.summary("result_rows"), 3);
    assert_eq!(answer.summary("read_rows"), 3);
    assert!(answer.summary("elapsed_ns") > 0);
    let json: serde_json::Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    assert_eq!(json["rows"], 3);

    let other = server.post(&[], "SELECT 1");
    let id = other.header("x-clickhouse-query-id").expect("there is one");
    assert_eq!(id.len(), 36, "{id}");
    let failed = server.post(&[("query_id", "failed")], "SELECT nothing");
    assert_eq!(failed.header("x-clickhouse-query-id"), Some("failed"));
}

/// Statements with a setting, and the exceptions that they end in.
const EXCEPTIONS: [(&str, Setting, u16, u32, &str); 20] = [
    ("SELEC 1", NONE, 400, 62, "SYNTAX_ERROR"),
    ("SELECT (1", NONE, 400, 62, "SYNTAX_ERROR"),
    ("SELECT 1; SELECT 2", NONE, 400, 62, "SYNTAX_ERROR"),
    ("SELECT nothing", NONE, 404, 47, "UNKNOWN_IDENTIFIER"),
    ("SELECT nope()", NONE, 404, 46, "UNKNOWN_FUNCTION"),
    ("SELECT * FROM nope", NONE, 404, 60, "UNKNOWN_TABLE"),
    ("SELECT 1 FORMAT Nope", NONE, 404, 73, "UNKNOWN_FORMAT"),
    ("SELECT 1", ("nope", "1"), 404, 115, "UNKNOWN_SETTING"),
    ("SELECT 1", ("database", "no"), 404, 81, "UNKNOWN_DATABASE"),
    ("SELECT 1", ("role", "reader"), 501, 48, "NOT_IMPLEMENTED"),
    ("SELECT toUInt8('x')", NONE, 400, 6, "CANNOT_PARSE_TEXT"),
    (
        "SELECT {x:UInt8}",
        NONE,
        500,
        456,
        "UNKNOWN_QUERY_PARAMETER",
    ),
    (
        "SELECT {x:UInt8}",
        ("param_x", "a"),
        500,
        457,
        "BAD_QUERY_PARAMETER",
    ),
    (
        "SELECT sleepEachRow(1) FROM numbers(3)",
        SECOND,
        408,
        159,
        "TIMEOUT_EXCEEDED",
    ),
    (
        "SELECT number FROM numbers(9)",
        ROWS,
        500,
        396,
        "TOO_MANY_ROWS_OR_BYTES",
    ),
    (
        "SELECT 1 INTO OUTFILE 'x'",
        NONE,
        500,
        358,
        "INTO_OUTFILE_NOT_ALLOWED",
    ),
    (
        "INSERT INTO logs FROM INFILE 'x'",
        NONE,
        500,
        358,
        "INTO_OUTFILE_NOT_ALLOWED",
    ),
    (
        "INSERT INTO nope FORMAT CSV\n1",
        NONE,
        404,
        60,
        "UNKNOWN_TABLE",
    ),
    (
        "INSERT INTO logs (no) VALUES (1)",
        NONE,
        500,
        16,
        "NO_SUCH_COLUMN_IN_TABLE",
    ),
    (
        "INSERT INTO traces (duration_ms) FORMAT CSV\nx",
        NONE,
        400,
        117,
        "INCORRECT_DATA",
    ),
];
/// A name and a value in a URL.
type Setting = (&'static str, &'static str);
const NONE: Setting = ("max_threads", "1");
const SECOND: Setting = ("max_execution_time", "1");
const ROWS: Setting = ("max_result_rows", "5");

#[test]
fn exceptions_have_clickhouses_codes_and_statuses() {
    let Some(server) = Server::start() else {
        return;
    };
    for (sql, setting, status, code, name) in EXCEPTIONS {
        let answer = server.post(&[setting], sql);
        let text = answer.text();
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, Some(code)),
            "{sql} {setting:?}: {text}"
        );
        assert!(
            text.starts_with(&format!("Code: {code}. DB::Exception: "))
                && text.contains(&format!("({name}) (version "))
                && text.ends_with("(official build))\n"),
            "{sql}: {text}"
        );
        assert!(!text.contains("/dev/fd"), "{sql}: {text}");
    }
}

#[test]
fn who_gets_changes_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    for sql in [
        "CREATE TABLE got (n Int8) ENGINE = Memory",
        "INSERT INTO traces (span_name) VALUES ('x')",
        "INSERT INTO traces (span_name) FORMAT CSV",
        "DROP TABLE traces",
        "SYSTEM FLUSH LOGS",
        "KILL QUERY WHERE 1",
        "SET ROLE reader",
    ] {
        for url in [&[("query", sql)][..], &[("query", sql), ("readonly", "0")]] {
            let answer = server.get(url);
            assert_eq!(answer.code(), Some(164), "{sql}: {}", answer.text());
        }
    }
    let cached = [("query", "SELECT 1"), ("max_threads", "1")];
    assert_eq!(server.get(&cached).text(), "1\n");
}

#[test]
fn a_setting_raises_the_cap_of_results() {
    let Some(server) = Server::start() else {
        return;
    };
    let sql = "SELECT toUInt8(1) FROM numbers(10000001) FORMAT RowBinary";
    let whole = ("wait_end_of_query", "1");
    assert_eq!(server.post(&[whole], sql).code(), Some(396));
    let raised = server.post(&[whole, ("max_result_rows", "0")], sql);
    assert_eq!(raised.body.len(), 10_000_001, "{:?}", raised.code());
}

#[test]
fn an_exception_amid_the_data_ends_them_and_breaks_the_connection() {
    let Some(server) = Server::start() else {
        return;
    };
    let sql = "SELECT number + throwIf(number = 1500000) FROM numbers(2000000)";
    let url = [
        ("max_block_size", "10000"),
        ("enable_http_compression", "0"),
    ];
    let answer = server.post(&url, sql);
    assert_eq!((answer.status.as_u16(), answer.code()), (200, None));
    assert!(
        !answer.whole,
        "an answer that is incomplete must not look complete"
    );
    let tag = answer.header("x-clickhouse-exception-tag").expect("a tag");
    let text = answer.text();
    let (data, exception) = text
        .split_once(&format!("\r\n__exception__\r\n{tag}\r\n"))
        .expect("the exception is there");
    for (number, line) in (0_u32..).zip(data.lines()) {
        assert_eq!(line, number.to_string());
    }
    let end = format!(" {tag}\r\n__exception__\r\n");
    let exception = exception.strip_suffix(&end).expect("it has an end");
    let (message, length) = exception.rsplit_once('\n').expect("a length");
    assert!(
        message.starts_with("Code: 395. DB::Exception: "),
        "{message}"
    );
    assert_eq!(length.parse(), Ok(message.len() + 1));

    // Not begun yet, the same is an answer of its own.
    let whole = [url[0], url[1], ("wait_end_of_query", "1")];
    let answer = server.post(&whole, sql);
    assert_eq!((answer.status.as_u16(), answer.code()), (500, Some(395)));
    assert!(answer.whole);
}

#[test]
fn parameters_are_bound_and_never_pasted() {
    let Some(server) = Server::start() else {
        return;
    };
    let sql = "SELECT {s:String}, {n:Int32}, {a:Array(String)}, {o:Nullable(UInt8)}, {t:Identifier}
        FROM (SELECT 1 AS one)";
    let values = [
        ("param_s", "a' OR 'b"),
        ("param_n", "-5"),
        ("param_a", "['x','y\\'z']"),
        ("param_o", "\\N"),
        ("param_t", "one"),
    ];
    let expected = "a\\' OR \\'b\t-5\t['x','y\\'z']\t\\N\t1\n";
    assert_eq!(server.post(&values, sql).text(), expected);
    assert_eq!(
        server
            .get(&[&values[..], &[("query", sql)]].concat())
            .text(),
        expected
    );
    let boundary = "a-boundary";
    let field = |(name, value): (&str, &str)| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let fields = [&values[..], &[("query", sql)]].concat();
    let form: String = fields.into_iter().map(field).collect();
    let form_type = format!("multipart/form-data; boundary={boundary}");
    let request = server
        .request(Method::POST, &[])
        .header(CONTENT_TYPE, &form_type)
        .body(format!("{form}--{boundary}--\r\n"));
    assert_eq!(server.send(request).text(), expected);

    let table = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t\"\r\n\r\n1\r\n--{boundary}--\r\n"
    );
    let request = server.request(Method::POST, &[("query", "SELECT * FROM t")]);
    let refused = server.send(request.header(CONTENT_TYPE, form_type).body(table));
    assert_eq!(refused.code(), Some(48));
}

#[test]
fn a_session_keeps_tables_and_settings_and_nothing_of_a_single_request() {
    let Some(server) = Server::start() else {
        return;
    };
    let session = ("session_id", "s");
    let absent = server.post(&[session, ("session_check", "1")], "SELECT 1");
    assert_eq!(absent.code(), Some(372), "{}", absent.text());
    server.post(&[session], "CREATE TEMPORARY TABLE mine (n UInt8)");
    server.post(&[session], "INSERT INTO mine VALUES (7)");
    server.post(&[session], "SET max_threads = 3");
    server.post(&[session], "SET max_execution_time = 7");
    let threads = "SELECT getSetting('max_threads'), getSetting('max_execution_time'), n FROM mine";
    let ours = server.post(&[session, ("session_check", "1")], threads);
    assert_eq!(ours.text(), "3\t7\t7\n");
    let passing = server.post(&[session, ("max_threads", "1")], threads);
    assert_eq!(passing.text(), "1\t7\t7\n");
    let got = server.get(&[session, ("query", threads)]);
    assert_eq!(got.text(), "3\t7\t7\n");
    let refused = server.post(&[session, ("nope", "1")], threads);
    assert_eq!(refused.code(), Some(115));
    assert_eq!(server.post(&[session], threads).text(), "3\t7\t7\n");
    assert_eq!(server.post(&[], "SELECT * FROM mine").code(), Some(60));
    // Both at once.
    let slow = server.request(Method::POST, &[session, ("query_id", "slow")]);
    let slow = slow.body(ENDLESS);
    let slow = server.runtime.spawn(slow.send());
    eventually("it runs", || server.running().contains("slow"));
    assert_eq!(server.post(&[session], "SELECT 1").code(), Some(373));
    slow.abort();
    let long = server.post(&[session, ("session_timeout", "99999")], "SELECT 1");
    assert_eq!(long.code(), Some(374));
}
