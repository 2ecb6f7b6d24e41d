//! What is written beside a library that was fetched.

use std::{
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::pin;

/// Written beside a library once it is complete: whose it is and how it is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipt {
    /// The version of the package.
    pub version: String,
    /// Where it was fetched from.
    pub source: Fetched,
    /// The library's file name.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// When the file was last modified: seconds since 1970, and nanoseconds.
    pub modified: (i64, i64),
}

/// Where a library was fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fetched {
    /// From an npm registry.
    Npm,
    /// From the releases of chDB on GitHub.
    Github,
}

/// When a file was last modified.
pub(super) fn modified(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

impl Receipt {
    /// The receipt's file in the directory of a library.
    pub(super) fn path(directory: &Path) -> PathBuf {
        directory.join("receipt.json")
    }

    /// The receipt in the directory of a library. One that cannot be understood counts as
    /// missing: nothing but this program writes it, and whole.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read.
    pub(super) fn read(directory: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(Self::path(directory)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the library in `directory` looks untouched: its size and time of modification
    /// are what they were. This costs nothing, so every start can afford it.
    pub(super) fn looks_right(&self, directory: &Path) -> bool {
        directory
            .join(&self.file)
            .metadata()
            .is_ok_and(|file| file.len() == self.bytes && modified(&file) == self.modified)
    }

    /// Whether the library in `directory` is, byte for byte, what was fetched. It reads all of
    /// it, which takes about a second.
    pub(super) fn is_right(&self, directory: &Path) -> io::Result<bool> {
        let file = match std::fs::File::open(directory.join(&self.file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        Ok(file.metadata()?.len() == self.bytes && pin::sha256(file)? == self.sha256)
    }
}
