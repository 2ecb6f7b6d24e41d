//! The server's own log: lines on standard error, which the supervisor dates and keeps.

use std::io;

use tracing_subscriber::EnvFilter;

/// What is logged unless `TELEMETRY_LOG` says otherwise, in the syntax of `tracing`'s filters.
const DEFAULT_FILTER: &str = "info";

/// Sends `tracing` events to standard error, and panics to `tracing`.
pub fn initialise() {
    let filter =
        EnvFilter::try_from_env("TELEMETRY_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        // The supervisor may be gone, and with it the reader of standard error; reporting that
        // there would panic.
        .log_internal_errors(false);
    // Only a second initialisation could fail, and then there is a log already.
    let _ = subscriber.try_init();
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{panic}");
    }));
}
