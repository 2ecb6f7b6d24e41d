//! Compression of requests and responses: HTTP's content encodings and ClickHouse's own framing.

pub mod encoding;
pub mod frame;
