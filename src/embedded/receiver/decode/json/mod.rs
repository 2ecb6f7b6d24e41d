//! OTLP's JSON, and what is sent in its name.
//!
//! Read without a detour into the messages that protobuf is decoded to. Beyond the specification,
//! these are understood: ids in either case and of any length (see [`super::ids`]), enum values by
//! name, numbers as strings and strings as numbers, times as floating-point numbers, `null` for
//! anything, names in snake case, and fields that OTLP does not have, which are ignored.

use std::borrow::Cow;

mod common;
mod field;
mod logs;
mod metrics;
mod scalar;
mod traces;

pub use field::Object;

/// Decodes a request, and says how often it was put right; an error is worded for its sender.
pub fn decode<T: Object>(body: &[u8]) -> Result<(T, u64), String> {
    // The specification's JSON is UTF-8; what is not is read as far as it goes.
    let text = String::from_utf8_lossy(body);
    let fixes = u64::from(matches!(text, Cow::Owned(_)));
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    field::read::<T, _>(&mut deserializer)
        .and_then(|request| deserializer.end().map(|()| request.unwrap_or_default()))
        .map(|request| (request, fixes))
        .map_err(|error| format!("the body is not this signal's OTLP in JSON: {error}"))
}
