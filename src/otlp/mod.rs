//! Sample telemetry: scenarios, encoding, transports.
//!
//! A [`Scenario`] is a pure function of a seed and a time: the same spans, log records and metric
//! points of a small shop, in [`Batch`]es. A [`Payload`] is one of them as OTLP writes it, and an
//! [`Exporter`] sends it to an endpoint as a well-behaved client does.

mod batch;
mod delivery;
mod export;
mod json;
mod payload;
mod protocol;
mod scenario;
mod signal;

pub use batch::Batch;
pub use delivery::{Delivery, Tally, deliver};
pub use export::{Accepted, ExportError, Exporter};
pub use payload::Payload;
pub use protocol::{Encoding, Protocol};
pub use scenario::{PROJECT, RUN_ID, Scenario};
pub use signal::{PerSignal, Signal};
