//! Writing an archive.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    super::{ClickHouseError, DataTable},
    Scratch, Step, Steps,
    archive::ArchiveWriter,
    manifest::{FORMAT_VERSION, Manifest, Member, TableManifest},
    schema::{Versions, column_list},
    steps::share,
};

/// How much of a table's data goes into one member, in bytes before compression. Two such pieces
/// are in memory at a time, one that comes in and one that is compressed.
const PIECE: usize = 16 << 20;

/// Zstandard's own default.
const LEVEL: i32 = 3;

/// Why an archive could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// ClickHouse did not do its part.
    #[error(transparent)]
    ClickHouse(#[from] ClickHouseError),
    /// The archive could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Writes every data table to `out`.
///
/// # Errors
///
/// When ClickHouse fails or `out` does; what was written is of no use then.
pub async fn dump<W: Write>(
    scratch: &Scratch,
    out: W,
    steps: &impl Steps,
) -> Result<(Manifest, W), DumpError> {
    // All at once first, so that they are of the same moment.
    for table in DataTable::ALL {
        scratch.snapshot(table).await?;
    }
    let created_at = Timestamp::now();
    let versions = Versions::of(scratch.client()).await?;
    let time = u64::try_from(created_at.as_second()).unwrap_or(0);
    let mut archive = ArchiveWriter::new(out, time);
    let mut tables = Vec::new();
    for table in DataTable::ALL {
        tables.push(dump_table(scratch, table, &mut archive, steps).await?);
    }
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        telemetry_version: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version: versions.schema_version,
        clickhouse_version: versions.clickhouse_version,
        created_at: Timestamp::from_second(created_at.as_second()).unwrap_or(created_at),
        tables,
    };
    let out = archive.finish(&manifest)?;
    Ok((manifest, out))
}

async fn dump_table<W: Write>(
    scratch: &Scratch,
    table: DataTable,
    archive: &mut ArchiveWriter<W>,
    steps: &impl Steps,
) -> Result<TableManifest, DumpError> {
    steps.begin(Step::Table(table));
    let columns = scratch.columns(table).await?;
    let contents = scratch.contents(table, &columns).await?;
    steps.total(contents.rows);
    let expected_bytes = uncompressed_bytes(scratch, table).await?;
    let mut members = Members {
        table,
        archive,
        written: Vec::new(),
        compressing: None,
    };
    let sql = format!("SELECT {} FROM {table}", column_list(&columns));
    let mut answer = scratch
        .query(sql)
        // One thread reads day by day, so that a block of the archive is of few partitions, and
        // wide rows make small blocks: a restore has to hold a block and a part for each.
        .setting("max_threads", 1)
        .setting("max_block_size", 16_384)
        .setting("preferred_block_size_bytes", 4 << 20)
        .setting("max_result_rows", 0)
        .setting("max_result_bytes", 0)
        .answer("Native")
        .await?;
    let mut bytes = 0;
    let mut piece = Vec::with_capacity(PIECE);
    while let Some(chunk) = answer.chunk().await? {
        bytes += chunk.len() as u64;
        piece.extend_from_slice(&chunk);
        if piece.len() >= PIECE {
            let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
            members.add(full).await?;
        }
        steps.done(share(contents.rows, bytes, expected_bytes));
    }
    if !piece.is_empty() {
        members.add(piece).await?;
    }
    members.settle().await?;
    steps.done(contents.rows);
    Ok(TableManifest {
        name: table,
        columns,
        contents,
        bytes,
        members: members.written,
    })
}

async fn uncompressed_bytes(scratch: &Scratch, table: DataTable) -> Result<u64, ClickHouseError> {
    #[derive(Deserialize)]
    struct Row {
        bytes: u64,
    }
    let sql = "\
SELECT sum(data_uncompressed_bytes) AS bytes
FROM system.parts
WHERE database = currentDatabase() AND table = {table:String} AND active";
    let row: Row = scratch.query(sql).param("table", table).row().await?;
    Ok(row.bytes)
}

/// The members of one table, of which the last is still being compressed.
struct Members<'a, W> {
    table: DataTable,
    archive: &'a mut ArchiveWriter<W>,
    written: Vec<Member>,
    compressing: Option<tokio::task::JoinHandle<io::Result<Vec<u8>>>>,
}

impl<W: Write> Members<'_, W> {
    async fn add(&mut self, piece: Vec<u8>) -> io::Result<()> {
        self.settle().await?;
        let compress = move || zstd::bulk::compress(&piece, LEVEL);
        self.compressing = Some(tokio::task::spawn_blocking(compress));
        Ok(())
    }

    /// Writes what was being compressed.
    async fn settle(&mut self) -> io::Result<()> {
        let Some(compressing) = self.compressing.take() else {
            return Ok(());
        };
        let compressed = compressing.await.map_err(io::Error::other)??;
        let path = format!("{}/{:06}.native.zst", self.table, self.written.len());
        let member = self.archive.add(&path, &compressed)?;
        self.written.push(member);
        Ok(())
    }
}
