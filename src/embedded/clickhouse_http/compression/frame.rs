//! ClickHouse's own compression framing (`compress=1`, `decompress=1`).
//!
//! A stream is a sequence of blocks: the 128-bit `CityHash` (version 1.0.2) of what follows as two
//! little-endian 64-bit words, a method byte, the compressed size including this nine-byte header
//! and the uncompressed size as little-endian 32-bit words, and the compressed bytes.

use std::io::{self, Read};

use cityhash_rs::cityhash_102_128;

use crate::embedded::clickhouse_http::exception::{Exception, Kind};

const CHECKSUM: usize = 16;
const HEADER: usize = 9;

/// The most bytes that a block may hold, compressed or not: ClickHouse's own limit is 1 GiB, its
/// clients write blocks of about 1 MiB.
const MAX_BLOCK: usize = 128 << 20;

/// How a block is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Stored as it is.
    None,
    /// One LZ4 block.
    Lz4,
    /// One Zstandard frame.
    Zstd,
}

impl Method {
    const fn byte(self) -> u8 {
        match self {
            Self::None => 0x02,
            Self::Lz4 => 0x82,
            Self::Zstd => 0x90,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::None, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|method| method.byte() == byte)
    }
}

/// Appends `data` to `out` as one block; at most 4 GiB of data.
pub fn write_block(method: Method, data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; CHECKSUM + HEADER]);
    match method {
        Method::None => out.extend_from_slice(data),
        Method::Lz4 => out.extend_from_slice(&lz4_flex::block::compress(data)),
        Method::Zstd => {
            let compressed =
                zstd::bulk::compress(data, 1).expect("memory is a sink without errors");
            out.extend_from_slice(&compressed);
        }
    }
    let size = |bytes: usize| {
        u32::try_from(bytes)
            .expect("a block is far below 4 GiB")
            .to_le_bytes()
    };
    let compressed = size(out.len() - start - CHECKSUM);
    let block = &mut out[start..];
    block[CHECKSUM] = method.byte();
    block[CHECKSUM + 1..][..4].copy_from_slice(&compressed);
    block[CHECKSUM + 5..][..4].copy_from_slice(&size(data.len()));
    let checksum = checksum(&block[CHECKSUM..]);
    block[..CHECKSUM].copy_from_slice(&checksum);
}

/// The hash as it stands in a block: its upper half first.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let hash = cityhash_102_128(bytes);
    hash.rotate_left(64).to_le_bytes()
}

/// Reads the data out of a stream of blocks.
///
/// Errors are [`io::Error`]s that carry an [`Exception`].
pub struct BlockReader<R> {
    input: R,
    compressed: Vec<u8>,
    data: Vec<u8>,
    at: usize,
    verify: bool,
}

impl<R: Read> BlockReader<R> {
    /// A reader of blocks; `verify` is whether checksums are looked at.
    pub fn new(input: R, verify: bool) -> Self {
        Self {
            input,
            compressed: Vec::new(),
            data: Vec::new(),
            at: 0,
            verify,
        }
    }

    /// Reads the next block; `false` at the end of the input.
    fn next_block(&mut self) -> io::Result<bool> {
        let mut prefix = [0; CHECKSUM + HEADER];
        match read_up_to(&mut self.input, &mut prefix)? {
            0 => return Ok(false),
            length if length < prefix.len() => return Err(truncated()),
            _ => {}
        }
        let (stored, header) = prefix.split_at(CHECKSUM);
        let size = |at: usize| {
            u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes")) as usize
        };
        let method = Method::from_byte(header[0]).ok_or_else(|| {
            error(
                Kind::UnknownCompressionMethod,
                format!("Unknown compression method: 0x{:02x}", header[0]),
            )
        })?;
        let (compressed, uncompressed) = (size(1), size(5));
        if compressed > MAX_BLOCK || uncompressed > MAX_BLOCK {
            return Err(error(
                Kind::TooLargeSizeCompressed,
                format!(
                    "Too large size_compressed or size_decompressed: {compressed}, {uncompressed}. Most likely corrupted data."
                ),
            ));
        }
        let Some(body) = compressed.checked_sub(HEADER) else {
            return Err(error(
                Kind::CannotDecompress,
                format!("Compressed size {compressed} is less than the size of its header"),
            ));
        };

        // Grows with what really arrives, not with what the header announces.
        self.compressed.clear();
        self.compressed.extend_from_slice(header);
        (&mut self.input)
            .take(body as u64)
            .read_to_end(&mut self.compressed)?;
        if self.compressed.len() < compressed {
            return Err(truncated());
        }
        if self.verify && checksum(&self.compressed) != stored {
            return Err(error(
                Kind::ChecksumDoesntMatch,
                "Checksum doesn't match: corrupted data".to_owned(),
            ));
        }
        self.at = 0;
        decompress(
            method,
            &self.compressed[HEADER..],
            uncompressed,
            &mut self.data,
        )?;
        Ok(true)
    }
}

impl<R: Read> Read for BlockReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.data.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let read = (&self.data[self.at..]).read(out)?;
        self.at += read;
        Ok(read)
    }
}

fn decompress(method: Method, input: &[u8], size: usize, data: &mut Vec<u8>) -> io::Result<()> {
    // A method cannot shrink data without bound, so neither may a header claim it did: LZ4 spends
    // a byte on 255, Zstandard a few on 128 KiB.
    let most = match method {
        Method::None => 1,
        Method::Lz4 => 256,
        Method::Zstd => 64 << 10,
    };
    let failed = || {
        error(
            Kind::CannotDecompress,
            "Cannot decompress a block".to_owned(),
        )
    };
    if size > input.len().saturating_mul(most).saturating_add(64) {
        return Err(failed());
    }
    data.clear();
    data.resize(size, 0);
    let written = match method {
        Method::None => {
            if input.len() != size {
                return Err(failed());
            }
            data.copy_from_slice(input);
            size
        }
        Method::Lz4 => lz4_flex::block::decompress_into(input, data).map_err(|_| failed())?,
        Method::Zstd => {
            zstd::bulk::decompress_to_buffer(input, &mut data[..]).map_err(|_| failed())?
        }
    };
    if written == size {
        Ok(())
    } else {
        Err(failed())
    }
}

fn read_up_to(input: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < out.len() {
        match input.read(&mut out[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn error(kind: Kind, message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, kind.exception(message))
}

fn truncated() -> io::Error {
    error(
        Kind::CannotReadAllData,
        "Cannot read all data: the compressed block is cut short".to_owned(),
    )
}

/// The exception within an error of reading a body, or one made of it.
pub fn exception_of(error: io::Error) -> Exception {
    let kind = match error.kind() {
        io::ErrorKind::TimedOut => Kind::SocketTimeout,
        io::ErrorKind::UnexpectedEof => Kind::CannotReadAllData,
        _ => Kind::CannotDecompress,
    };
    let text = error.to_string();
    let inner = error
        .into_inner()
        .and_then(|inner| inner.downcast::<Exception>().ok());
    inner.map_or_else(
        || kind.exception(format!("Cannot read the request's body: {text}")),
        |exception| *exception,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const METHODS: [Method; 3] = [Method::None, Method::Lz4, Method::Zstd];

    fn read(bytes: &[u8]) -> Result<Vec<u8>, Exception> {
        let mut data = Vec::new();
        BlockReader::new(bytes, true)
            .read_to_end(&mut data)
            .map_err(exception_of)?;
        Ok(data)
    }

    #[test]
    fn sizes_count_the_header_but_not_the_checksum() {
        let mut block = Vec::new();
        write_block(Method::None, b"1\n", &mut block);
        assert_eq!(
            block[CHECKSUM..],
            [0x02, 11, 0, 0, 0, 2, 0, 0, 0, b'1', b'\n']
        );
        assert_eq!(read(&block), Ok(b"1\n".to_vec()));
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut block = Vec::new();
        write_block(Method::Lz4, b"telemetry telemetry telemetry", &mut block);
        for at in [0, 15, 30] {
            let mut bad = block.clone();
            bad[at] ^= 1;
            assert_eq!(
                read(&bad).expect_err("the checksum differs").code,
                40,
                "byte {at}"
            );
        }
        let mut unknown = block.clone();
        unknown[CHECKSUM] = 0x77;
        assert_eq!(read(&unknown).expect_err("no such method").code, 89);
        assert_eq!(
            read(&block[..block.len() - 1]).expect_err("cut short").code,
            33
        );
        assert_eq!(read(&block[..10]).expect_err("cut short").code, 33);
    }

    #[test]
    fn a_header_cannot_make_the_server_allocate() {
        for (compressed, uncompressed) in [(u32::MAX, 1), (20, u32::MAX), (20, 100 << 20), (3, 1)] {
            let mut bad = vec![0; CHECKSUM];
            bad.push(0x82);
            bad.extend_from_slice(&u32::to_le_bytes(compressed));
            bad.extend_from_slice(&u32::to_le_bytes(uncompressed));
            bad.extend_from_slice(&[0; 11]);
            let mut reader = BlockReader::new(&bad[..], false);
            let error = reader.read_to_end(&mut Vec::new()).expect_err("refused");
            assert!(reader.data.capacity() < 1 << 20 && reader.compressed.capacity() < 1 << 20);
            assert!([33, 39, 271].contains(&exception_of(error).code));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..5),
            method in prop::sample::select(METHODS.to_vec()),
        ) {
            let mut bytes = Vec::new();
            for piece in &pieces {
                write_block(method, piece, &mut bytes);
            }
            prop_assert_eq!(read(&bytes), Ok(pieces.concat()));
        }

        #[test]
        fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = BlockReader::new(&bytes[..], false).read_to_end(&mut Vec::new());
        }
    }
}
