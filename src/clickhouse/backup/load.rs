//! Restoring an archive.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
    path::Path,
};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    super::{Client, DataTable},
    BackupError, Scratch, Steps,
    archive::{self, Flaw},
    manifest::{Manifest, TableManifest},
    scratch::column_list,
};

/// How much of the data is handed on at a time, in bytes; a few such are in memory.
const CHUNK: usize = 1 << 20;

/// An archive in which every byte is as it was written.
#[derive(Debug)]
pub struct Archive {
    file: File,
    manifest: Manifest,
}

impl Archive {
    /// Opens an archive and reads all of it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, and at its first flaw.
    pub async fn open(path: &Path) -> Result<Self, BackupError> {
        let unreadable = |error| BackupError::Read(path.to_owned(), error);
        let file = File::open(path).map_err(unreadable)?;
        let reader = file.try_clone().map_err(unreadable)?;
        let check = || archive::check(io::BufReader::with_capacity(CHUNK, reader));
        let checked = tokio::task::spawn_blocking(check).await;
        let manifest = checked.map_err(io::Error::other).map_err(unreadable)?;
        let manifest = manifest.map_err(|flaw| BackupError::InvalidArchive {
            path: path.to_owned(),
            flaw,
        })?;
        Ok(Self { file, manifest })
    }

    /// What it says of itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Puts everything into `scratch` and makes sure that it is what was backed up.
    ///
    /// # Errors
    ///
    /// When it is not, or cannot be put there. No telemetry was touched.
    pub async fn stage(&self, scratch: &Scratch, steps: &impl Steps) -> Result<(), BackupError> {
        for table in &self.manifest.tables {
            scratch.stage(table.name).await?;
            let known = scratch.columns(table.name).await?;
            let is_known = |name: &str| known.iter().any(|column| column.name == name);
            if let Some(column) = table.columns.iter().find(|column| !is_known(&column.name)) {
                return Err(BackupError::UnknownColumn {
                    table: table.name,
                    column: column.name.clone(),
                    telemetry_version: self.manifest.telemetry_version.clone(),
                });
            }
        }
        for table in &self.manifest.tables {
            steps.table(table.name, table.contents.rows);
            if table.contents.rows > 0 {
                self.insert(scratch, table).await?;
            }
            let found = scratch.contents(table.name, &table.columns).await?;
            if found != table.contents {
                return Err(BackupError::Verification {
                    table: table.name,
                    expected: table.contents,
                    found,
                });
            }
            steps.rows(table.contents.rows);
        }
        Ok(())
    }

    async fn insert(&self, scratch: &Scratch, table: &TableManifest) -> Result<(), BackupError> {
        let sql = format!(
            "INSERT INTO {} ({}) FORMAT Native",
            table.name,
            column_list(&table.columns)
        );
        let data = self
            .data(table)
            .map_err(|error| BackupError::InvalidArchive {
                path: Path::new("archive").to_owned(),
                flaw: Flaw::Unreadable(error),
            })?;
        scratch
            .query(sql)
            .setting("async_insert", 0)
            .setting("insert_deduplicate", 0)
            .setting("max_partitions_per_insert_block", 0)
            // Rows are gathered into parts of this size, which are held in memory.
            .setting("min_insert_block_size_bytes", 64 << 20)
            .setting("max_execution_time", 0)
            .insert(data)
            .await?;
        Ok(())
    }

    /// A table's data in the Native format. A thread reads and decompresses it, no faster than
    /// it is taken.
    fn data(&self, table: &TableManifest) -> io::Result<ReceiverStream<io::Result<Bytes>>> {
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
                    Ok(_) => Ok(Bytes::from(chunk)),
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

/// Puts what was staged in the place of the telemetry, or beside what little has arrived since it
/// was found that there was none.
///
/// # Errors
///
/// When a table could not be put in place; the error says which are.
pub async fn publish(
    client: &Client,
    scratch: &Scratch,
    manifest: &Manifest,
    replace: bool,
) -> Result<(), BackupError> {
    for (index, table) in manifest.tables.iter().enumerate() {
        let placed = async {
            if replace {
                table.name.empty(client).await?;
            }
            scratch.publish(table.name).await
        };
        placed.await.map_err(|source| {
            let names = |tables: &[TableManifest]| {
                let names: Vec<_> = tables.iter().map(|table| table.name.name()).collect();
                names.join(", ")
            };
            let (done, left) = manifest.tables.split_at(index);
            BackupError::HalfDone {
                restored: match done {
                    [] => "no table is restored".to_owned(),
                    done => format!("restored are {}", names(done)),
                },
                missing: format!("not restored are {}", names(left)),
                source,
            }
        })?;
    }
    if replace {
        // What the archive does not know of is not to be kept either.
        for table in DataTable::ALL {
            if manifest.tables.iter().all(|known| known.name != table) {
                table.empty(client).await?;
            }
        }
    }
    Ok(())
}
