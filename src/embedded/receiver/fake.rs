//! Stand-ins for the tests of the receiver: a signal that is numbers, and a table that fails
//! on demand.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex},
};

use super::{BlockWriter, Encoding, Rows, Signal, WriteError};

/// Rows that are numbers; a request's body is their little-endian bytes.
#[derive(Debug, Default)]
pub struct Numbers(Vec<u32>);

/// A number that the fake table refuses.
pub const POISON: u32 = u32::MAX;

impl Rows for Numbers {
    const SIGNAL: Signal = Signal::Traces;
    const INSERT: &'static str = "INSERT INTO numbers";
    type Request = Vec<u32>;

    fn decode(body: &[u8], _: Encoding) -> Result<Self::Request, String> {
        let (numbers, rest) = body.as_chunks::<4>();
        if !rest.is_empty() {
            return Err("half a number".to_owned());
        }
        Ok(numbers.iter().copied().map(u32::from_le_bytes).collect())
    }

    fn push(&mut self, request: &Self::Request) -> usize {
        self.0.extend(request);
        request.len()
    }

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn byte_size(&self) -> usize {
        self.0.len() * size_of::<u32>()
    }

    fn encode(self) -> Vec<u8> {
        body(&self.0)
    }
}

/// The body of a request with these numbers.
pub fn body(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
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
            .flat_map(|insert| Numbers::decode(insert, Encoding::Protobuf).unwrap())
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

impl BlockWriter for FakeTable {
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
