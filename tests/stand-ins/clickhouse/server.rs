//! The server: the engine on the volume, and its HTTP interface on the image's port.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};

use telemetry::{
    clickhouse::schema::statements,
    embedded::{
        chdb::{Engine, EngineOptions, Library},
        clickhouse_http::{Interface, Limits},
        server::Credentials,
    },
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Outcome,
    image::{self, HTTP_PORT, NATIVE_PORT},
    memory, native,
};

/// Serves until SIGTERM.
pub fn run() -> Outcome {
    let library = std::env::var_os("TELEMETRY_ENGINE_LIBRARY")
        .ok_or("TELEMETRY_ENGINE_LIBRARY, the path of chDB's library, is not set")?;
    let credentials = image::credentials()?;
    let is_new = image::volume_is_new();
    let engine = boot(&PathBuf::from(library))?;
    tracing::info!(
        "a stand-in for ClickHouse: chDB's engine {}, with no more of the native protocol than its handshake",
        engine.version()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // After the engine's boot, which resets handlers.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        if is_new {
            begin(&engine, &credentials).await?;
        }
        let shutdown = CancellationToken::new();
        let listener = listen(HTTP_PORT).await?;
        let native = listen(NATIVE_PORT).await?;
        tracing::info!("Ready for connections on port {HTTP_PORT}");
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            shutdown.cancel();
        };
        let serving = serve(&engine, &credentials, listener, shutdown.clone());
        tokio::select! {
            ((), ()) = async { tokio::join!(serving, stop) } => {}
            () = native::serve(native, &credentials) => {}
        }
        Ok(())
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of bytes need not be exact"
)]
fn boot(library: &Path) -> Result<Engine, Box<dyn std::error::Error>> {
    let memory = memory::limit() as f64 * image::memory_share()?;
    let options = EngineOptions {
        data_dir: image::DATA.into(),
        config_dir: Path::new(image::DATA).join("preprocessed_configs"),
        memory_limit: memory as u64,
    };
    image::give_table_settings(&options.config_dir)
        .map_err(|error| format!("{}: {error}", options.config_dir.display()))?;
    Ok(Engine::boot(Library::load(library)?, &options)?)
}

async fn serve(
    engine: &Engine,
    credentials: &Credentials,
    listener: TcpListener,
    shutdown: CancellationToken,
) {
    let interface = Interface::new(engine.clone(), credentials, Limits::default());
    tokio::select! {
        () = interface.serve(listener, shutdown.clone()) => {}
        never = interface.look_after(shutdown) => match never {},
    }
    interface.finish().await;
}

/// IPv6 and with it IPv4, or only that where a container has nothing else.
async fn listen(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
    }
}

/// What the image does once in a new volume: it makes the database that is asked for, and runs
/// scripts against a server that only its own container reaches.
async fn begin(engine: &Engine, credentials: &Credentials) -> Outcome {
    let scripts = image::first_scripts()?;
    if let Some(name) = image::first_database() {
        execute(
            engine,
            &format!(
                "CREATE DATABASE IF NOT EXISTS `{}`",
                name.replace('`', "\\`")
            ),
        )?;
    }
    if scripts.is_empty() {
        return Ok(());
    }
    let shutdown = CancellationToken::new();
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, HTTP_PORT));
    let listener = TcpListener::bind(local).await?;
    let serving = serve(engine, credentials, listener, shutdown.clone());
    let running = async {
        let done = tokio::task::spawn_blocking({
            let (engine, password) = (engine.clone(), credentials.password.clone());
            move || {
                let run = |script: &PathBuf| run_script(&engine, &password, script);
                scripts.iter().try_for_each(run)
            }
        });
        let done = done.await;
        shutdown.cancel();
        done
    };
    let ((), done) = tokio::join!(serving, running);
    done??;
    Ok(())
}

fn run_script(engine: &Engine, password: &str, script: &Path) -> Result<(), String> {
    let shown = script.display();
    tracing::info!("running {shown}");
    match script.extension().and_then(|ending| ending.to_str()) {
        Some("sql") => {
            let sql = std::fs::read_to_string(script).map_err(|error| error.to_string())?;
            let all = statements(&sql);
            all.iter()
                .try_for_each(|statement| execute(engine, statement))
        }
        Some("sh") => {
            let mut shell = Command::new("sh");
            let shell = shell.arg(script).env("CLICKHOUSE_PASSWORD", password);
            let status = shell.status().map_err(|error| error.to_string())?;
            let failed = || format!("{status}");
            status.success().then_some(()).ok_or_else(failed)
        }
        _ => {
            tracing::warn!("{shown} is ignored: it is neither .sql nor .sh");
            Ok(())
        }
    }
    .map_err(|error| format!("{shown}: {error}"))
}

fn execute(engine: &Engine, statement: &str) -> Result<(), String> {
    let mut connection = engine.connect().map_err(|error| error.to_string())?;
    let done = connection.execute(statement.as_bytes(), "Null", &[]);
    done.map(drop).map_err(|error| error.to_string())
}
