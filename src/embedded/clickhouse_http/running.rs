//! The statements that run, and how one is stopped.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    exception::{Exception, Kind},
    settings::literal,
    sql::{self, Lexer},
};
use crate::embedded::chdb::Engine;

/// How long to wait for the effect of a cancellation before asking again: a statement that had
/// not begun yet was not there to be stopped.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// The statements that run, by their identifiers.
pub struct Running {
    engine: Engine,
    statements: Mutex<HashMap<String, Weak<Statement>>>,
}

/// A statement that runs.
pub struct Statement {
    running: Arc<Running>,
    id: String,
    writes: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Cancelled,
    Ended,
}

impl Running {
    /// No statements.
    pub fn new(engine: Engine) -> Arc<Self> {
        Arc::new(Self {
            engine,
            statements: Mutex::default(),
        })
    }

    /// A statement of this identifier begins.
    pub fn begin(self: &Arc<Self>, id: String) -> Result<Arc<Statement>, Exception> {
        match lock(&self.statements).entry(id.clone()) {
            Entry::Occupied(_) => Err(Kind::QueryWithSameIdIsAlreadyRunning
                .exception(format!("Query with id = {id} is already running"))),
            Entry::Vacant(entry) => {
                let statement = Arc::new(Statement {
                    running: Arc::clone(self),
                    id,
                    writes: AtomicBool::new(false),
                    state: Mutex::new(State::Running),
                    changed: Condvar::new(),
                });
                entry.insert(Arc::downgrade(&statement));
                Ok(statement)
            }
        }
    }

    /// Stops the statements that change nothing.
    pub fn cancel_reads(&self) {
        let statements: Vec<_> = lock(&self.statements)
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        for statement in statements {
            if !statement.writes.load(Ordering::Relaxed) {
                statement.cancel();
            }
        }
    }
}

impl Statement {
    /// Its identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// It changes something, and had better not be stopped without need.
    pub fn writes(&self) {
        self.writes.store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits for it any more.
    pub fn is_cancelled(&self) -> bool {
        *lock(&self.state) == State::Cancelled
    }

    /// It has ended, in whatever way.
    pub fn end(&self) {
        *lock(&self.state) = State::Ended;
        lock(&self.running.statements).remove(&self.id);
        self.changed.notify_all();
    }

    /// Stops it, if it has not ended, without waiting for that.
    pub fn cancel(self: &Arc<Self>) {
        {
            let mut state = lock(&self.state);
            if *state != State::Running {
                return;
            }
            *state = State::Cancelled;
        }
        let statement = Arc::clone(self);
        let thread = std::thread::Builder::new().name("cancel".into());
        let spawned = thread.spawn(move || {
            if let Err(error) = statement.kill_until_ended() {
                tracing::warn!(%error, "a statement that nobody waits for could not be stopped");
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "a statement that nobody waits for could not be stopped");
        }
    }

    fn kill_until_ended(&self) -> Result<(), Box<dyn std::error::Error>> {
        let mut connection = self.running.engine.connect()?;
        // The engine gives a statement an identifier of its own, which nobody is told. What can
        // be chosen is a comment.
        let kill = format!(
            "KILL QUERY WHERE Settings['log_comment'] = {} ASYNC",
            literal(&self.id)
        );
        let mut state = lock(&self.state);
        while *state != State::Ended {
            drop(state);
            connection.execute(kill.as_bytes(), "Null", &[])?;
            state = lock(&self.state);
            if *state != State::Ended {
                (state, _) = self
                    .changed
                    .wait_timeout(state, ASK_AGAIN)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        Ok(())
    }
}

/// `KILL QUERY WHERE query_id = '…'` with the identifiers that clients know: the engine has others,
/// and keeps those as a comment.
pub fn kill_by_comment(text: &[u8]) -> Cow<'_, [u8]> {
    if sql::leading_words(text, 2) != ["KILL", "QUERY"] {
        return Cow::Borrowed(text);
    }
    let tokens: Vec<_> = Lexer::new(text, 0).collect();
    let mut rewritten = Vec::new();
    let mut copied = 0;
    for three in tokens.windows(3) {
        let [name, equals, id] = three else {
            continue;
        };
        if name.is_word(text, "QUERY_ID")
            && &text[equals.span.clone()] == b"="
            && id.kind == sql::Kind::String
        {
            let id = String::from_utf8_lossy(&text[id.span.clone()]);
            rewritten.extend_from_slice(&text[copied..name.span.start]);
            rewritten.extend_from_slice(
                format!("(query_id = {id} OR Settings['log_comment'] = {id})").as_bytes(),
            );
            copied = three[2].span.end;
        }
    }
    rewritten.extend_from_slice(&text[copied..]);
    Cow::Owned(rewritten)
}

/// Cancels a statement when it is dropped: when its client is gone.
pub struct CancelOnDrop(pub Arc<Statement>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What these locks guard is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_killed_by_its_clients_identifier() {
        let rewritten = |text: &str| {
            String::from_utf8(kill_by_comment(text.as_bytes()).into_owned()).expect("it is text")
        };
        assert_eq!(
            rewritten("KILL QUERY WHERE query_id = 'a\\'b' AND user = 'x' SYNC"),
            "KILL QUERY WHERE (query_id = 'a\\'b' OR Settings['log_comment'] = 'a\\'b') AND user = 'x' SYNC"
        );
        for text in [
            "KILL QUERY WHERE 1",
            "KILL QUERY WHERE query_id IN ('a')",
            "SELECT 1 WHERE query_id = 'a'",
            "KILL MUTATION WHERE query_id = 'a'",
        ] {
            assert_eq!(rewritten(text), text);
        }
    }
}
