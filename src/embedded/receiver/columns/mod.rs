//! Decoded requests as columns of the stack's tables, in ClickHouse's Native format.
//!
//! The columns are those that the OpenTelemetry exporter for ClickHouse inserts, filled as it
//! fills them. What is stored is up to the tables (`assets/clickhouse/init-db.sql`), so that the
//! mapping from OTLP exists once, for both engines.

mod attributes;
mod block;
mod column;
mod logs;
mod metrics;
mod number;
mod traces;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub use logs::LogRows;
pub use metrics::MetricRows;
pub use traces::TraceRows;
