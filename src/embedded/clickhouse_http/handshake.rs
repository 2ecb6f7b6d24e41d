//! The first query of clickhouse-go, the library beneath Grafana's data source.
//!
//! It decodes blocks as the native protocol's revision has them: its own at first, and after the
//! answer to this query the one that the answer names. The engine's `Native` format is revision
//! zero, so that is what the answer names, in a block of the client's revision.

use super::sql::Lexer;

/// The first revision whose blocks say for each column how it is serialised.
const CUSTOM_SERIALIZATION: u64 = 54454;

/// Whether `sql` is that query.
pub fn is_handshake(sql: &[u8]) -> bool {
    let tokens = Lexer::new(sql, 0).map(|token| &sql[token.span]);
    tokens.eq([
        &b"SELECT"[..],
        b"displayName",
        b"(",
        b")",
        b",",
        b"version",
        b"(",
        b")",
        b",",
        b"revision",
        b"(",
        b")",
        b",",
        b"timezone",
        b"(",
        b")",
    ])
}

/// The answer for a client that knows `revision`.
pub fn answer(revision: u64, display_name: &str, version: &str) -> Vec<u8> {
    let mut block = Vec::new();
    if revision > 0 {
        // Field 1, is_overflows: no. Field 2, bucket_num: -1. No more fields.
        block.extend([1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0]);
    }
    // Columns and rows.
    block.extend([4, 1]);
    let mut column = |name: &str, data_type: &str, data: &[u8]| {
        string(&mut block, name);
        string(&mut block, data_type);
        if revision >= CUSTOM_SERIALIZATION {
            block.push(0);
        }
        block.extend_from_slice(data);
    };
    let text = |value: &str| {
        let mut data = Vec::new();
        string(&mut data, value);
        data
    };
    column("displayName()", "String", &text(display_name));
    column("version()", "String", &text(version));
    column("revision()", "UInt32", &0_u32.to_le_bytes());
    column("timezone()", "String", &text("UTC"));
    block
}

/// A length, seven bits to a byte, and the text.
fn string(out: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("seven bits"));
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_query_is_the_handshake() {
        assert!(is_handshake(
            b"SELECT displayName(), version(), revision(), timezone()"
        ));
        assert!(is_handshake(
            b" SELECT displayName(),version(),\nrevision(), timezone() "
        ));
        assert!(!is_handshake(
            b"SELECT displayName(), version(), revision()"
        ));
        assert!(!is_handshake(b"SELECT version()"));
    }

    #[test]
    fn the_block_is_of_the_clients_revision_and_names_revision_zero() {
        let block = answer(54460, "box", "26.7");
        assert!(block.starts_with(
            b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01\x0ddisplayName()\x06String\x00\x03box"
        ));
        assert!(
            block.ends_with(
                b"\x0arevision()\x06UInt32\x00\0\0\0\0\x0atimezone()\x06String\x00\x03UTC"
            )
        );
        let old = answer(0, "box", "26.7");
        assert!(old.starts_with(b"\x04\x01\x0ddisplayName()\x06String\x03box"));
    }
}
