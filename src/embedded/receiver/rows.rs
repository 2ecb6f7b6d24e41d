//! What the receiver needs to know of a signal to store it.

use super::{Acceptance, Encoding, Export, Signal};

/// The rows of one signal that go into one insert, as ClickHouse columns in the making.
pub trait Rows: Default + Send + 'static {
    /// The signal these are rows of.
    const SIGNAL: Signal;

    /// The table they go into, with its database.
    const TABLE: &'static str;

    /// The statement they are inserted with, up to and including its column list.
    const INSERT: &'static str;

    /// A decoded export request.
    type Request: Send + 'static;

    /// Decodes a request; an error is worded for its sender.
    fn decode(body: &[u8], encoding: Encoding) -> Result<Decoded<Self::Request>, String>;

    /// Appends the rows of a request, but those that are stored, and returns how many there are.
    fn push(&mut self, request: &Self::Request, export: &Export) -> usize;

    /// Rows so far.
    fn rows(&self) -> usize;

    /// Bytes that the rows occupy in memory, roughly.
    fn byte_size(&self) -> usize;

    /// The rows as one block of ClickHouse's Native format.
    fn encode(self) -> Vec<u8>;
}

/// A decoded request, and what had to be done to it.
#[derive(Debug, Default)]
pub struct Decoded<Q> {
    /// What can be stored.
    pub request: Q,
    /// What cannot, as its sender is told once the rest is committed.
    pub acceptance: Acceptance,
    /// Deviations from OTLP that were put right.
    pub fixes: u64,
}
