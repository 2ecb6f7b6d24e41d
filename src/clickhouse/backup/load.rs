//! Restoring an archive.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    super::{Client, Column, DataTable},
    BackupError, Scratch, Step, Steps, archive,
    manifest::{Manifest, TableManifest},
    schema::{self, Versions, column_list},
    steps::{Meter, share},
};

/// How much of the data is handed on at a time, in bytes; a few such are in memory.
const CHUNK: usize = 1 << 20;

/// A file that may be an archive.
#[derive(Debug)]
pub struct ArchiveFile {
    path: PathBuf,
    file: File,
}

/// An archive in which every byte is as it was written.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    manifest: Manifest,
}

impl ArchiveFile {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(|error| BackupError::Read(path.to_owned(), error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// At its first flaw.
    pub async fn check(self, steps: &impl Steps) -> Result<Archive, BackupError> {
        let Self { path, file } = self;
        steps.begin(Step::Check);
        let unreadable = |error| BackupError::Read(path.clone(), error);
        steps.total(file.metadata().map_err(unreadable)?.len());
        let meter = Meter::default();
        let reader = Metered {
            inner: io::BufReader::with_capacity(CHUNK, file.try_clone().map_err(unreadable)?),
            meter: meter.clone(),
        };
        let checking = tokio::task::spawn_blocking(|| archive::check(reader));
        let checked = meter.watch(checking, |bytes| steps.done(bytes)).await;
        match checked.map_err(io::Error::other).map_err(unreadable)? {
            Ok(manifest) => Ok(Archive {
                path,
                file,
                manifest,
            }),
            Err(flaw) => Err(BackupError::InvalidArchive { path, flaw }),
        }
    }
}

/// Counts what is read.
struct Metered<R> {
    inner: R,
    meter: Meter,
}

impl<R: io::Read> io::Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.meter.count(read);
        Ok(read)
    }
}

impl Archive {
    /// What it says of itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Makes sure that a database knows all that is in it.
    ///
    /// # Errors
    ///
    /// When something would be lost.
    pub async fn fits(&self, client: &Client) -> Result<(), BackupError> {
        let known = Versions::of(client).await?.schema_version;
        if self.manifest.schema_version > known {
            return Err(BackupError::NewerSchema {
                path: self.path.clone(),
                found: self.manifest.schema_version,
                known,
                telemetry_version: self.manifest.telemetry_version.clone(),
            });
        }
        for table in &self.manifest.tables {
            let known = schema::columns(client.query(schema::COLUMNS), table.name).await?;
            let is_known = |column: &&Column| known.iter().any(|known| known.name == column.name);
            if let Some(column) = table.columns.iter().find(|column| !is_known(column)) {
                return Err(BackupError::UnknownColumn {
                    table: table.name,
                    column: column.name.clone(),
                    telemetry_version: self.manifest.telemetry_version.clone(),
                });
            }
        }
        Ok(())
    }

    /// Puts everything into `scratch` and makes sure that it is what was backed up. Gives the
    /// number of rows that are so old that they would go away soon.
    ///
    /// # Errors
    ///
    /// When it is not, or cannot be put there. No telemetry was touched.
    pub async fn stage(&self, scratch: &Scratch, steps: &impl Steps) -> Result<u64, BackupError> {
        // Those that the archive does not know of stay empty.
        for table in DataTable::ALL {
            scratch.stage(table).await?;
        }
        let mut expired = 0;
        for table in &self.manifest.tables {
            steps.begin(Step::Table(table.name));
            steps.total(table.contents.rows);
            if table.contents.rows > 0 {
                self.insert(scratch, table, steps).await?;
            }
            let found = scratch.contents(table.name, &table.columns).await?;
            if found != table.contents {
                return Err(BackupError::Verification {
                    table: table.name,
                    expected: table.contents,
                    found,
                });
            }
            expired += scratch.expired_rows(table.name).await?;
            steps.done(table.contents.rows);
        }
        Ok(expired)
    }

    async fn insert(
        &self,
        scratch: &Scratch,
        table: &TableManifest,
        steps: &impl Steps,
    ) -> Result<(), BackupError> {
        let sql = format!(
            "INSERT INTO {} ({}) FORMAT Native",
            table.name,
            column_list(&table.columns)
        );
        let meter = Meter::default();
        let data = self
            .data(table, meter.clone())
            .map_err(|error| BackupError::Read(self.path.clone(), error))?;
        let inserting = scratch
            .query(sql)
            .setting("async_insert", 0)
            .setting("deduplicate_insert", "disable")
            .setting("max_partitions_per_insert_block", 0)
            // Rows are gathered into parts of this size. Those from 10 MiB on would have a file for
            // each column, and writing these takes a buffer each: half a gigabyte.
            .setting("min_insert_block_size_bytes", 8 << 20)
            .insert(data);
        let tell = |bytes| steps.done(share(table.contents.rows, bytes, table.bytes));
        meter.watch(inserting, tell).await?;
        Ok(())
    }

    /// A table's data in the Native format. A thread reads and decompresses it, no faster than
    /// it is taken.
    fn data(
        &self,
        table: &TableManifest,
        meter: Meter,
    ) -> io::Result<ReceiverStream<io::Result<Bytes>>> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        let members = table.members.clone();
        let (sender, receiver) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || {
            let pieces = archive::contents(io::BufReader::with_capacity(CHUNK, file), &members);
            let mut decoder = match zstd::stream::read::Decoder::new(pieces) {
                Ok(decoder) => decoder,
                Err(error) => return drop(sender.blocking_send(Err(error))),
            };
            loop {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read = decoder.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
                let item = match read {
                    Ok(0) => return,
                    Ok(length) => {
                        meter.count(length);
                        Ok(Bytes::from(chunk))
                    }
                    Err(error) => Err(error),
                };
                // Nobody takes it any more when the insert has failed.
                if item.is_err() | sender.blocking_send(item).is_err() {
                    return;
                }
            }
        });
        Ok(ReceiverStream::new(receiver))
    }
}

/// Puts what was staged in the place of all the telemetry there is: table by table, each in one
/// step, and what was there is put back when one cannot be exchanged.
///
/// # Errors
///
/// When a table could not be put in place, or ClickHouse went away.
pub async fn replace(scratch: &Scratch) -> Result<(), BackupError> {
    for (index, table) in DataTable::ALL.into_iter().enumerate() {
        let Err(source) = scratch.exchange(table).await else {
            continue;
        };
        let (done, left) = DataTable::ALL.split_at(index);
        // Of a server that does not answer, nobody knows what it did last.
        let refused = source.exception().is_some();
        let mut undone = refused;
        for &table in done.iter().rev().take_while(|_| refused) {
            undone &= scratch.exchange(table).await.is_ok();
        }
        return Err(if undone {
            source.into()
        } else {
            BackupError::half_done(done, left, source)
        });
    }
    Ok(())
}

/// Puts what was staged beside what little has arrived since it was found that there was nothing.
///
/// # Errors
///
/// When a table could not be put in place.
pub async fn add(scratch: &Scratch) -> Result<(), BackupError> {
    for (index, table) in DataTable::ALL.into_iter().enumerate() {
        scratch.add(table).await.map_err(|source| {
            let (done, left) = DataTable::ALL.split_at(index);
            BackupError::half_done(done, left, source)
        })?;
    }
    Ok(())
}
