//! `telemetry backup`: all telemetry in one archive.

mod bars;
mod new_file;

use std::{
    io::{self, BufWriter, Write as _},
    path::Path,
};

use jiff::Timestamp;
use serde::Serialize;

pub(super) use self::bars::Bars;
use self::new_file::NewFile;
use super::interrupt::unless_interrupted;
use crate::{
    cli::BackupArgs,
    clickhouse::{
        DataTable,
        backup::{self, BackupError, DumpError, Manifest, Scratch, TableManifest},
    },
    context::Context,
    error::Result,
    output::{Output, Screen, figures},
};

#[derive(Serialize)]
struct Backup {
    file: String,
    bytes: u64,
    created_at: Timestamp,
    schema_version: u32,
    tables: Vec<ArchivedTable>,
}

/// What an archive has of a table.
#[derive(Serialize)]
pub(super) struct ArchivedTable {
    pub(super) table: DataTable,
    pub(super) rows: u64,
    /// The same for the same rows, whatever their order.
    checksum: String,
}

impl From<&TableManifest> for ArchivedTable {
    fn from(table: &TableManifest) -> Self {
        Self {
            table: table.name,
            rows: table.contents.rows,
            checksum: format!("{:016x}", table.contents.checksum),
        }
    }
}

/// Writes the archive. Ctrl-C leaves neither a file nor a copy of the telemetry behind.
pub(super) async fn run(context: &Context, args: &BackupArgs) -> Result<()> {
    let path = match &args.file {
        Some(path) if path.is_dir() => path.join(default_name(context)),
        Some(path) => path.clone(),
        None => default_name(context).into(),
    };
    if !args.force && path.try_exists().unwrap_or(false) {
        return Err(BackupError::FileExists(path).into());
    }
    let scratch = Scratch::new(context.clickhouse());
    let written = unless_interrupted(write(context, &scratch, &path)).await;
    tidy_up(context, scratch).await;
    let (manifest, file) = written?;
    let bytes = file
        .put_in_place(args.force)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::FileExists(path.clone()),
            _ => BackupError::Write(path.clone(), error),
        })?;
    context.printer.print(&Backup {
        file: path.display().to_string(),
        bytes,
        created_at: manifest.created_at,
        schema_version: manifest.schema_version,
        tables: manifest.tables.iter().map(ArchivedTable::from).collect(),
    })
}

/// Removes what a backup or restore has in the database. Another Ctrl-C does without.
pub(super) async fn tidy_up(context: &Context, scratch: Scratch) {
    let removed = unless_interrupted(async { Ok(scratch.remove().await?) });
    if let Err(error) = removed.await {
        context.printer.warn(format!(
            "a temporary database is left over, which a later backup or `telemetry reset` removes: {error}"
        ));
    }
}

fn default_name(context: &Context) -> String {
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let project = context.settings.project.value.as_str();
    format!("telemetry-{project}-{time}.tar")
}

async fn write(context: &Context, scratch: &Scratch, path: &Path) -> Result<(Manifest, NewFile)> {
    let failed = |error| BackupError::Write(path.to_owned(), error);
    let file = NewFile::create(path).map_err(failed)?;
    scratch.create().await?;
    let out = BufWriter::with_capacity(1 << 20, &file);
    let bars = Bars::new(&context.printer, "Backing up");
    let dumped = backup::dump(scratch, out, &bars).await;
    let (manifest, _) = dumped.map_err(|error| match error {
        DumpError::ClickHouse(error) => error.into(),
        DumpError::Write(error) => failed(error),
    })?;
    Ok((manifest, file))
}

impl Output for Backup {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        for ArchivedTable { table, rows, .. } in &self.tables {
            writeln!(screen, "{table}: {}", figures::counted(*rows, "row"))?;
        }
        writeln!(screen, "{}: {}", self.file, figures::bytes(self.bytes))
    }
}
