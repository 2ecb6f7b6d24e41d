//! Sessions: connections that are kept between statements, with their temporary tables and
//! settings.
//!
//! Only a user with all rights has anything to keep; see [`settings`](super::settings).

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    exception::{Exception, Kind},
    request,
    settings::literal,
};
use crate::embedded::chdb::{self, Connection};

/// ClickHouse's number for a setting that it does not know.
const UNKNOWN_SETTING: u32 = 115;

/// The sessions by name.
pub struct Sessions {
    kept: Mutex<HashMap<String, Kept>>,
    limit: usize,
}

enum Kept {
    /// A statement runs in it.
    Busy,
    /// Nothing runs in it.
    Idle(Box<Connection>, Instant),
}

/// A session in which a statement runs. Dropped, it is over; [`Held::keep`] keeps it.
pub struct Held {
    sessions: Arc<Sessions>,
    id: String,
    timeout: Duration,
}

impl Sessions {
    /// Up to `limit` sessions.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::default(),
            limit,
        })
    }

    /// Takes a session for a statement, and its connection if it has one already.
    pub fn take(
        self: &Arc<Self>,
        session: &request::Session,
    ) -> Result<(Held, Option<Connection>), Exception> {
        self.forget_expired();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let full = kept.len() >= self.limit;
        let connection = match kept.entry(session.id.clone()) {
            Entry::Occupied(mut entry) => match entry.insert(Kept::Busy) {
                Kept::Idle(connection, _) => Some(*connection),
                Kept::Busy => {
                    return Err(Kind::SessionIsLocked.exception(format!(
                        "Session {} is locked by a concurrent client",
                        session.id
                    )));
                }
            },
            Entry::Vacant(_) if session.must_exist => {
                return Err(
                    Kind::SessionNotFound.exception(format!("Session {} not found", session.id))
                );
            }
            Entry::Vacant(_) if full => {
                return Err(Kind::TooManySimultaneousQueries.exception("Too many sessions"));
            }
            Entry::Vacant(entry) => {
                entry.insert(Kept::Busy);
                None
            }
        };
        let held = Held {
            sessions: Arc::clone(self),
            id: session.id.clone(),
            timeout: session.timeout,
        };
        Ok((held, connection))
    }

    /// Ends the sessions whose time is over; gives when the next one's is.
    pub fn forget_expired(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut expired = Vec::new();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        expired.extend(kept.extract_if(|_, kept| match kept {
            Kept::Idle(_, until) => *until <= now,
            Kept::Busy => false,
        }));
        let next = kept.values().filter_map(|kept| match kept {
            Kept::Idle(_, until) => Some(*until),
            Kept::Busy => None,
        });
        // Closing connections takes a moment, for which nobody need wait.
        next.min()
    }
}

impl Held {
    /// The statement has ended; the session goes on with its connection.
    pub fn keep(self, connection: Connection) {
        let until = Instant::now() + self.timeout;
        let kept = Kept::Idle(Box::new(connection), until);
        let mut sessions = self
            .sessions
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.insert(self.id.clone(), kept);
    }
}

/// What settings were before a statement of a session set them for itself.
pub struct Before(Vec<(String, Option<String>)>);

impl Before {
    /// Looks at the settings that are going to be `set`.
    pub fn note(
        connection: &mut Connection,
        set: &[(String, String)],
    ) -> Result<Self, chdb::Exception> {
        if set.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let names: Vec<_> = set.iter().map(|(name, _)| literal(name)).collect();
        let sql = format!(
            "SELECT name, value FROM system.settings WHERE changed AND name IN ({})",
            names.join(", ")
        );
        let changed = connection.execute(sql.as_bytes(), "JSONCompactEachRow", &[])?;
        let changed: Vec<(String, String)> = serde_json::Deserializer::from_slice(changed.data())
            .into_iter()
            .filter_map(Result::ok)
            .collect();
        let was = |name: &str| changed.iter().find(|(found, _)| found == name);
        Ok(Self(
            set.iter()
                .map(|(name, _)| (name.clone(), was(name).map(|(_, value)| value.clone())))
                .collect(),
        ))
    }

    /// Sets them back. One that was refused, and so never set, is no error; one that cannot be
    /// set back, such as `readonly`, is.
    pub fn restore(self, connection: &mut Connection) -> Result<(), chdb::Exception> {
        for (name, value) in self.0 {
            let value = value.map_or("DEFAULT".to_owned(), |value| literal(&value));
            let restored =
                connection.execute(format!("SET {name} = {value}").as_bytes(), "Null", &[]);
            match restored {
                Err(exception) if exception.code != UNKNOWN_SETTING => return Err(exception),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut sessions = self
            .sessions
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(entry) = sessions.entry(self.id.clone())
            && matches!(entry.get(), Kept::Busy)
        {
            entry.remove();
        }
    }
}
