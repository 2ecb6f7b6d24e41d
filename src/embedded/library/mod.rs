//! Finding, fetching and checking the chDB library.
//!
//! It is looked for, in this order: where the setting says; in the cache directory, where it was
//! fetched to; in the directories in which an administrator installs libraries. A library that
//! was put somewhere by hand is taken if it loads and says that it is the version that is
//! pinned. If there is none, the pinned version is fetched, from npm or from chDB's releases.

mod archive;
mod error;
mod fetch;
mod installer;
mod npm;
mod pin;
mod platform;
mod receipt;
mod release;
mod search;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use error::{Attempts, LibraryError};
pub use fetch::FetchError;
pub use pin::{Digest, ENGINE_VERSION, VERSION};
pub use platform::Platform;
pub use receipt::Fetched;

use crate::output::Printer;
use installer::Installer;
use search::Search;
use store::{Kept, Store};

/// A library that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its file.
    pub path: PathBuf,
    /// How it came there.
    pub source: Source,
    /// Its size.
    pub bytes: u64,
}

/// A library that can be used, and that says what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Where it is.
    pub found: Found,
    /// Its version, such as `26.7.3`.
    pub version: String,
}

/// How a library came to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The setting names it.
    Setting,
    /// It was fetched from an npm registry.
    Npm,
    /// It was fetched from the releases of chDB on GitHub.
    Github,
    /// A person put it into the cache directory.
    PlacedByHand,
    /// It is installed for all users of the machine.
    System,
}

impl From<Fetched> for Source {
    fn from(fetched: Fetched) -> Self {
        match fetched {
            Fetched::Npm => Self::Npm,
            Fetched::Github => Self::Github,
        }
    }
}

/// What was removed.
#[derive(Debug, Serialize)]
pub struct Removal {
    /// The directories of the libraries.
    pub removed: Vec<PathBuf>,
    /// How much space is free again.
    pub bytes: u64,
}

/// The library that the embedded engine is to use, fetched if need be. `setting` is what the
/// settings say of it: a file, or the directory that holds it.
///
/// When dropped early, it leaves nothing half-made.
///
/// # Errors
///
/// When there is none and it cannot be fetched.
pub async fn obtain(setting: Option<&Path>, printer: &Printer) -> Result<PathBuf, LibraryError> {
    let search = Search::of_this_process(setting)?;
    match search.find().await {
        Err(LibraryError::NotInstalled | LibraryError::Damaged(_)) => {}
        found => return found.map(|found| found.path),
    }
    let installed = Installer::new(search.store()?).install(printer).await?;
    Ok(installed.path)
}

/// The library that the embedded engine would use now; fetches nothing.
///
/// # Errors
///
/// When there is none, or it cannot be used.
pub async fn find(setting: Option<&Path>) -> Result<Found, LibraryError> {
    Search::of_this_process(setting)?.find().await
}

/// The library that the embedded engine would use now, loaded to see that it works here; fetches
/// nothing.
///
/// # Errors
///
/// When there is none, or it does not load.
pub async fn inspect(setting: Option<&Path>) -> Result<Inspected, LibraryError> {
    Search::of_this_process(setting)?.inspect().await
}

/// Fetches the library unless there is one; one that was fetched before is checked, byte for
/// byte, and fetched again if it is damaged.
///
/// # Errors
///
/// When the setting names one that cannot be used, and when none can be fetched.
pub async fn install(setting: Option<&Path>, printer: &Printer) -> Result<Found, LibraryError> {
    let search = Search::of_this_process(setting)?;
    if setting.is_some() {
        return Ok(search.inspect().await?.found);
    }
    let store = search.store()?;
    if matches!(store.kept()?, Kept::Nothing | Kept::PlacedByHand(_)) {
        match search.find().await {
            Err(LibraryError::NotInstalled) => {}
            found => return found,
        }
    }
    Installer::new(store).checking().install(printer).await
}

/// Removes what was fetched, of whatever version, and nothing else.
///
/// What runs goes on: the file of a library that is in use is only gone from its directory. But
/// a server that crashes could not be started again.
///
/// # Errors
///
/// When the file system refuses.
pub async fn remove(printer: &Printer) -> Result<Removal, LibraryError> {
    let platform = Platform::current().ok_or(LibraryError::UnsupportedPlatform)?;
    let store = Store::of_this_user(platform)?;
    let lock = store.lock(|| printer.status(installer::WAITING)).await?;
    let removed = store.remove(&lock)?;
    Ok(Removal {
        removed: removed.directories,
        bytes: removed.bytes,
    })
}
