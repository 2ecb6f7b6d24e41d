//! Where blocks of rows go: one insert at a time, each on the thread of its signal.

use std::collections::HashMap;

use super::{Day, ExportId, recall::recall};
use crate::embedded::chdb::{Connection, Engine, Exception};

/// Executes inserts. Each signal has its own writer on its own thread, so it may block.
pub trait BlockWriter: Send + 'static {
    /// Inserts one block of ClickHouse's Native format with the statement `insert`, which ends
    /// after its column list. When this returns `Ok`, the rows are committed.
    fn write(&mut self, insert: &str, block: &[u8]) -> Result<(), WriteError>;

    /// The requests that the table has got last, with the days of which it has rows of them.
    fn recall(&mut self, table: &str) -> Result<HashMap<ExportId, Vec<Day>>, WriteError>;
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

impl WriteError {
    /// What a failed insert has stored was not known until now.
    pub fn in_doubt() -> Self {
        Self::Engine("an insert before this one failed".to_owned())
    }
}

/// Writes to the embedded engine, over a connection of its own.
pub struct EngineWriter {
    engine: Engine,
    connection: Option<Connection>,
}

impl EngineWriter {
    /// What a connection for inserts is set to.
    ///
    /// The engine writes a block's hash to its deduplication log before the part itself exists;
    /// killed in between, it would take the retry of that block for a repeat and drop it. The
    /// receiver recognises repeats itself, so it does without that log. A block is one part for
    /// each day in it, however many days there are.
    const SETTINGS: &str = "SET deduplicate_insert = 'disable', \
         max_partitions_per_insert_block = 0, max_insert_threads = 1";

    /// A writer that connects when it is first used.
    pub const fn new(engine: Engine) -> Self {
        Self {
            engine,
            connection: None,
        }
    }

    fn connection(&mut self) -> Result<&mut Connection, WriteError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        Ok(self.connection.insert(connection))
    }

    fn connect(&self) -> Result<Connection, WriteError> {
        let connected = self.engine.connect();
        let mut connection = connected.map_err(|error| WriteError::Engine(error.to_string()))?;
        connection.execute(Self::SETTINGS.as_bytes(), "Null", &[])?;
        Ok(connection)
    }
}

impl BlockWriter for EngineWriter {
    fn recall(&mut self, table: &str) -> Result<HashMap<ExportId, Vec<Day>>, WriteError> {
        Ok(recall(self.connection()?, table)?)
    }

    fn write(&mut self, insert: &str, block: &[u8]) -> Result<(), WriteError> {
        let connection = self.connection()?;
        let written = (|| {
            let mut stream = connection.insert(insert.as_bytes(), "Native", &[])?;
            stream.append(block)?;
            stream.finish()
        })()
        .map_err(WriteError::from);
        if matches!(written, Err(WriteError::Engine(_))) {
            // Whatever state the connection is in, the next insert begins with a fresh one.
            self.connection = None;
        }
        written.map(drop)
    }
}

impl From<Exception> for WriteError {
    fn from(exception: Exception) -> Self {
        if blames_data(exception.name.as_deref()) {
            Self::Data(exception.message)
        } else {
            Self::Engine(exception.message)
        }
    }
}

/// Whether an exception of this name says that the rows are at fault. What is not known to say
/// so is taken for trouble of the engine: a retry costs less than lost data.
fn blames_data(name: Option<&str>) -> bool {
    matches!(
        name,
        Some(
            "ARGUMENT_OUT_OF_BOUND"
                | "BAD_ARGUMENTS"
                | "CANNOT_CONVERT_TYPE"
                | "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN"
                | "CANNOT_PARSE_DATE"
                | "CANNOT_PARSE_DATETIME"
                | "CANNOT_PARSE_NUMBER"
                | "CANNOT_PARSE_TEXT"
                | "CANNOT_READ_ALL_DATA"
                | "DECIMAL_OVERFLOW"
                | "ILLEGAL_COLUMN"
                | "INCORRECT_DATA"
                | "INCORRECT_NUMBER_OF_COLUMNS"
                | "SIZES_OF_ARRAYS_DONT_MATCH"
                | "SIZES_OF_COLUMNS_DOESNT_MATCH"
                | "TOO_LARGE_ARRAY_SIZE"
                | "TOO_LARGE_STRING_SIZE"
                | "TYPE_MISMATCH"
                | "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE"
                | "VIOLATED_CONSTRAINT"
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str) -> WriteError {
        Exception::parse(message).into()
    }

    #[test]
    fn only_what_is_known_to_blame_the_rows_is_final() {
        let data = "Code: 117. DB::Exception: Bad bytes. (INCORRECT_DATA)";
        assert!(matches!(error(data), WriteError::Data(_)));
        for trouble in [
            "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)",
            "Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)",
            "Code: 243. DB::Exception: No space. (NOT_ENOUGH_SPACE)",
            "out of luck",
        ] {
            assert!(matches!(error(trouble), WriteError::Engine(_)), "{trouble}");
        }
    }
}
