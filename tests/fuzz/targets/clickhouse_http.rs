//! What clients of ClickHouse's HTTP interface send besides data: the parameters of a URL, a
//! statement, and blocks in ClickHouse's compression framing.
//!
//! The first byte says which of them it is, the rest is what is sent.

#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use telemetry::embedded::clickhouse_http::{
    compression::frame::BlockReader, request::Options, sql::{self, Statement},
};

/// Blocks are at most this much of a stream of them, which has no end otherwise.
const READ: u64 = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((choice, sent)) = input.split_first() else {
        return;
    };
    match choice {
        b'?' => parameters(sent),
        b's' => statement(sent),
        // Without a look at the checksums, which no fuzzer gets right.
        b'b' => drop(BlockReader::new(sent, false).take(READ).read_to_end(&mut Vec::new())),
        _ => {}
    }
});

fn parameters(query: &[u8]) {
    let Ok(options) = Options::parse(query) else {
        return;
    };
    // Names of settings become part of a statement, and texts end where C says that they do.
    for (name, value) in &options.settings {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        assert!(name.bytes().all(safe) && !name.is_empty());
        assert!(!value.contains('\0'));
    }
}

fn statement(text: &[u8]) {
    let _ = sql::leading_words(text, 4);
    let Ok(Some(whole)) = sql::analyse(text, true) else {
        return;
    };
    if let Statement::Insert(insert) = &whole {
        assert!(insert.head <= insert.data && insert.data <= text.len());
    }
    // What was told of its beginning holds once all of it is there.
    for end in [text.len() / 2, text.len() * 3 / 4, text.len()] {
        if let Ok(Some(early)) = sql::analyse(&text[..end], false) {
            assert_eq!(early, whole, "of {end} bytes");
        }
    }
}
