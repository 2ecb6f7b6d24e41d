//! Bodies in every encoding, either way.

use std::io::Read;

use reqwest::{
    Method,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING},
};
use telemetry::embedded::clickhouse_http::compression::{
    encoding::{Encoder, Encoding, decoder},
    frame::{self, BlockReader, write_block},
};

use crate::server::Server;

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
