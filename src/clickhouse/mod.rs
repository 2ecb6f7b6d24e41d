//! Client of ClickHouse's HTTP interface.

#[cfg(test)]
mod accuracy;
mod answer;
pub mod backup;
mod client;
mod error;
mod exception;
#[cfg(test)]
mod fake;
pub mod import;
mod native;
#[cfg(test)]
mod odd_batches;
mod query;
#[cfg(test)]
mod real;
mod result_set;
pub mod schema;
pub mod spans;
pub mod stats;
mod table;

pub use answer::{Answer, Summary};
pub use client::Client;
pub use error::ClickHouseError;
pub use exception::Exception;
pub use native::HandshakeError;
pub use query::Query;
pub use result_set::{Column, Outcome, ResultSet};
pub use table::DataTable;
