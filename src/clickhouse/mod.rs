//! Client of ClickHouse's HTTP interface.

mod answer;
mod client;
mod error;
mod exception;
#[cfg(test)]
mod fake;
mod query;
pub mod schema;

pub use answer::{Answer, Summary};
pub use client::Client;
pub use error::ClickHouseError;
pub use exception::Exception;
pub use query::Query;
