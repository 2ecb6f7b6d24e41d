//! Group commit: requests that arrive together share one insert.
//!
//! One thread per signal executes inserts. While one runs, the rows of further requests
//! gather in the next block; every request is answered when the insert that holds its rows
//! has returned. An idle writer takes a block at once. After a small insert it rests for a
//! multiple of the time the insert took, so that a trickle of requests is stored in few parts
//! and costs little, and a block that is large enough ends the rest.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::{
    Acceptance, BlockWriter, Encoding, Outcome, Refusal, Reservation, Rows, Transport, WriteError,
    metrics::Metrics,
    repeats::{Claim, Repeats},
};

/// When blocks are committed.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Rows that are committed without further delay.
    pub enough_rows: usize,
    /// Rows after which a further block is begun.
    pub full_rows: usize,
    /// Bytes after which a further block is begun.
    pub full_bytes: usize,
    /// The rest after an insert, as a multiple of the time it took.
    pub rest_factor: u32,
    /// The longest rest.
    pub longest_rest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            enough_rows: 8 << 10,
            full_rows: 64 << 10,
            full_bytes: 16 << 20,
            rest_factor: 4,
            longest_rest: Duration::from_millis(100),
        }
    }
}

/// A request whose rows wait in a block.
#[derive(Debug)]
pub struct Pending {
    /// The memory the request holds. First, so that it is free before a dropped `claim` answers.
    pub reservation: Reservation,
    /// Who to tell.
    pub claim: Claim,
    /// What was received, to decode it again should its block be refused.
    pub body: Bytes,
    /// How `body` is encoded.
    pub encoding: Encoding,
    /// How the request arrived.
    pub transport: Transport,
    /// What its sender is told once the rows are committed.
    pub acceptance: Acceptance,
}

/// Gathers the rows of one signal and commits them.
#[derive(Debug)]
pub struct Batcher<R: Rows> {
    queue: Arc<Queue<R>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

#[derive(Debug)]
struct Queue<R> {
    pace: Pace,
    state: Mutex<State<R>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<R> {
    /// Blocks to be written, oldest first; rows are appended to the last.
    batches: VecDeque<Batch<R>>,
    closed: bool,
}

#[derive(Debug)]
struct Batch<R> {
    rows: R,
    requests: Vec<(Pending, usize)>,
}

impl<R: Rows> Batch<R> {
    fn is_full(&self, pace: &Pace) -> bool {
        self.rows.rows() >= pace.full_rows || self.rows.byte_size() >= pace.full_bytes
    }
}

impl<R: Rows> Batcher<R> {
    /// Starts the thread that commits. `stopped` is cancelled when that thread ends, be it
    /// after [`Batcher::close`] or because the writer panicked.
    pub fn start(
        pace: Pace,
        writer: impl BlockWriter,
        repeats: Arc<Repeats>,
        metrics: Arc<Metrics>,
        stopped: CancellationToken,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue {
            pace,
            state: Mutex::new(State {
                batches: VecDeque::new(),
                closed: false,
            }),
            changed: Condvar::new(),
        });
        let committer = Committer {
            queue: CloseOnDrop(Arc::clone(&queue)),
            writer,
            repeats,
            metrics,
            in_doubt: false,
        };
        let thread = thread::Builder::new()
            .name(format!("insert-{}", R::SIGNAL))
            .spawn(move || {
                let _stopped = stopped.drop_guard();
                committer.run();
            })?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Appends the rows of a request; it is settled after the insert that holds them.
    pub fn submit(&self, request: &R::Request, pending: Pending) {
        self.append(self.queue.state(), request, pending);
    }

    /// Like [`Batcher::submit`], but hands the request back if that would mean to wait for
    /// another thread that is appending.
    pub fn try_submit(&self, request: &R::Request, pending: Pending) -> Option<Pending> {
        let state = match self.queue.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Some(pending),
        };
        self.append(state, request, pending);
        None
    }

    fn append(
        &self,
        mut state: MutexGuard<'_, State<R>>,
        request: &R::Request,
        mut pending: Pending,
    ) {
        if state.closed {
            return pending.claim.settle(&Err(Refusal::stopping()));
        }
        if state
            .batches
            .back()
            .is_none_or(|last| last.is_full(&self.queue.pace))
        {
            state.batches.push_back(Batch {
                rows: R::default(),
                requests: Vec::new(),
            });
        }
        let batch = state.batches.back_mut().expect("there is one now");
        let before = batch.rows.byte_size();
        let rows = batch.rows.push(request, &pending.claim.export());
        // From here on the request is its body, its columns and their encoding.
        let columns = batch.rows.byte_size() - before;
        pending
            .reservation
            .shrink_to(pending.body.len() + 2 * columns);
        batch.requests.push((pending, rows));
        drop(state);
        self.queue.changed.notify_one();
    }

    /// Requests whose insert has not begun.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        let state = self.queue.state();
        state.batches.iter().map(|batch| batch.requests.len()).sum()
    }

    /// Commits what is there, then ends the thread. Blocks until that is done.
    pub fn close(&self) {
        self.queue.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of the writer has been reported through `stopped`.
            let _ = thread.join();
        }
    }
}

impl<R: Rows> Queue<R> {
    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Drops what waits, which tells its senders to try again.
    fn abandon(&self) {
        let abandoned = std::mem::take(&mut self.state().batches);
        drop(abandoned);
    }

    /// The next block to write: not before `rested`, unless it is large enough by then.
    fn next(&self, rested: Instant) -> Option<Batch<R>> {
        let mut state = self.state();
        loop {
            let wait = match state.batches.front() {
                None if state.closed => return None,
                None => None,
                Some(batch) => {
                    let rest = rested.saturating_duration_since(Instant::now());
                    let enough = batch.rows.rows() >= self.pace.enough_rows
                        || batch.is_full(&self.pace)
                        || state.batches.len() > 1;
                    if rest.is_zero() || enough || state.closed {
                        return state.batches.pop_front();
                    }
                    Some(rest)
                }
            };
            state = match wait {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(rest) => {
                    self.changed
                        .wait_timeout(state, rest)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

/// Refuses further requests, and drops those that wait, when the committing thread ends.
struct CloseOnDrop<R: Rows>(Arc<Queue<R>>);

impl<R: Rows> Drop for CloseOnDrop<R> {
    fn drop(&mut self) {
        self.0.close();
        self.0.abandon();
    }
}

/// The committing thread's own side.
struct Committer<R: Rows, W> {
    queue: CloseOnDrop<R>,
    writer: W,
    repeats: Arc<Repeats>,
    metrics: Arc<Metrics>,
    /// Whether what a failed insert has stored is not known.
    in_doubt: bool,
}

impl<R: Rows, W: BlockWriter> Committer<R, W> {
    fn run(mut self) {
        let mut rested = Instant::now();
        while let Some(batch) = self.queue.0.next(rested) {
            let started = Instant::now();
            self.commit(batch);
            let pace = &self.queue.0.pace;
            let rest = (started.elapsed() * pace.rest_factor).min(pace.longest_rest);
            rested = Instant::now() + rest;
        }
    }

    fn commit(&mut self, batch: Batch<R>) {
        let Batch { rows, requests } = batch;
        if self.in_doubt {
            let recalled = self.recall();
            let refusal = Refusal::from(recalled.err().unwrap_or_else(WriteError::in_doubt));
            // What waits was made without that knowledge, and may be stored already.
            self.queue.0.abandon();
            for (request, rows) in requests {
                self.settle(request, rows, Some(refusal.clone()));
            }
            return;
        }
        match self.write(rows) {
            Err(WriteError::Data(_)) if requests.len() > 1 => {
                // One bad request must not hurt those that share its block.
                for (request, rows) in requests {
                    self.commit_alone(request, rows);
                }
            }
            written => {
                let refusal = written.err().map(Refusal::from);
                for (request, rows) in requests {
                    self.settle(request, rows, refusal.clone());
                }
            }
        }
    }

    fn commit_alone(&mut self, request: Pending, rows: usize) {
        let written = R::decode(&request.body, request.encoding)
            .map_err(WriteError::Data)
            .and_then(|decoded| {
                let mut rows = R::default();
                rows.push(&decoded.request, &request.claim.export());
                self.write(rows)
            });
        self.settle(request, rows, written.err().map(Refusal::from));
    }

    fn write(&mut self, rows: R) -> Result<(), WriteError> {
        if rows.rows() == 0 {
            return Ok(());
        }
        let started = Instant::now();
        let written = self.writer.write(R::INSERT, &rows.encode());
        self.metrics
            .inserted(R::SIGNAL, started.elapsed(), written.is_ok());
        if let Err(error) = &written {
            tracing::warn!(signal = %R::SIGNAL, %error, "an insert failed");
            self.recall()?;
        }
        written
    }

    /// Asks the table what it has of the requests of an insert that failed: days before the one
    /// it failed at are there.
    fn recall(&mut self) -> Result<(), WriteError> {
        self.in_doubt = true;
        self.repeats.recall(self.writer.recall(R::TABLE)?);
        self.in_doubt = false;
        Ok(())
    }

    fn settle(&self, request: Pending, rows: usize, refusal: Option<Refusal>) {
        let Pending {
            claim,
            acceptance,
            transport,
            reservation,
            ..
        } = request;
        self.metrics
            .concluded(R::SIGNAL, transport, rows as u64, refusal.is_none());
        // Before the answer, so that a sender who got it finds the memory free.
        drop(reservation);
        let outcome: Outcome = refusal.map_or(Ok(acceptance), Err);
        claim.settle(&outcome);
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Data(message) => Self::Rejected(message.into()),
            WriteError::Engine(message) => Self::Unavailable(message.into()),
        }
    }
}
