//! ClickHouse's HTTP interface of a real stack, byte for byte.

mod support;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
};
use support::{eventually, stack::Stack};
use telemetry::embedded::clickhouse_http::compression::{
    encoding::{Encoder, Encoding, decoder},
    frame::{self, BlockReader, write_block},
};
use tokio::runtime::Runtime;

/// A stack and a client of it.
struct Server {
    stack: Stack,
    runtime: Runtime,
    http: reqwest::Client,
}

/// An answer; its body may break off.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    whole: bool,
}

impl Server {
    fn start() -> Option<Self> {
        Some(Self {
            stack: Stack::start()?,
            runtime: Runtime::new().expect("a runtime can be made"),
            http: reqwest::Client::new(),
        })
    }

    /// A request with a user's credentials and this in its URL.
    fn request(&self, method: Method, url: &[(&str, &str)]) -> RequestBuilder {
        self.http
            .request(method, self.stack.clickhouse_url("/"))
            .basic_auth("telemetry", Some("telemetry_password"))
            .query(&[("database", "telemetry")])
            .query(url)
    }

    fn post(&self, url: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::POST, url).body(body))
    }

    fn get(&self, url: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::GET, url))
    }

    fn send(&self, request: RequestBuilder) -> Answer {
        self.runtime.block_on(async {
            let mut response = request.send().await.expect("ClickHouse answers");
            let (status, headers) = (response.status(), response.headers().clone());
            let mut body = Vec::new();
            let whole = loop {
                match response.chunk().await {
                    Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            Answer {
                status,
                headers,
                body,
                whole,
            }
        })
    }

    /// The identifiers of the statements that run.
    fn running(&self) -> String {
        let sql = "SELECT Settings['log_comment'] FROM system.processes
            WHERE query NOT LIKE '%system.processes%'";
        self.post(&[], sql).text()
    }

    /// Memory that the server's process has in use, in bytes.
    fn resident(&self) -> u64 {
        let pid = self.stack.server().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes
            .expect("it is told")
            .parse::<u64>()
            .expect("a number")
            << 10
    }
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the answer is text")
    }

    fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("headers are text"))
    }

    fn code(&self) -> Option<u32> {
        self.header("x-clickhouse-exception-code")
            .map(|code| code.parse().expect("a number"))
    }

    /// A number of the summary.
    fn summary(&self, name: &str) -> u64 {
        let summary = self.header("x-clickhouse-summary").expect("there is one");
        let summary: serde_json::Value = serde_json::from_str(summary).expect("it is JSON");
        let number = summary[name].as_str().expect("numbers are strings");
        number.parse().expect("a number")
    }
}

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

const ENCODINGS: [Encoding; 4] = [
    Encoding::Gzip,
    Encoding::Deflate,
    Encoding::Zstd,
    Encoding::Lz4,
];

#[test]
fn results_come_in_the_encoding_that_the_client_takes() {
    let Some(server) = Server::start() else {
        return;
    };
    for rows in ["3", "1000000"] {
        let sql = format!("SELECT number FROM numbers({rows})");
        let plain = server.post(&[], sql.clone());
        assert_eq!(plain.header("content-encoding"), None);
        for encoding in ENCODINGS {
            let request = server.request(Method::POST, &[]).body(sql.clone());
            let answer = server.send(request.header(ACCEPT_ENCODING, encoding.name()));
            assert_eq!(answer.header("content-encoding"), Some(encoding.name()));
            let mut data = Vec::new();
            decoder(Some(encoding), &answer.body[..])
                .and_then(|mut decoder| decoder.read_to_end(&mut data))
                .expect("it decodes");
            assert!(data == plain.body, "{} of {rows} rows", encoding.name());
        }
        let off = [("enable_http_compression", "0")];
        let request = server.request(Method::POST, &off).body(sql.clone());
        let answer = server.send(request.header(ACCEPT_ENCODING, "gzip"));
        assert_eq!(answer.header("content-encoding"), None);
    }
}

#[test]
fn data_come_in_any_encoding() {
    let Some(server) = Server::start() else {
        return;
    };
    server.post(
        &[],
        "CREATE TABLE encoded (n UInt32) ENGINE = MergeTree ORDER BY n",
    );
    let rows: String = (0..100_000).fold(String::new(), |rows, n| rows + &format!("{n}\n"));
    let insert = [("query", "INSERT INTO encoded FORMAT TSV")];
    for encoding in ENCODINGS {
        let mut encoder = Encoder::new(Some(encoding), 3).expect("it is made");
        encoder.write(rows.as_bytes()).expect("memory");
        let body = encoder.finish().expect("memory");
        let cut = body[..body.len() / 2].to_vec();
        let request = |body: Vec<u8>| {
            let request = server.request(Method::POST, &insert).body(body);
            server.send(request.header(CONTENT_ENCODING, encoding.name()))
        };
        let answer = request(body);
        assert_eq!(answer.summary("written_rows"), 100_000, "{}", answer.text());
        let broken = request(cut);
        assert!(broken.code().is_some(), "{}: {broken:?}", encoding.name());
    }
    let count = server.post(&[], "SELECT count(), sum(n) FROM encoded");
    assert_eq!(count.text(), "400000\t19999800000\n");
    let request = server.request(Method::POST, &insert).body("1");
    let unknown = server.send(request.header(CONTENT_ENCODING, "br"));
    assert_eq!(unknown.code(), Some(48));
}

#[test]
fn clickhouses_own_compression_goes_both_ways() {
    let Some(server) = Server::start() else {
        return;
    };
    let sql = "SELECT number FROM numbers(1000000)";
    let plain = server.post(&[], sql);
    let framed = server.post(&[("compress", "1")], sql);
    let mut data = Vec::new();
    BlockReader::new(&framed.body[..], true)
        .read_to_end(&mut data)
        .expect("it decompresses");
    assert!(data == plain.body);

    server.post(
        &[],
        "CREATE TABLE framed (n UInt32) ENGINE = MergeTree ORDER BY n",
    );
    let insert = [
        ("query", "INSERT INTO framed FORMAT TSV"),
        ("decompress", "1"),
    ];
    let mut body = Vec::new();
    for method in [frame::Method::None, frame::Method::Lz4, frame::Method::Zstd] {
        write_block(method, b"1\n2\n", &mut body);
    }
    let answer = server.post(&insert, body.clone());
    assert_eq!(answer.summary("written_rows"), 6, "{}", answer.text());
    body[20] ^= 1;
    assert!(server.post(&insert, body).code().is_some());
    let failed = server.post(&[("compress", "1")], "SELECT nothing");
    let mut text = String::new();
    BlockReader::new(&failed.body[..], true)
        .read_to_string(&mut text)
        .expect("it decompresses");
    assert!(text.starts_with("Code: 47."), "{text}");
}

#[test]
fn an_insert_is_stored_whole_or_not_at_all() {
    let Some(server) = Server::start() else {
        return;
    };
    server.post(
        &[],
        "CREATE TABLE kept (n UInt32, s String) ENGINE = MergeTree ORDER BY n",
    );
    let in_body = server.post(&[], "INSERT INTO kept VALUES (1, 'a'), (2, 'it''s')");
    assert_eq!(in_body.summary("written_rows"), 2, "{}", in_body.text());
    let apart = [("query", "INSERT INTO kept (s, n) FORMAT JSONEachRow")];
    let apart = server.post(&apart, "{\"n\":3,\"s\":\"ü\"}\n{\"n\":4}\n");
    assert_eq!(apart.summary("written_rows"), 2, "{}", apart.text());
    let selected = "INSERT INTO kept SELECT number, 'x' FROM numbers(5, 2)";
    assert_eq!(server.post(&[], selected).code(), None);
    let transformed =
        "INSERT INTO kept SELECT n + 1, s FROM input('n UInt32, s String') FORMAT CSV\n6,y";
    let transformed = server.post(&[], transformed);
    assert_eq!(transformed.code(), Some(48), "{}", transformed.text());
    assert_eq!(
        server.post(&[], "INSERT INTO kept FORMAT CSV\n").code(),
        None
    );
    for bad in ["8,a\n9", "8,a\nx,b\n", "8,a\n9,b,c\n"] {
        let answer = server.post(&[("query", "INSERT INTO kept FORMAT CSV")], bad);
        assert!(answer.code().is_some(), "{bad}");
    }
    let all = server.post(&[], "SELECT n, s FROM kept ORDER BY n FORMAT CSV");
    assert_eq!(
        all.text(),
        "1,\"a\"\n2,\"it's\"\n3,\"ü\"\n4,\"\"\n5,\"x\"\n6,\"x\"\n"
    );
}

#[test]
fn an_insert_whose_client_leaves_is_not_stored() {
    let Some(server) = Server::start() else {
        return;
    };
    server.post(
        &[],
        "CREATE TABLE left (n UInt32) ENGINE = MergeTree ORDER BY n",
    );
    let mut stream = TcpStream::connect(("127.0.0.1", server.stack.ports.clickhouse))
        .expect("the server listens");
    let head = "POST /?database=telemetry&query_id=leaving&query=INSERT+INTO+left+FORMAT+TSV \
        HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: telemetry\r\n\
        X-ClickHouse-Key: telemetry_password\r\nContent-Length: 1000\r\n\r\n1\n2\n";
    stream.write_all(head.as_bytes()).expect("it is sent");
    eventually("the insert runs", || server.running().contains("leaving"));
    drop(stream);
    eventually("the insert ends", || !server.running().contains("leaving"));
    let count = server.post(&[], "SELECT count() FROM left");
    assert_eq!(count.text(), "0\n");
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

/// Counts what there is none of, for as long as it may.
const ENDLESS: &str = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";

#[test]
fn a_statement_ends_when_its_client_leaves() {
    let Some(server) = Server::start() else {
        return;
    };
    let request = server.request(Method::POST, &[("query_id", "waiting")]);
    let waiting = server.runtime.spawn(request.body(ENDLESS).send());
    eventually("it runs", || server.running().contains("waiting"));
    waiting.abort();
    eventually("it ends", || !server.running().contains("waiting"));

    let sql = "SELECT number FROM numbers(1000000000000)";
    let url = [("query_id", "reading"), ("max_result_rows", "0")];
    let request = server.request(Method::POST, &url).body(sql);
    let reading = server.runtime.block_on(async {
        let mut response = request.send().await.expect("ClickHouse answers");
        response.chunk().await.expect("it streams").expect("data");
        response
    });
    assert!(server.running().contains("reading"));
    drop(reading);
    eventually("it ends", || !server.running().contains("reading"));
}

#[test]
fn a_statement_that_reads_does_not_keep_the_stack_from_stopping() {
    let Some(server) = Server::start() else {
        return;
    };
    let request = server.request(Method::POST, &[("query_id", "last")]);
    let last = server.runtime.spawn(request.body(ENDLESS).send());
    eventually("it runs", || server.running().contains("last"));
    let began = Instant::now();
    assert_eq!(server.stack.telemetry("stop").output().status, Some(0));
    // As long as the server would wait for one that writes.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    let answer = server.runtime.block_on(last).expect("it does not panic");
    let answer = answer.expect("ClickHouse answers");
    assert_eq!(answer.headers()["x-clickhouse-exception-code"], "394");
}

#[test]
fn a_statement_is_known_by_the_identifier_that_its_client_gave_it() {
    let Some(server) = Server::start() else {
        return;
    };
    let request = server.request(Method::POST, &[("query_id", "it's mine")]);
    let running = server.runtime.spawn(request.body(ENDLESS).send());
    eventually("it runs", || server.running().contains("mine"));
    let again = server.post(&[("query_id", "it's mine")], "SELECT 1");
    assert_eq!(again.code(), Some(216), "{}", again.text());
    let killed = server.post(&[], "KILL QUERY WHERE query_id = 'it\\'s mine' SYNC");
    assert!(killed.text().starts_with("finished"), "{}", killed.text());
    let answer = server.runtime.block_on(running).expect("it does not panic");
    let answer = answer.expect("ClickHouse answers");
    assert_eq!(answer.headers()["x-clickhouse-exception-code"], "394");
}

#[test]
fn a_gigabyte_either_way_takes_little_memory() {
    let Some(server) = Server::start() else {
        return;
    };
    let few = 256 << 20;
    server.post(&[], "SELECT repeat('x', 1000) FROM numbers(10000)");
    let before = server.resident();
    let sql = "SELECT repeat('x', 1000) FROM numbers(1000000)";
    let request = server
        .request(Method::POST, &[("default_format", "RowBinary")])
        .body(sql);
    let (mut bytes, mut most) = (0, before);
    server.runtime.block_on(async {
        let mut response = request.send().await.expect("ClickHouse answers");
        let mut looked = 0;
        while let Some(chunk) = response.chunk().await.expect("it streams") {
            bytes += chunk.len();
            if bytes >= looked {
                most = most.max(server.resident());
                looked = bytes + (100 << 20);
            }
        }
    });
    assert_eq!(bytes, 1_002_000_000);
    assert!(most < before + few, "{before} {most}");

    server.post(&[], "CREATE TABLE big (s String) ENGINE = Null");
    let line = format!("{}\n", "x".repeat(999));
    let piece = bytes::Bytes::from(line.repeat(1000));
    let pieces = (0..1000).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let insert = [("query", "INSERT INTO big FORMAT TSV"), ("query_id", "big")];
    let request = server.request(Method::POST, &insert).body(body);
    let inserting = server.runtime.spawn(request.send());
    let mut most = before;
    while !inserting.is_finished() {
        most = most.max(server.resident());
        std::thread::sleep(Duration::from_millis(50));
    }
    let inserted = server
        .runtime
        .block_on(inserting)
        .expect("it does not panic");
    let inserted = inserted.expect("ClickHouse answers");
    let summary = inserted.headers().get("x-clickhouse-summary").cloned();
    let text = server.runtime.block_on(inserted.text());
    let summary = summary.unwrap_or_else(|| panic!("{text:?}"));
    let summary = summary.to_str().expect("it is text");
    assert!(
        summary.contains("\"written_rows\":\"1000000\""),
        "{summary}"
    );
    assert!(most < before + 3 * few, "{before} {most}");
}
