//! Where blocks of rows go: one insert at a time, each on the thread of its signal.

/// Executes inserts. Each signal has its own writer on its own thread, so it may block.
pub trait BlockWriter: Send + 'static {
    /// Inserts one block of ClickHouse's Native format with the statement `insert`, which ends
    /// after its column list. When this returns `Ok`, the rows are committed.
    fn write(&mut self, insert: &str, block: &[u8]) -> Result<(), WriteError>;
}

/// Why a block was not inserted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The rows are at fault: the same block will never be accepted.
    #[error("{0}")]
    Data(String),
    /// The engine is at fault: the same block may be accepted later.
    #[error("{0}")]
    Engine(String),
}
