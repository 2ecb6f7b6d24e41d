//! `telemetry`: a self-hosted telemetry backend in one binary.
//!
//! Dependencies point downwards: [`commands`] use [`stack`], [`clickhouse`] and [`otlp`];
//! [`stack`] drives an engine such as [`embedded`]; nothing below a line knows what is above it.

pub mod cli;
pub mod clickhouse;
pub mod commands;
pub mod compose;
pub mod context;
pub mod docker;
pub mod embedded;
pub mod error;
pub mod otlp;
pub mod output;
pub mod settings;
pub mod stack;
