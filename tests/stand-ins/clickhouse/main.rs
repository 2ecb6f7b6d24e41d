//! Stands in for ClickHouse's image where that cannot be had: this program's own ClickHouse HTTP
//! interface over chDB, behind the environment variables and the paths of the image.
//!
//! Honoured: `CLICKHOUSE_USER`, `CLICKHOUSE_PASSWORD`, `CLICKHOUSE_PASSWORD_FILE`,
//! `CLICKHOUSE_DB`, `/docker-entrypoint-initdb.d` (in a new volume), `/var/lib/clickhouse`, the
//! passwords of `ingest` and `grafana` in `/etc/clickhouse-server/users.d`, whose rights are those
//! that the embedded engine gives them, and of `/etc/clickhouse-server/config.d` the share of the
//! container's memory and `merge_tree`, the settings of tables. Under the name `clickhouse-client` the program is a client.
//!
//! Not honoured: of the native protocol on port 9000, everything after the handshake, and everything
//! else in the configuration files.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a client and an image have to say"
)]

mod client;
mod image;
mod memory;
mod native;
mod server;
mod xml;

use std::{error::Error, path::Path, process::ExitCode};

use telemetry::embedded::chdb;

/// What goes wrong here ends the container; nobody tells cases apart.
type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let program = std::env::args_os().next().unwrap_or_default();
    if Path::new(&program).file_name() == Some("clickhouse-client".as_ref()) {
        return match client::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
    match server::run() {
        Ok(()) => chdb::exit(0),
        Err(error) => {
            tracing::error!("{error}");
            chdb::exit(1)
        }
    }
}
