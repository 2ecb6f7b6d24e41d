//! What the supervisor says about itself, in a file that it replaces whole at each change.
//!
//! The file is an account, not the truth: that a supervisor runs, and which process it is, only
//! its [`Claim`](super::Claim) tells. An account by another process than the holder is old.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitStatus;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::announcement::ServerFailure;

/// Where the supervised server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Started for the first time, not ready yet.
    Starting,
    /// Ready.
    Running,
    /// It died; it is started again after a wait, or is not ready again yet.
    Restarting,
    /// Asked to stop; it drains.
    Stopping,
    /// It died before it was ever ready; the supervisor has given up.
    Failed,
    /// It stopped because it was asked to.
    Stopped,
}

/// The supervisor's account of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The process that wrote this.
    pub supervisor: u32,
    /// Its version of this program.
    pub version: String,
    /// Where the server is in its life.
    pub phase: Phase,
    /// When the supervisor started.
    pub started_at: Timestamp,
    /// The server process, while there is one.
    pub server: Option<ServerState>,
    /// How often the server was started again.
    pub restarts: u32,
    /// How the last server process ended, if one did.
    pub last_exit: Option<LastExit>,
}

/// The supervisor's account of its server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    /// Its process.
    pub pid: u32,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it said that it is ready.
    pub ready_at: Option<Timestamp>,
    /// The version of ClickHouse that it serves.
    pub clickhouse_version: Option<String>,
}

/// How a server process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastExit {
    /// When.
    pub at: Timestamp,
    /// With what.
    pub status: Exit,
    /// What it said about it.
    pub failure: Option<ServerFailure>,
    /// Its last lines of log, oldest first.
    pub last_lines: Vec<String>,
}

/// An exit status, or the signal that ended the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// This signal killed it.
    Signal(i32),
}

impl Exit {
    /// Whether the process ended of its own accord and content.
    pub fn is_success(self) -> bool {
        self == Self::Status(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Status(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Status(-1),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Status(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => {
                let name = match number {
                    4 => " (illegal instruction)",
                    6 => " (aborted)",
                    8 => " (arithmetic error)",
                    9 => " (killed)",
                    11 => " (segmentation fault)",
                    15 => " (terminated)",
                    _ => "",
                };
                write!(f, "signal {number}{name}")
            }
        }
    }
}

impl State {
    /// Replaces the account at `path`. It need not survive a power cut: its claim would not.
    pub fn publish(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(beside, path)
    }

    /// The account at `path`; `None` when there is none.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
