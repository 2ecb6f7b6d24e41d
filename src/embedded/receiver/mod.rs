//! The OTLP receiver: OTLP/HTTP and OTLP/gRPC in, committed ClickHouse inserts out.
//!
//! A success answer means that the data is committed. Each signal has a [`lane`]: a request is
//! recognised if it is a repeat ([`repeats`]), decoded, and its rows join those of other
//! requests in one insert ([`batcher`]). What requests may hold in memory is bounded by a
//! [`budget`] that all of them share; beyond it they are told to come back later.

#[cfg(test)]
mod arbitrary;
mod batcher;
mod budget;
mod columns;
mod compression;
mod cors;
mod decode;
mod export;
#[cfg(test)]
mod fake;
mod grpc;
mod http;
mod intake;
mod lane;
mod messages;
mod metrics;
mod outcome;
mod recall;
mod repeats;
mod rows;
mod server;
mod signal;
mod writer;

pub use batcher::Pace;
pub use budget::{Budget, Reservation};
pub use columns::{LogRows, MetricRows, TraceRows};
pub use export::{Day, Export, ExportId};
pub use intake::{Intake, Limits};
pub use lane::{Lane, Received};
pub use metrics::Metrics;
pub use outcome::{Acceptance, Outcome, Refusal};
pub use rows::{Decoded, Rows};
pub use server::{Listeners, Receiver, ReceiverError};
pub use signal::{Encoding, Signal, Transport};
pub use writer::{BlockWriter, EngineWriter, WriteError};

use compression::Compression;
use intake::BodyError;
