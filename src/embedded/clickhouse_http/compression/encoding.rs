//! HTTP's content encodings: `Content-Encoding` of a request, `Accept-Encoding` of a response.

use std::io::{self, Read, Write};

use flate2::Compression;

use crate::embedded::clickhouse_http::exception::{Exception, Kind};

/// A content coding that both directions know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`.
    Gzip,
    /// `deflate`, which is zlib's format.
    Deflate,
    /// `zstd`.
    Zstd,
    /// `lz4`, the frame format; ClickHouse's addition.
    Lz4,
}

impl Encoding {
    /// The name that goes into `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Deflate, Self::Zstd, Self::Lz4]
            .into_iter()
            .find(|encoding| encoding.name().eq_ignore_ascii_case(name))
            .or_else(|| name.eq_ignore_ascii_case("x-gzip").then_some(Self::Gzip))
    }

    /// The coding that a request's `Content-Encoding` names; `None` if its body is not encoded.
    pub fn of_request(value: &str) -> Result<Option<Self>, Exception> {
        let value = value.trim();
        if value.is_empty() || value.eq_ignore_ascii_case("identity") {
            return Ok(None);
        }
        Self::from_name(value).map(Some).ok_or_else(|| {
            Kind::NotImplemented.exception(format!(
                "Unknown compression method '{value}'. Only 'gzip', 'deflate', 'zstd' and 'lz4' are supported as a content encoding"
            ))
        })
    }

    /// The coding to answer with, out of what `Accept-Encoding` offers: ClickHouse's order of
    /// preference, not the client's; `None` for none that is known. A weight of zero is a refusal.
    pub fn for_response(accept: &str) -> Option<Self> {
        let offered = |encoding: Self| {
            accept.split(',').any(|item| {
                let mut parts = item.split(';');
                let name = parts.next().unwrap_or_default().trim();
                let refused = parts.any(|part| {
                    part.trim()
                        .strip_prefix("q=")
                        .and_then(|weight| weight.parse::<f32>().ok())
                        .is_some_and(|weight| weight <= 0.0)
                });
                !refused && Self::from_name(name) == Some(encoding)
            })
        };
        [Self::Lz4, Self::Zstd, Self::Gzip, Self::Deflate]
            .into_iter()
            .find(|&e| offered(e))
    }
}

/// A reader of what `input` holds, decoded; several members one after another are one text.
pub fn decoder<'r>(
    encoding: Option<Encoding>,
    input: impl Read + 'r,
) -> io::Result<Box<dyn Read + 'r>> {
    Ok(match encoding {
        None => Box::new(input),
        Some(Encoding::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(input)),
        Some(Encoding::Deflate) => Box::new(flate2::read::ZlibDecoder::new(input)),
        Some(Encoding::Zstd) => {
            let mut decoder = zstd::stream::read::Decoder::new(input)?;
            // 128 MiB, the largest window a decoder must support without being told.
            decoder.window_log_max(27)?;
            Box::new(decoder)
        }
        Some(Encoding::Lz4) => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
    })
}

/// An encoder that is fed in pieces and hands out what it has made of them.
pub enum Encoder {
    /// Passes everything on.
    Identity(Vec<u8>),
    /// `gzip`.
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    /// `deflate`.
    Deflate(flate2::write::ZlibEncoder<Vec<u8>>),
    /// `zstd`.
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    /// `lz4`.
    Lz4(lz4_flex::frame::FrameEncoder<Vec<u8>>),
}

impl Encoder {
    /// An encoder; `level` is `http_zlib_compression_level`.
    pub fn new(encoding: Option<Encoding>, level: i32) -> io::Result<Self> {
        let zlib = Compression::new(level.clamp(0, 9).unsigned_abs());
        Ok(match encoding {
            None => Self::Identity(Vec::new()),
            Some(Encoding::Gzip) => Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), zlib)),
            Some(Encoding::Deflate) => {
                Self::Deflate(flate2::write::ZlibEncoder::new(Vec::new(), zlib))
            }
            Some(Encoding::Zstd) => Self::Zstd(zstd::stream::write::Encoder::new(
                Vec::new(),
                level.clamp(1, 19),
            )?),
            Some(Encoding::Lz4) => Self::Lz4(lz4_flex::frame::FrameEncoder::new(Vec::new())),
        })
    }

    /// Takes `data` in.
    pub fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(out) => out.write_all(data),
            Self::Gzip(encoder) => encoder.write_all(data),
            Self::Deflate(encoder) => encoder.write_all(data),
            Self::Zstd(encoder) => encoder.write_all(data),
            Self::Lz4(encoder) => encoder.write_all(data),
        }
    }

    /// Makes everything taken in available to [`take`](Self::take).
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Deflate(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Lz4(encoder) => encoder.flush(),
        }
    }

    /// Hands out what has been encoded so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Identity(out) => out,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Deflate(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Lz4(encoder) => encoder.get_mut(),
        })
    }

    /// Ends the encoding and hands out the rest.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
            Self::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_server_prefers_what_is_cheap() {
        assert_eq!(
            Encoding::for_response("gzip, deflate, br, zstd"),
            Some(Encoding::Zstd)
        );
        assert_eq!(Encoding::for_response("lz4, gzip"), Some(Encoding::Lz4));
        assert_eq!(Encoding::for_response("gzip;q=0.5"), Some(Encoding::Gzip));
        assert_eq!(
            Encoding::for_response("gzip;q=0, deflate"),
            Some(Encoding::Deflate)
        );
        assert_eq!(Encoding::for_response("br"), None);
        assert_eq!(Encoding::for_response(""), None);
        assert_eq!(Encoding::for_response("*"), None);
    }

    #[test]
    fn an_unknown_request_encoding_is_refused() {
        assert_eq!(Encoding::of_request("GZIP"), Ok(Some(Encoding::Gzip)));
        assert_eq!(Encoding::of_request("identity"), Ok(None));
        assert_eq!(
            Encoding::of_request("snappy").expect_err("refused").code,
            48
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..5),
            encoding in prop::sample::select(vec![
                None,
                Some(Encoding::Gzip),
                Some(Encoding::Deflate),
                Some(Encoding::Zstd),
                Some(Encoding::Lz4),
            ]),
            level in -1_i32..12,
        ) {
            let mut encoder = Encoder::new(encoding, level).expect("a valid level");
            let mut encoded = Vec::new();
            for piece in &pieces {
                encoder.write(piece).expect("memory");
                encoder.flush().expect("memory");
                encoded.extend(encoder.take());
            }
            encoded.extend(encoder.finish().expect("memory"));
            let mut decoded = Vec::new();
            decoder(encoding, &encoded[..]).expect("made").read_to_end(&mut decoded).expect("valid");
            prop_assert_eq!(decoded, pieces.concat());
        }

        #[test]
        fn garbage_ends_in_an_error_not_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            encoding in prop::sample::select(vec![
                Encoding::Gzip, Encoding::Deflate, Encoding::Zstd, Encoding::Lz4,
            ]),
        ) {
            let _ = decoder(Some(encoding), &bytes[..])
                .and_then(|mut reader| reader.read_to_end(&mut Vec::new()));
        }
    }
}
