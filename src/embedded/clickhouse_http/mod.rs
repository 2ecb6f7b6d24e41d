//! ClickHouse's HTTP interface over chDB.

pub mod compression;
pub mod exception;
pub mod format;
pub mod sql;
