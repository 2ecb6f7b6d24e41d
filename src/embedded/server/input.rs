//! The server's standard input: what to serve, and then a lifeline to the supervisor.

use std::fs::File;
use std::io::{self, BufRead as _, Read as _};

use tokio_util::sync::CancellationToken;

use super::ServerSpec;

/// Reads the specification, the first line. From then on the end of the input, which comes when
/// the supervisor dies, cancels `shutdown`.
pub fn read(shutdown: &CancellationToken) -> io::Result<ServerSpec> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let spec = serde_json::from_str(&line)?;

    // The engine takes data from the standard input where a statement has none of its own.
    let mut lifeline = File::from(rustix::io::dup(io::stdin())?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;

    let shutdown = shutdown.clone();
    std::thread::Builder::new()
        .name("lifeline".to_owned())
        .spawn(move || {
            let mut ignored = [0; 64];
            while matches!(lifeline.read(&mut ignored), Ok(1..)) {}
            tracing::info!("the supervisor is gone");
            shutdown.cancel();
        })?;
    Ok(spec)
}
