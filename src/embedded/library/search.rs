//! Where the library is looked for.

use std::path::{Path, PathBuf};

use super::{
    ENGINE_VERSION, Found, Inspected, LibraryError, Platform, Source,
    store::{Kept, Store},
};
use crate::embedded::chdb::Library;

/// Where administrators, and chDB's own installer, put libraries.
const SYSTEM_DIRECTORIES: [&str; 4] = [
    "/usr/local/lib",
    "/opt/homebrew/lib",
    "/usr/lib",
    "/usr/lib64",
];

/// The file's names; chDB calls it the first on macOS, too, now and then.
const FILES: [&str; 2] = ["libchdb.so", "libchdb.dylib"];

/// Where the library is looked for.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// What the settings say of it.
    pub setting: Option<PathBuf>,
    /// What was fetched; `None` where nothing can be.
    pub store: Option<Store>,
    /// Directories in which it may have been installed by hand.
    pub system: Vec<PathBuf>,
    /// Whether a library that was put there by hand is the right one.
    pub fits: fn(&Path) -> bool,
}

impl Search {
    /// Where this process looks.
    pub(super) fn of_this_process(setting: Option<&Path>) -> Result<Self, LibraryError> {
        let store = match (Platform::current(), setting) {
            (Some(platform), None) => Some(Store::of_this_user(platform)?),
            _ => None,
        };
        Ok(Self {
            setting: setting.map(Path::to_owned),
            store,
            system: SYSTEM_DIRECTORIES.map(PathBuf::from).to_vec(),
            fits,
        })
    }

    /// Where it is kept when it is fetched.
    pub(super) fn store(&self) -> Result<Store, LibraryError> {
        self.store.clone().ok_or(LibraryError::UnsupportedPlatform)
    }

    /// The first that can be used.
    pub(super) async fn find(&self) -> Result<Found, LibraryError> {
        let search = self.clone();
        blocking(move || search.find_blocking()).await
    }

    /// The first, which must load.
    pub(super) async fn inspect(&self) -> Result<Inspected, LibraryError> {
        let search = self.clone();
        blocking(move || {
            let found = search.find_blocking()?;
            match Library::load(&found.path) {
                Ok(library) => Ok(Inspected {
                    found,
                    version: library.version(),
                }),
                Err(source) if found.source == Source::Setting => {
                    Err(LibraryError::UnusableSetting {
                        path: found.path,
                        source,
                    })
                }
                Err(_) => Err(LibraryError::Damaged(found.path)),
            }
        })
        .await
    }

    fn find_blocking(&self) -> Result<Found, LibraryError> {
        if let Some(setting) = &self.setting {
            let path = at(setting).ok_or_else(|| LibraryError::NotAtSetting(setting.clone()))?;
            return found(path, Source::Setting);
        }
        let mut damaged = None;
        match self.store()?.kept()? {
            Kept::Fetched(path, receipt) => return found(path, receipt.source.into()),
            Kept::PlacedByHand(path) if (self.fits)(&path) => {
                return found(path, Source::PlacedByHand);
            }
            Kept::Changed(path, _) => damaged = Some(path),
            Kept::PlacedByHand(_) | Kept::Nothing => {}
        }
        let installed = self.system.iter().filter_map(|directory| at(directory));
        match installed.into_iter().find(|path| (self.fits)(path)) {
            Some(path) => found(path, Source::System),
            None => Err(damaged.map_or(LibraryError::NotInstalled, LibraryError::Damaged)),
        }
    }
}

/// The library that `place` is, or holds.
fn at(place: &Path) -> Option<PathBuf> {
    if place.is_file() {
        return Some(place.to_owned());
    }
    FILES
        .iter()
        .map(|file| place.join(file))
        .find(|path| path.is_file())
}

fn found(path: PathBuf, source: Source) -> Result<Found, LibraryError> {
    let bytes = path.metadata().map_err(LibraryError::io(&path))?.len();
    Ok(Found {
        path,
        source,
        bytes,
    })
}

/// Whether a library is the pinned version. Nothing but the library itself can tell.
fn fits(path: &Path) -> bool {
    Library::load(path).is_ok_and(|library| library.version() == ENGINE_VERSION)
}

/// Does blocking work on a thread that is meant for it.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
