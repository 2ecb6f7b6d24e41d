//! ClickHouse's HTTP interface of a real stack, byte for byte.

mod encodings;
mod inserts;
mod running;
mod server;
mod statements;
#[path = "../support/mod.rs"]
mod support;
