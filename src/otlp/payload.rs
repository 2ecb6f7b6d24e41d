//! One request as OTLP writes it.

use bytes::Bytes;
use prost::Message as _;

use super::{Batch, Encoding, Signal, json};

/// One request as OTLP writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// What it is a request of.
    pub signal: Signal,
    /// How many spans, log records or metric points it has.
    pub items: u64,
    /// The message.
    pub body: Bytes,
}

impl Payload {
    /// The part of a batch that is of `signal`; `None` if there is nothing.
    pub fn of(batch: &Batch, signal: Signal, encoding: Encoding) -> Option<Self> {
        let items = batch.items[signal];
        let body = || match (encoding, signal) {
            (Encoding::Protobuf, Signal::Traces) => batch.spans.encode_to_vec(),
            (Encoding::Protobuf, Signal::Logs) => batch.logs.encode_to_vec(),
            (Encoding::Protobuf, Signal::Metrics) => batch.metrics.encode_to_vec(),
            (Encoding::Json, Signal::Traces) => json::traces(&batch.spans).to_string().into(),
            (Encoding::Json, Signal::Logs) => json::logs(&batch.logs).to_string().into(),
            (Encoding::Json, Signal::Metrics) => json::metrics(&batch.metrics).to_string().into(),
        };
        (items > 0).then(|| Self {
            signal,
            items,
            body: body().into(),
        })
    }
}
