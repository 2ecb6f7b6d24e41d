//! The bounds within which the interface works.

use std::time::Duration;

use crate::embedded::connection::Bounds;

/// The bounds within which the interface works.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What connections may take up.
    pub connections: Bounds,
    /// Statements that run at once.
    pub running: usize,
    /// Statements that may wait for their turn; more are refused.
    pub waiting: usize,
    /// How long a statement may wait for its turn.
    pub patience: Duration,
    /// How long a client may pause while it sends a body.
    pub body_pause: Duration,
    /// How long statements that only read may go on after a shutdown began.
    pub last_reads: Duration,
    /// Bytes of a statement without the data of an insert.
    pub statement: usize,
    /// Bytes of an answer that are held back, so that a statement that fails early fails with
    /// a status.
    pub held: usize,
    /// The same when the client asks for `wait_end_of_query`.
    pub held_to_the_end: usize,
    /// Sessions that are remembered.
    pub sessions: usize,
    /// What a statement may use unless a setting in its URL says otherwise.
    pub usual: Caps,
    /// What a statement of `grafana` may use whatever it says.
    pub reader: Caps,
}

/// What one statement may use.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Rows of its result, `max_result_rows`.
    pub result_rows: u64,
    /// Bytes of its result in the engine's memory, `max_result_bytes`.
    pub result_bytes: u64,
    /// Seconds, `max_execution_time`.
    pub seconds: u64,
    /// Bytes of memory, `max_memory_usage`.
    pub memory: u64,
}

impl Caps {
    /// As ClickHouse's settings.
    pub const fn settings(&self) -> [(&'static str, u64); 4] {
        [
            ("max_result_rows", self.result_rows),
            ("max_result_bytes", self.result_bytes),
            ("max_execution_time", self.seconds),
            ("max_memory_usage", self.memory),
        ]
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Bounds {
                connections: 256,
                head_time: Duration::from_secs(75),
                drain_time: Duration::from_secs(10),
            },
            running: 16,
            waiting: 64,
            patience: Duration::from_secs(30),
            body_pause: Duration::from_mins(1),
            last_reads: Duration::from_secs(1),
            statement: 16 << 20,
            // As ClickHouse's `buffer_size`.
            held: 1 << 20,
            held_to_the_end: 32 << 20,
            sessions: 256,
            usual: Caps {
                result_rows: 10_000_000,
                result_bytes: 4 << 30,
                seconds: 300,
                memory: 1 << 30,
            },
            reader: Caps {
                result_rows: 1_000_000,
                result_bytes: 256 << 20,
                seconds: 60,
                memory: 512 << 20,
            },
        }
    }
}
