//! What the last `start` used, so that later commands need no flags.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Endpoints, EngineKind, replace_file};

/// What the last `start` used. It holds passwords: its file is its owner's alone to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this program that wrote it.
    pub telemetry_version: String,
    /// The project.
    pub project: String,
    /// What the stack runs on.
    pub engine: EngineKind,
    /// The version of ClickHouse that keeps the data.
    pub clickhouse_version: Option<String>,
    /// When it was started.
    pub started_at: Timestamp,
    /// Where it is reached.
    pub endpoints: Endpoints,
    /// The settings that were in force: values by documented name, secrets included.
    pub settings: BTreeMap<String, String>,
}

impl Record {
    /// The record at `path`; `None` when there is none, or no directory that could have one.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not one.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if is_nothing(error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the record at `path`.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        replace_file(path, &serde_json::to_vec_pretty(self)?)
    }
}

fn is_nothing(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
