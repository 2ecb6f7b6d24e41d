//! Fetching the library and putting it in its place.

use std::{path::PathBuf, sync::Arc};

use super::{
    Attempts, FetchError, Fetched, Found, LibraryError, Platform, archive,
    npm::Npm,
    pin::Pins,
    receipt::Receipt,
    release::{self, Release},
    search::blocking,
    store::{Kept, Store, StoreLock, WorkDirectory},
};
use crate::output::{Printer, Unit};

/// What is said while another process is at it.
pub(super) const WAITING: &str =
    "Another `telemetry` process is at work on the engine library; waiting for it";

/// Fetches the library and puts it in its place.
#[derive(Clone, Debug)]
pub(super) struct Installer {
    pub store: Store,
    pub pins: Pins,
    pub npm: Npm,
    pub release: Release,
    /// Whether one that is there, and looks right, is read whole to make sure.
    checks: bool,
}

impl Installer {
    pub(super) fn new(store: Store) -> Self {
        Self {
            pins: Pins::of(store.platform()),
            store,
            npm: Npm {
                program: "npm".into(),
            },
            release: Release {
                base_url: release::BASE_URL.to_owned(),
            },
            checks: false,
        }
    }

    /// Makes it read one that is there whole, to make sure.
    #[must_use]
    pub(super) const fn checking(mut self) -> Self {
        self.checks = true;
        self
    }

    /// The library, fetched unless it is there. Two at once fetch it once.
    pub(super) async fn install(&self, printer: &Printer) -> Result<Found, LibraryError> {
        // Whoever still works on what is kept when this is dropped goes on to hold the lock.
        let lock = Arc::new(self.store.lock(|| printer.status(WAITING)).await?);
        if let Some(found) = self.kept(&lock, printer).await? {
            return Ok(found);
        }
        let work = self.store.work_directory(&lock)?;
        let mut failed = Vec::new();
        for source in self.sources() {
            match self.fetch(source, &work, printer).await {
                Ok((library, unpacked)) => {
                    let (path, receipt) = self.store.keep(&work, &library, unpacked, source)?;
                    return Ok(Found {
                        path,
                        source: source.into(),
                        bytes: receipt.bytes,
                    });
                }
                Err(error) => {
                    let error = error.or_fatal()?;
                    printer.detail(&format!("No engine library from {}: {error}", name(source)));
                    failed.push((name(source), error));
                }
            }
        }
        Err(LibraryError::Fetch {
            platform: self.platform(),
            place: self.store.directory(),
            source: Box::new(Attempts::new(failed).expect("there are two sources")),
        })
    }

    fn platform(&self) -> Platform {
        self.store.platform()
    }

    /// Where it is fetched from, in order: what is pinned comes first.
    fn sources(&self) -> [Fetched; 2] {
        match self.pins.npm {
            Some(_) => [Fetched::Npm, Fetched::Github],
            None => [Fetched::Github, Fetched::Npm],
        }
    }

    /// What was fetched before, if it is good.
    async fn kept(
        &self,
        lock: &Arc<StoreLock>,
        printer: &Printer,
    ) -> Result<Option<Found>, LibraryError> {
        let (path, receipt) = match self.store.kept()? {
            Kept::Fetched(path, receipt) if !self.checks => return Ok(Some(kept(path, &receipt))),
            Kept::Fetched(path, receipt) | Kept::Changed(path, receipt) => (path, receipt),
            Kept::Nothing | Kept::PlacedByHand(_) => return Ok(None),
        };
        let progress = printer.progress("Checking the engine library", None, Unit::Bytes);
        let (store, lock) = (self.store.clone(), Arc::clone(lock));
        let checked = blocking(move || {
            let right = receipt
                .is_right(&store.directory())
                .map_err(LibraryError::io(&path))?;
            if right && !receipt.looks_right(&store.directory()) {
                store.refresh(&lock, &receipt)?;
            }
            Ok(right.then(|| kept(path, &receipt)))
        })
        .await;
        drop(progress);
        if let Ok(None) = &checked {
            printer.warn("the engine library is damaged; fetching it again");
        }
        checked
    }

    /// The library, unpacked into the directory for work.
    async fn fetch(
        &self,
        source: Fetched,
        work: &WorkDirectory,
        printer: &Printer,
    ) -> Result<(PathBuf, archive::Unpacked), FetchError> {
        let (archive, digest) = match source {
            Fetched::Npm => (
                self.npm
                    .fetch(self.platform(), work.path(), printer)
                    .await?,
                self.pins.npm.clone(),
            ),
            Fetched::Github => (
                self.release
                    .fetch(self.platform(), work.path(), printer)
                    .await?,
                Some(self.pins.release.clone()),
            ),
        };
        let library = work.path().join(self.platform().library_file());
        let progress = printer.progress("Unpacking the engine library", None, Unit::Bytes);
        let target = library.clone();
        let unpacked = blocking(move || {
            if let Some(digest) = digest {
                archive::verify(&archive, &digest)?;
            }
            archive::unpack(&archive, &target, &progress).inspect_err(|_| {
                // The next source writes it anew.
                let _ = std::fs::remove_file(&target);
            })
        });
        Ok((library, unpacked.await?))
    }
}

fn kept(path: PathBuf, receipt: &Receipt) -> Found {
    Found {
        path,
        source: receipt.source.into(),
        bytes: receipt.bytes,
    }
}

const fn name(source: Fetched) -> &'static str {
    match source {
        Fetched::Npm => "npm",
        Fetched::Github => "GitHub",
    }
}
