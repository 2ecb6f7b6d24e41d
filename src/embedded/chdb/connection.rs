//! A connection and the three ways to run a statement on it.

use super::{
    Exception,
    ffi::{ConnectionHandle, InsertHandle, Parameter, ResultHandle, StreamHandle},
};

/// A connection to the engine. It runs one statement at a time.
pub struct Connection {
    handle: ConnectionHandle,
}

impl Connection {
    pub(super) fn new(handle: ConnectionHandle) -> Self {
        Self { handle }
    }

    /// Runs a statement and gives its whole answer, in `format` unless it says `FORMAT` itself.
    pub fn execute(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
    ) -> Result<QueryResult, Exception> {
        QueryResult::check(self.handle.query(sql, format, parameters))
    }

    /// Says what a text would do, without executing it.
    pub fn analyse(&mut self, sql: &[u8]) -> Analysis {
        let Some((statements, class)) = self.handle.classify(sql) else {
            return Analysis {
                statements: 0,
                effect: Effect::Unknown,
            };
        };
        let effect = match class {
            0 => Effect::Read,
            1 => Effect::Write,
            2 => Effect::WriteGlobal,
            3 => Effect::Control,
            _ => Effect::Unknown,
        };
        Analysis { statements, effect }
    }

    /// Begins a query whose answer is taken in chunks, so that memory stays bounded.
    pub fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
    ) -> Result<ResultStream<'_>, Exception> {
        let handle = self.handle.stream(sql, format, parameters);
        match handle.error() {
            Some(message) => Err(Exception::parse(message)),
            None => Ok(ResultStream { handle }),
        }
    }

    /// Begins an insert. `sql` is `INSERT INTO table (columns)` without `FORMAT` or data.
    pub fn insert(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
    ) -> Result<InsertStream<'_>, Exception> {
        let handle = self.handle.insert(sql, format, parameters);
        match handle.error() {
            Some(message) => Err(Exception::parse(message)),
            None => Ok(InsertStream { handle }),
        }
    }
}

/// What a text would do if it were executed, as the engine's own parser reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// How many statements it holds; 0 when it does not parse.
    pub statements: u32,
    /// The most that one of them does.
    pub effect: Effect,
}

/// What a statement does, from harmless to unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Reads: `SELECT`, `SHOW`, `DESCRIBE`, `EXISTS`, `EXPLAIN`.
    Read,
    /// Changes a database: `INSERT`, `CREATE`, `ALTER`, `DROP`, …
    Write,
    /// Changes what belongs to no database: users, functions, named collections.
    WriteGlobal,
    /// Concerns the session, the engine or files: `SET`, `USE`, `SYSTEM`, `BACKUP`,
    /// `INTO OUTFILE`, `INSERT INTO FUNCTION`.
    Control,
    /// Does not parse, or is not known.
    Unknown,
}

/// What a statement cost and touched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Time in the engine, in seconds.
    pub elapsed_seconds: f64,
    /// Rows of the answer.
    pub rows: u64,
    /// Bytes of the answer in the engine's memory.
    pub bytes: u64,
    /// Rows read from storage.
    pub rows_scanned: u64,
    /// Bytes read from storage.
    pub bytes_scanned: u64,
    /// What was written.
    pub written: Written,
}

/// What an insert wrote, materialized views included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Bytes in the engine's memory.
    pub bytes: u64,
}

/// A formatted answer, or one chunk of it.
pub struct QueryResult {
    handle: ResultHandle,
}

impl QueryResult {
    fn check(handle: ResultHandle) -> Result<Self, Exception> {
        match handle.error() {
            Some(message) => Err(Exception::parse(message)),
            None => Ok(Self { handle }),
        }
    }

    /// The bytes, in the format that was asked for.
    pub fn data(&self) -> &[u8] {
        self.handle.data()
    }

    /// What the statement cost and touched.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            elapsed_seconds: self.handle.elapsed_seconds(),
            rows: self.handle.rows(),
            bytes: self.handle.bytes(),
            rows_scanned: self.handle.rows_scanned(),
            bytes_scanned: self.handle.bytes_scanned(),
            written: Written {
                rows: self.handle.rows_written(),
                bytes: self.handle.bytes_written(),
            },
        }
    }
}

/// The answer of a query under way. Dropped before its end, the query is cancelled.
pub struct ResultStream<'c> {
    handle: StreamHandle<'c>,
}

impl ResultStream<'_> {
    /// The next chunk; `None` at the end.
    pub fn next_chunk(&mut self) -> Result<Option<QueryResult>, Exception> {
        let chunk = QueryResult::check(self.handle.fetch())?;
        Ok((!chunk.data().is_empty()).then_some(chunk))
    }
}

/// An insert under way. Dropped before [`InsertStream::finish`], nothing more is written.
pub struct InsertStream<'c> {
    handle: InsertHandle<'c>,
}

impl InsertStream<'_> {
    /// Gives the engine the next piece of the input; blocks while it cannot keep up.
    pub fn append(&mut self, data: &[u8]) -> Result<(), Exception> {
        if self.handle.append(data) {
            return Ok(());
        }
        let message = self
            .handle
            .error()
            .unwrap_or_else(|| "the insert was broken off".into());
        Err(Exception::parse(message))
    }

    /// Ends the input; the rows are committed when this returns.
    pub fn finish(mut self) -> Result<Written, Exception> {
        let result = QueryResult::check(self.handle.finish())?;
        Ok(result.statistics().written)
    }
}
