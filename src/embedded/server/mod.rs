//! The server process: the engine, and everything that is offered over the network.
//!
//! Ports are bound before the engine boots, so that a taken one is told at once; connections
//! that come early wait in the backlog. Whatever fails later ends the process, and the
//! supervisor starts another: one way to recover, which is exercised by every crash.

mod data_version;
mod health;
mod input;
mod logging;
mod network;
mod readiness;
mod sockets;
mod spec;

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Directory;
use super::chdb::{self, Connection, Engine, EngineError, EngineOptions, Library};
use super::receiver::ReceiverError;
use super::supervisor::{Announcement, Claim, ServerFailure};
use crate::error::{Code, Error, Failure, Result};

pub use data_version::check as check_data_version;
pub use sockets::{SocketError, Sockets};
pub use spec::{Credentials, Listen, ServerSpec};

/// How long another server of the project may take to give its data free.
const CLAIM_PATIENCE: Duration = Duration::from_secs(30);

/// How long statements may go on once the endpoints are closed.
const STATEMENT_PATIENCE: Duration = Duration::from_secs(2);

/// Why the server process ended, other than by request.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its input is no specification.
    #[error("the server was not told what to serve; it is run by `telemetry start`")]
    Input(#[source] io::Error),
    /// A file of the project cannot be used.
    #[error("cannot use `{}`", .0.root().display())]
    Directory(Directory, #[source] io::Error),
    /// Another server holds the data.
    #[error("another server process holds the data")]
    Claimed,
    /// A port cannot be listened on.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The engine does not boot.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The data was written by a newer engine.
    #[error(
        "the data was written by ClickHouse {written}, and the engine library is version {version}"
    )]
    Downgrade {
        /// The version that wrote the data.
        written: String,
        /// The library's version.
        version: String,
    },
    /// The runtime of the network side does not start.
    #[error("cannot start the server's threads")]
    Runtime(#[source] io::Error),
    /// The receiver cannot start, or cannot go on.
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
    /// An endpoint that is served does not answer.
    #[error("the server does not answer itself")]
    NotReady(#[source] io::Error),
    /// Something that never ends has ended, or panicked.
    #[error("{0} has ended unexpectedly")]
    Lost(&'static str),
}

impl Failure for ServerError {
    fn code(&self) -> Code {
        match self {
            Self::Directory(..) => Code::Io,
            Self::Claimed => Code::StackBusy,
            Self::Socket(error) => error.code(),
            Self::Engine(error) => error.code(),
            Self::Receiver(error) => error.code(),
            Self::Downgrade { .. } => Code::EngineInvalid,
            Self::NotReady(_) => Code::NotReady,
            Self::Input(_) | Self::Runtime(_) | Self::Lost(_) => Code::EngineStart,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Downgrade { written, .. } => Some(format!(
                "a `telemetry` with ClickHouse {written} or newer can read it, and `telemetry backup` it; `TELEMETRY_ENGINE_LIBRARY` sets the library, `telemetry clean` deletes the data"
            )),
            _ => None,
        }
    }
}

/// Brings the database to what the specification asks for.
pub type ApplySchema = fn(&ServerSpec, &mut Connection) -> Result<()>;

/// Serves what the specification on standard input says, until SIGTERM, or until that input
/// ends with the supervisor that holds its other end; then ends the process. `apply_schema` comes
/// from above, as the schema is that of every engine.
pub fn run(directory: &Directory, apply_schema: ApplySchema) -> ! {
    logging::initialise();
    let shutdown = CancellationToken::new();
    let served = input::read(&shutdown)
        .map_err(|error| ServerError::Input(error).into())
        .and_then(|spec| serve(directory, &spec, apply_schema, shutdown));
    match served {
        Ok(()) => chdb::exit(0),
        Err(error) => {
            announce(&Announcement::Failed(ServerFailure {
                code: error.code(),
                message: with_causes(&error),
                hint: error.hint(),
            }));
            chdb::exit(1)
        }
    }
}

fn serve(
    directory: &Directory,
    spec: &ServerSpec,
    apply_schema: ApplySchema,
    shutdown: CancellationToken,
) -> Result<()> {
    let started = Instant::now();
    directory
        .create()
        .map_err(|error| ServerError::Directory(directory.clone(), error))?;
    let _claim = claim(directory)?;
    let sockets = Sockets::bind(&spec.listen)?;

    let library = Library::load(&spec.library)?;
    data_version::check(directory, &library.version())?;
    let options = EngineOptions {
        data_dir: directory.data(),
        config_dir: directory.config(),
        memory_limit: spec.memory_limit,
    };
    let engine = Engine::boot(library, &options)?;
    data_version::record(directory, engine.version())?;
    tracing::info!(version = engine.version(), elapsed = ?started.elapsed(), "the engine is up");
    apply_schema(spec, &mut engine.connect()?)?;
    tracing::info!(elapsed = ?started.elapsed(), "the schema is in place");

    // The engine has threads of its own for the work; these two move bytes.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(ServerError::Runtime)?;
    let ready = || {
        announce(&Announcement::Ready {
            clickhouse_version: engine.version().to_owned(),
        });
    };
    let served = runtime.block_on(async {
        stop_at_signals(&shutdown).map_err(ServerError::Runtime)?;
        Box::pin(network::serve(&engine, spec, sockets, shutdown, ready)).await
    });
    runtime.shutdown_timeout(STATEMENT_PATIENCE);
    drop(engine);
    tracing::info!("the engine has stopped");
    Ok(served?)
}

/// Waits for a server whose supervisor was killed: it drains and ends by itself.
fn claim(directory: &Directory) -> Result<Claim, ServerError> {
    let deadline = Instant::now() + CLAIM_PATIENCE;
    loop {
        let taken = Claim::take(&directory.server_claim())
            .map_err(|error| ServerError::Directory(directory.clone(), error))?;
        if let Some(claim) = taken {
            return Ok(claim);
        }
        if Instant::now() >= deadline {
            return Err(ServerError::Claimed);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Cancels `shutdown` at SIGTERM and SIGINT. The engine resets signal handlers while it boots, so
/// this comes after it; until then a signal simply ends the process, which has taken nothing in.
fn stop_at_signals(shutdown: &CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.cancel();
    });
    Ok(())
}

/// Tells the supervisor; without one there is nobody to tell.
fn announce(announcement: &Announcement) {
    if let Err(error) = announcement.say() {
        tracing::warn!(%error, "the supervisor does not listen");
    }
}

/// The message of `error` with those of what lies beneath it.
fn with_causes(error: &Error) -> String {
    let mut messages = error.causes();
    messages.insert(0, error.to_string());
    messages.join(": ")
}
