//! From the body of a request to what can be stored of it.
//!
//! Lenient where the world is: [`json`] reads more than OTLP's JSON, [`repair`] saves requests from
//! a text that is not UTF-8, and [`ids`] rejects a span with an impossible id alone.

mod ids;
mod json;
mod repair;

use super::{Decoded, Encoding};

/// A request that can be decoded.
pub trait Request: prost::Message + Default + json::Object + ids::Identified {
    /// Its texts, for [`repair`].
    const SHAPE: &'static repair::Shape;
}

/// Decodes a request; an error is worded for its sender.
pub fn decode<R: Request>(body: &[u8], encoding: Encoding) -> Result<Decoded<R>, String> {
    let (mut request, repaired) = match encoding {
        Encoding::Protobuf => from_protobuf::<R>(body)?,
        Encoding::Json => json::decode(body)?,
    };
    let verdict = request.check_ids();
    Ok(Decoded {
        request,
        acceptance: verdict.acceptance,
        fixes: repaired + verdict.fixes,
    })
}

fn from_protobuf<R: Request>(body: &[u8]) -> Result<(R, u64), String> {
    R::decode(body)
        .map(|request| (request, 0))
        .or_else(|error| {
            repair::repair(body, R::SHAPE)
                .and_then(|repaired| {
                    let request = R::decode(repaired.body.as_slice()).ok()?;
                    Some((request, repaired.texts))
                })
                .ok_or_else(|| format!("the body is not this signal's OTLP in protobuf: {error}"))
        })
}

#[cfg(test)]
mod tests;
