//! Statements while they run.

use std::time::Duration;

use reqwest::Method;

use crate::{server::Server, support::eventually};

/// Counts what there is none of, for as long as it may.
pub const ENDLESS: &str = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";

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
    assert_eq!(server.stack.telemetry("stop").output().status, Some(0));
    let answer = server.runtime.block_on(last).expect("it does not panic");
    // One that writes is waited for; and if it takes too long, its client is not answered.
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
