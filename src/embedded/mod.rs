//! The embedded engine: the whole stack in one process, without Docker.
//!
//! A supervisor keeps one server process alive; the server holds the ClickHouse engine
//! ([`chdb`]), the OTLP [`receiver`], ClickHouse's HTTP interface ([`clickhouse_http`]) and the page
//! that draws the dashboards (`web`).

pub mod chdb;
pub mod clickhouse_http;
mod connection;
mod directory;
pub mod library;
mod login;
pub mod receiver;
pub mod server;
pub mod supervisor;
mod web;

pub use directory::Directory;
pub use server::ServerSpec;
