//! Data that come in.

use std::{io::Write, net::TcpStream};

use crate::{server::Server, support::eventually};

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
