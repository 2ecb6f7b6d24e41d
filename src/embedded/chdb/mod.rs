//! chDB, the ClickHouse engine as a library: the only module with `unsafe` code.
