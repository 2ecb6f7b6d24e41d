//! The directory in which libraries are kept.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    LibraryError, Platform, VERSION,
    archive::Unpacked,
    receipt::{Fetched, Receipt, modified},
};

/// How often a lock is tried that another process has.
const RETRY: Duration = Duration::from_millis(50);

/// Directories of unfinished work are called this and something more.
const WORK: &str = ".fetch-";

/// Held by whoever changes what is kept.
const LOCK: &str = ".lock";

/// The directory in which libraries are kept, each in a directory of its own that is named after
/// its version and platform.
///
/// A library is put there complete and on disk, and after it its receipt. A library without a
/// receipt was put there by a person.
#[derive(Clone, Debug)]
pub(super) struct Store {
    root: PathBuf,
    platform: Platform,
}

/// What is kept for the pinned version.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing.
    Nothing,
    /// What was fetched, and by all cheap signs untouched.
    Fetched(PathBuf, Receipt),
    /// What was fetched, but its file has changed since, or seems to have.
    Changed(PathBuf, Receipt),
    /// A library that a person put there.
    PlacedByHand(PathBuf),
}

/// What was removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// The libraries' directories.
    pub directories: Vec<PathBuf>,
    /// Their size.
    pub bytes: u64,
}

/// The right to change what is kept; given up when dropped.
#[derive(Debug)]
pub(super) struct StoreLock {
    _file: File,
}

/// A directory for unfinished work, removed with this value.
#[derive(Debug)]
pub(super) struct WorkDirectory(PathBuf);

impl Store {
    pub(super) const fn new(root: PathBuf, platform: Platform) -> Self {
        Self { root, platform }
    }

    /// The store in the cache directory of whoever runs this process.
    pub(super) fn of_this_user(platform: Platform) -> Result<Self, LibraryError> {
        use etcetera::BaseStrategy as _;
        let strategy = etcetera::choose_base_strategy().map_err(|_| LibraryError::NoHome)?;
        let root = strategy.cache_dir().join("telemetry").join("engine");
        Ok(Self::new(root, platform))
    }

    pub(super) const fn platform(&self) -> Platform {
        self.platform
    }

    /// The directory of the pinned version.
    pub(super) fn directory(&self) -> PathBuf {
        self.root
            .join(format!("{VERSION}-{}", self.platform.name()))
    }

    /// What is kept for the pinned version.
    pub(super) fn kept(&self) -> Result<Kept, LibraryError> {
        let directory = self.directory();
        let path = directory.join(self.platform.library_file());
        let receipt = Receipt::read(&directory).map_err(LibraryError::io(&directory))?;
        Ok(match receipt {
            Some(receipt) if receipt.looks_right(&directory) => Kept::Fetched(path, receipt),
            Some(receipt) => Kept::Changed(path, receipt),
            None if path.is_file() => Kept::PlacedByHand(path),
            None => Kept::Nothing,
        })
    }

    /// Takes the right to change what is kept, waiting for whoever has it; `waits` is called
    /// once if there is somebody. Creates the directory if need be.
    pub(super) async fn lock(&self, waits: impl FnOnce()) -> Result<StoreLock, LibraryError> {
        fs::create_dir_all(&self.root).map_err(LibraryError::io(&self.root))?;
        let path = self.root.join(LOCK);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(LibraryError::io(&path))?;
        let mut waits = Some(waits);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(StoreLock { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(LibraryError::io(&path)(error)),
            }
            if let Some(waits) = waits.take() {
                waits();
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// A new directory for work that may be left unfinished. Whatever was left by others, who
    /// are gone, is removed.
    pub(super) fn work_directory(&self, _lock: &StoreLock) -> Result<WorkDirectory, LibraryError> {
        let in_root = LibraryError::io(&self.root);
        self.remove_stale_work().map_err(in_root)?;
        let path = self.root.join(format!("{WORK}{}", std::process::id()));
        fs::create_dir(&path).map_err(LibraryError::io(&path))?;
        Ok(WorkDirectory(path))
    }

    fn remove_stale_work(&self) -> io::Result<()> {
        for entry in self.root.read_dir()? {
            let entry = entry?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(WORK.as_bytes())
            {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// Keeps a library that lies complete and on disk in a directory for work.
    ///
    /// Its receipt goes last. Whoever looks in between sees a library whose receipt is missing
    /// or does not fit, and never takes half a library for a whole one.
    pub(super) fn keep(
        &self,
        work: &WorkDirectory,
        library: &Path,
        unpacked: Unpacked,
        source: Fetched,
    ) -> Result<(PathBuf, Receipt), LibraryError> {
        let metadata = library.metadata().map_err(LibraryError::io(library))?;
        let receipt = Receipt {
            version: VERSION.to_owned(),
            source,
            file: self.platform.library_file().to_owned(),
            bytes: unpacked.bytes,
            sha256: unpacked.sha256,
            modified: modified(&metadata),
        };
        let directory = self.directory();
        let in_directory = LibraryError::io(&directory);
        let path = directory.join(&receipt.file);
        let renamed = || {
            fs::create_dir_all(&directory)?;
            fs::rename(library, &path)?;
            self.write_receipt(work, &receipt)?;
            File::open(&self.root)?.sync_all()
        };
        renamed().map_err(in_directory)?;
        Ok((path, receipt))
    }

    /// Records that a library was read whole and found right, though its file looks changed: a
    /// copy does.
    pub(super) fn refresh(&self, lock: &StoreLock, receipt: &Receipt) -> Result<(), LibraryError> {
        let directory = self.directory();
        let path = directory.join(&receipt.file);
        let metadata = path.metadata().map_err(LibraryError::io(&path))?;
        let receipt = Receipt {
            modified: modified(&metadata),
            ..receipt.clone()
        };
        let work = self.work_directory(lock)?;
        self.write_receipt(&work, &receipt)
            .map_err(LibraryError::io(&directory))
    }

    fn write_receipt(&self, work: &WorkDirectory, receipt: &Receipt) -> io::Result<()> {
        let new = Receipt::path(work.path());
        fs::write(&new, serde_json::to_vec_pretty(receipt)?)?;
        File::open(&new)?.sync_all()?;
        let directory = self.directory();
        fs::rename(new, Receipt::path(&directory))?;
        File::open(directory)?.sync_all()
    }

    /// Removes every library that was fetched, of whatever version, and unfinished work.
    pub(super) fn remove(&self, _lock: &StoreLock) -> Result<Removed, LibraryError> {
        let mut removed = Removed::default();
        let in_root = LibraryError::io(&self.root);
        let remove = |removed: &mut Removed| -> io::Result<()> {
            self.remove_stale_work()?;
            for entry in self.root.read_dir()? {
                let directory = entry?.path();
                let Ok(Some(receipt)) = Receipt::read(&directory) else {
                    continue;
                };
                let library = directory.join(&receipt.file);
                removed.bytes += library.metadata().map_or(0, |file| file.len());
                // The receipt goes last: what is half removed is still known as fetched.
                match fs::remove_file(&library) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => fs::remove_file(Receipt::path(&directory))?,
                }
                // What a person has put beside it stays, and the directory with it.
                let _ = fs::remove_dir(&directory);
                removed.directories.push(directory);
            }
            Ok(())
        };
        remove(&mut removed).map_err(in_root)?;
        Ok(removed)
    }
}

impl WorkDirectory {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkDirectory {
    fn drop(&mut self) {
        // Should it stay, the next one to work here removes it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
