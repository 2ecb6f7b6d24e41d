//! Client of ClickHouse's HTTP interface.

pub mod schema;
