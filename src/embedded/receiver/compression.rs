//! Content encodings of requests.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::{Refusal, Reservation};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which HTTP calls `deflate`.
    Deflate,
    /// RFC 8878.
    Zstd,
}

/// A zstd frame that asks for a larger window than this, as a power of two, is refused: the
/// window is memory outside of the budget.
const ZSTD_WINDOW_LOG: u32 = 23;

/// What a decompressed body is first given, in bytes; doubled as it fills.
const FIRST_ROOM: usize = 32 << 10;

impl Compression {
    /// The names that requests may use, for an `Accept-Encoding` header.
    pub const NAMES: &str = "gzip, deflate, zstd, identity";

    /// The compression of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            ("identity", Self::Identity),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("zstd", Self::Zstd),
        ]
        .into_iter()
        .find_map(|(known, compression)| name.eq_ignore_ascii_case(known).then_some(compression))
    }

    /// Decompresses a body to no more than `limit` bytes. The result is paid for by
    /// `reservation`, which holds `body` so far; nothing is allocated that it does not hold.
    pub fn inflate(
        self,
        body: Bytes,
        limit: usize,
        reservation: &mut Reservation,
    ) -> Result<Bytes, Refusal> {
        let inflated = match self {
            Self::Identity => return Ok(body),
            Self::Gzip => read(
                MultiGzDecoder::new(&body[..]),
                body.len(),
                limit,
                reservation,
            ),
            Self::Deflate => read(ZlibDecoder::new(&body[..]), body.len(), limit, reservation),
            Self::Zstd => match zstd_decoder(&body) {
                Ok(decoder) => read(decoder, body.len(), limit, reservation),
                Err(error) => Err(damaged(&error)),
            },
        }?;
        drop(body);
        reservation.shrink_to(inflated.capacity());
        Ok(inflated.into())
    }
}

fn zstd_decoder(body: &[u8]) -> std::io::Result<impl Read> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

fn read(
    mut source: impl Read,
    held: usize,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut room = FIRST_ROOM.max(4 * held);
    loop {
        // One byte more than allowed tells a body of the largest size from a larger one.
        let capacity = room.min(limit + 1);
        reservation.try_grow_to(held + capacity)?;
        bytes.reserve_exact(capacity - bytes.len());
        let missing = capacity - bytes.len();
        let got = source
            .by_ref()
            .take(missing as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| damaged(&error))?;
        if bytes.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        if got < missing {
            return Ok(bytes);
        }
        room = 2 * capacity;
    }
}

fn damaged(error: &std::io::Error) -> Refusal {
    Refusal::Malformed(format!("the compressed body is damaged: {error}").into())
}

#[cfg(test)]
mod tests {
    use std::{io::Write, time::Duration};

    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;
    use crate::embedded::receiver::Budget;

    const LIMIT: usize = 1 << 20;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(compression: Compression, body: Vec<u8>) -> Result<Bytes, Refusal> {
        let budget = Budget::new(4 * LIMIT, Duration::ZERO);
        let mut reservation = budget.open();
        reservation.try_grow_to(body.len()).unwrap();
        compression.inflate(body.into(), LIMIT, &mut reservation)
    }

    #[test]
    fn every_compression_gives_the_body_back() {
        let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut zlib = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&body).unwrap();
        for (compression, compressed) in [
            (Compression::Identity, body.clone()),
            (Compression::Gzip, gzip(&body)),
            (Compression::Deflate, zlib.finish().unwrap()),
            (Compression::Zstd, zstd::encode_all(&body[..], 1).unwrap()),
        ] {
            assert_eq!(inflate(compression, compressed).unwrap(), body);
        }
    }

    #[test]
    fn members_of_a_gzip_body_are_joined() {
        let body = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(inflate(Compression::Gzip, body).unwrap(), &b"one two"[..]);
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_byte_more_is_not() {
        assert!(inflate(Compression::Gzip, gzip(&vec![0; LIMIT])).is_ok());
        assert_eq!(
            inflate(Compression::Gzip, gzip(&vec![0; LIMIT + 1])),
            Err(Refusal::TooLarge { limit: LIMIT })
        );
    }

    #[test]
    fn a_bomb_is_refused_without_holding_what_it_unfolds_to() {
        let bomb = gzip(&vec![0; 64 * LIMIT]);
        let budget = Budget::new(2 * LIMIT, Duration::ZERO);
        let mut reservation = budget.open();
        reservation.try_grow_to(bomb.len()).unwrap();
        assert_eq!(
            Compression::Gzip.inflate(bomb.into(), LIMIT, &mut reservation),
            Err(Refusal::TooLarge { limit: LIMIT })
        );
        assert!(reservation.bytes() <= 2 * LIMIT);
    }

    #[test]
    fn a_truncated_body_is_malformed() {
        for (compression, mut body) in [
            (Compression::Gzip, gzip(&[7; 5000])),
            (
                Compression::Zstd,
                zstd::encode_all(&[7; 5000][..], 1).unwrap(),
            ),
        ] {
            body.truncate(body.len() - 4);
            let refusal = inflate(compression, body).unwrap_err();
            assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal}");
        }
    }
}
