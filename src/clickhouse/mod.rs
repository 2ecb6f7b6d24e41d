//! Client of ClickHouse's HTTP interface.
