//! The OTLP receiver: OTLP/HTTP and OTLP/gRPC in, committed ClickHouse inserts out.
