//! Stand-ins for the tests of the receiver: a signal that is numbers, and a table that fails
//! on demand.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use prost::Message;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    Acceptance, BlockWriter, Day, Decoded, Encoding, Export, ExportId, Limits, Listeners, Receiver,
    ReceiverError, Rows, Signal, WriteError,
};

/// Rows that are numbers.
#[derive(Debug, Default)]
pub struct Numbers(Vec<u32>);

/// A request of [`Numbers`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// Zeros are rejected.
    #[prost(fixed32, repeated, tag = "1")]
    pub numbers: Vec<u32>,
}

/// A number that the fake table refuses.
pub const POISON: u32 = u32::MAX;

impl Rows for Numbers {
    const SIGNAL: Signal = Signal::Traces;
    const TABLE: &'static str = "numbers";
    const INSERT: &'static str = "INSERT INTO numbers";
    type Request = Request;

    fn decode(body: &[u8], encoding: Encoding) -> Result<Decoded<Request>, String> {
        let mut request = match encoding {
            Encoding::Protobuf => Request::decode(body).map_err(|error| error.to_string())?,
            Encoding::Json => Request {
                numbers: serde_json::from_slice(body).map_err(|error| error.to_string())?,
            },
        };
        let all = request.numbers.len();
        request.numbers.retain(|number| *number > 0);
        let rejected = (all - request.numbers.len()) as u64;
        let reason = (rejected > 0).then(|| "zero is nothing".into());
        Ok(Decoded {
            request,
            acceptance: Acceptance { rejected, reason },
            fixes: 0,
        })
    }

    fn push(&mut self, request: &Request, _: &Export) -> usize {
        self.0.extend(&request.numbers);
        request.numbers.len()
    }

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn byte_size(&self) -> usize {
        self.0.len() * size_of::<u32>()
    }

    fn encode(self) -> Vec<u8> {
        self.0.iter().flat_map(|n| n.to_le_bytes()).collect()
    }
}

/// The body of a request with these numbers.
pub fn body(numbers: &[u32]) -> Vec<u8> {
    let numbers = numbers.to_vec();
    Request { numbers }.encode_to_vec()
}

/// What the fake table does with one insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Commits it.
    Commit,
    /// Fails as an engine in trouble does.
    Trouble,
    /// Ends the writing thread.
    Panic,
}

/// A table in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FakeTable {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Each committed insert.
    inserts: Vec<Vec<u8>>,
    /// What becomes of the next inserts; those after the last are committed.
    script: VecDeque<Fate>,
    held: bool,
    waiting: usize,
}

impl FakeTable {
    /// A table that does this with its first inserts.
    pub fn scripted(script: impl IntoIterator<Item = Fate>) -> Self {
        let table = Self::default();
        table.shared.state.lock().unwrap().script = script.into_iter().collect();
        table
    }

    /// Holds inserts up until [`FakeTable::release`].
    pub fn hold(&self) {
        self.shared.state.lock().unwrap().held = true;
    }

    /// Lets inserts go on.
    pub fn release(&self) {
        self.shared.state.lock().unwrap().held = false;
        self.shared.changed.notify_all();
    }

    /// Blocks until an insert is held up.
    pub fn wait_until_busy(&self) {
        let state = self.shared.state.lock().unwrap();
        drop(
            self.shared
                .changed
                .wait_while(state, |state| state.waiting == 0)
                .unwrap(),
        );
    }

    /// The committed inserts.
    pub fn inserts(&self) -> Vec<Vec<u8>> {
        self.shared.state.lock().unwrap().inserts.clone()
    }

    /// The committed numbers, sorted.
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self
            .inserts()
            .iter()
            .flat_map(|insert| insert.as_chunks::<4>().0)
            .map(|number| u32::from_le_bytes(*number))
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

impl BlockWriter for FakeTable {
    fn recall(&mut self, _: &str) -> Result<HashMap<ExportId, Vec<Day>>, WriteError> {
        Ok(HashMap::new())
    }

    fn write(&mut self, _: &str, block: &[u8]) -> Result<(), WriteError> {
        let mut state = self.shared.state.lock().unwrap();
        state.waiting += 1;
        self.shared.changed.notify_all();
        state = self
            .shared
            .changed
            .wait_while(state, |state| state.held)
            .unwrap();
        state.waiting -= 1;
        let fate = state.script.pop_front().unwrap_or(Fate::Commit);
        if block.as_chunks::<4>().0.contains(&POISON.to_le_bytes()) {
            return Err(WriteError::Data("poison".to_owned()));
        }
        match fate {
            Fate::Commit => {
                state.inserts.push(block.to_vec());
                Ok(())
            }
            Fate::Trouble => Err(WriteError::Engine("in trouble".to_owned())),
            Fate::Panic => {
                drop(state);
                panic!("the engine is gone");
            }
        }
    }
}

/// A receiver of [`Numbers`] on ports of its own.
#[derive(Debug)]
pub struct Running {
    /// What the traces go to.
    pub table: FakeTable,
    /// OTLP/HTTP.
    pub http: SocketAddr,
    /// OTLP/gRPC.
    pub grpc: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<Result<(), ReceiverError>>,
}

impl Running {
    /// Limits that let a test see them.
    pub fn small() -> Limits {
        Limits {
            body: 1 << 20,
            memory: 16 << 20,
            patience: Duration::from_millis(10),
            ..Limits::default()
        }
    }

    /// Starts a receiver that writes traces to `table`.
    pub async fn start(limits: Limits, table: FakeTable) -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0");
        let listeners = Listeners {
            http: bind().await.unwrap(),
            grpc: bind().await.unwrap(),
        };
        let (http, grpc) = (
            listeners.http.local_addr().unwrap(),
            listeners.grpc.local_addr().unwrap(),
        );
        let receiver = Receiver::start::<Numbers, Numbers, Numbers, _>(limits, |signal| {
            if signal == Signal::Traces {
                table.clone()
            } else {
                FakeTable::default()
            }
        })
        .unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(receiver.serve(listeners, shutdown.clone()));
        Self {
            table,
            http,
            grpc,

            shutdown,
            served,
        }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// Begins to stop the receiver.
    pub fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// Waits until the receiver has stopped.
    pub async fn stopped(self) -> Result<(), ReceiverError> {
        self.served.await.unwrap()
    }
}
