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

/// Rows that are numbers, with the ids of their requests.
#[derive(Debug, Default)]
pub struct Numbers(Vec<(ExportId, u32)>);

/// A row as it is in a block: its id and its number.
type Row = [u8; 12];

fn number(row: &Row) -> u32 {
    let [.., a, b, c, d] = *row;
    u32::from_le_bytes([a, b, c, d])
}

fn id(row: &Row) -> ExportId {
    let (id, _) = row.split_first_chunk().unwrap();
    ExportId(u64::from_le_bytes(*id))
}

/// There are two days: that of the odd and that of the even numbers.
fn day(number: u32) -> Day {
    Day(u16::from(number.is_multiple_of(2)))
}

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

    fn push(&mut self, request: &Request, export: &Export) -> usize {
        let before = self.0.len();
        let numbers = request.numbers.iter().copied();
        let missing = numbers.filter(|number| !export.stored.contains(&day(*number)));
        self.0.extend(missing.map(|number| (export.id, number)));
        self.0.len() - before
    }

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn byte_size(&self) -> usize {
        self.0.len() * size_of::<Row>()
    }

    fn encode(self) -> Vec<u8> {
        let rows = self.0.iter();
        rows.flat_map(|(id, number)| [&id.0.to_le_bytes()[..], &number.to_le_bytes()].concat())
            .collect()
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
    /// Commits one day, then fails.
    Torn,
    /// Commits one day, then ends the writing thread.
    Killed,
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
    /// How many of the next questions for what is stored fail.
    forgetful: usize,
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

    /// Lets the next questions for what is stored fail.
    pub fn forget(&self, times: usize) {
        self.shared.state.lock().unwrap().forgetful = times;
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
            .flat_map(|insert| insert.as_chunks().0)
            .map(number)
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

impl BlockWriter for FakeTable {
    fn recall(&mut self, _: &str) -> Result<HashMap<ExportId, Vec<Day>>, WriteError> {
        let mut state = self.shared.state.lock().unwrap();
        if state.forgetful > 0 {
            state.forgetful -= 1;
            return Err(WriteError::Engine("in trouble".to_owned()));
        }
        let mut recalled = HashMap::<_, Vec<_>>::new();
        for row in state.inserts.iter().flat_map(|insert| insert.as_chunks().0) {
            let days = recalled.entry(id(row)).or_default();
            if !days.contains(&day(number(row))) {
                days.push(day(number(row)));
            }
        }
        Ok(recalled)
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
        let rows = block.as_chunks().0;
        if rows.iter().any(|row| number(row) == POISON) {
            return Err(WriteError::Data("poison".to_owned()));
        }
        match fate {
            Fate::Commit => {
                state.inserts.push(block.to_vec());
                Ok(())
            }
            Fate::Trouble => Err(WriteError::Engine("in trouble".to_owned())),
            Fate::Torn => {
                state.inserts.push(even(rows));
                Err(WriteError::Engine("in trouble".to_owned()))
            }
            Fate::Killed => {
                state.inserts.push(even(rows));
                drop(state);
                panic!("the engine is gone");
            }
            Fate::Panic => {
                drop(state);
                panic!("the engine is gone");
            }
        }
    }
}

/// The rows of the even numbers.
fn even(rows: &[Row]) -> Vec<u8> {
    let even = rows.iter().filter(|row| number(row).is_multiple_of(2));
    even.flatten().copied().collect()
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
