//! A Docker engine without Docker: it keeps containers, networks, volumes and images in memory,
//! answers the calls that `telemetry` makes as Docker Engine 20.10 does, and fails as it is told to.
//!
//! A container that is started listens on its published ports itself ([`service`]), so that the
//! real binary finds a stack that is ready.

mod answer;
mod calls;
mod containers;
pub mod fault;
pub mod pull;
mod service;
pub mod state;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::{
    net::UnixListener,
    runtime::Runtime,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

pub use calls::Call;
pub use service::Behaviour;

use fault::{Faults, On};
use state::State;

/// How long a test waits for the engine to come to something.
const PATIENCE: Duration = Duration::from_mins(1);

/// The engine. It is gone, with all that it has, when dropped.
pub struct FakeEngine {
    directory: TempDir,
    shared: Arc<Shared>,
    runtime: Runtime,
    server: Mutex<Option<JoinHandle<()>>>,
}

/// What its calls share.
#[derive(Default)]
pub struct Shared {
    state: Mutex<State>,
    faults: Faults,
    /// Every call so far, in the order in which they came.
    calls: Mutex<Vec<Call>>,
    behaviours: Mutex<BTreeMap<String, Behaviour>>,
    /// Told of every change of the state.
    changed: watch::Sender<()>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    fn change(&self) {
        self.changed.send_replace(());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeEngine {
    /// An engine that has nothing, and can pull everything.
    pub fn start() -> Self {
        let engine = Self {
            directory: TempDir::new().expect("a temporary directory can be made"),
            shared: Arc::default(),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("threads can be had"),
            server: Mutex::default(),
        };
        engine.come_back();
        engine
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    /// The value of `DOCKER_HOST` for it.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Ends every connection and listens no more. Containers run on.
    pub fn vanish(&self) {
        if let Some(server) = locked(&self.server).take() {
            server.abort();
            let _ = self.runtime.block_on(server);
        }
        let _ = std::fs::remove_file(self.socket());
    }

    /// Listens again.
    pub fn come_back(&self) {
        let _in_runtime = self.runtime.enter();
        let listener = UnixListener::bind(self.socket()).expect("nobody listens there");
        let server = self.runtime.spawn(serve(listener, self.shared.clone()));
        *locked(&self.server) = Some(server);
    }

    /// Makes something of the calls that match: see [`On`].
    pub fn on(&self, pattern: &str) -> On<'_> {
        self.shared.faults.on(pattern)
    }

    /// The same for calls that change something.
    pub fn on_change(&self) -> On<'_> {
        self.shared.faults.on_change()
    }

    /// What is not going to happen any more.
    pub fn forget_faults(&self) {
        self.shared.faults.clear();
    }

    /// What containers of this service do from now on when they are started.
    pub fn let_service(&self, service: &str, behaviour: Behaviour) {
        locked(&self.shared.behaviours).insert(service.to_owned(), behaviour);
    }

    /// What it has.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.shared.calls).clone()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        locked(&self.shared.calls).clear();
    }

    /// Waits until such a call has come.
    pub fn is_called(&self, pattern: &str) {
        let is = |call: &Call| fault::matches(pattern, &call.to_string());
        self.eventually(pattern, |_| locked(&self.shared.calls).iter().any(is));
    }

    /// Waits until its state is so.
    pub fn eventually(&self, what: &str, condition: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&self.state()) {
            assert!(Instant::now() < deadline, "never: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.shared.faults.clear();
        self.vanish();
    }
}

async fn serve(listener: UnixListener, shared: Arc<Shared>) {
    // They end with this.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| calls::answer(shared.clone(), request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // Connections that are cut are meant to be.
            let _ = served.await;
        });
        while connections.try_join_next().is_some() {}
    }
}
