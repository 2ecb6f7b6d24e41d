//! `telemetry backup`: all telemetry in one archive.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::Serialize;

use super::interrupt::unless_interrupted;
use crate::{
    cli::BackupArgs,
    clickhouse::{
        DataTable,
        backup::{self, BackupError, DumpError, Manifest, Scratch, Steps},
    },
    context::Context,
    error::Result,
    output::{Output, Printer, Progress, Screen, Unit, figures},
};

#[derive(Serialize)]
struct Backup {
    file: PathBuf,
    bytes: u64,
    manifest: Manifest,
}

/// Writes the archive. Ctrl-C leaves neither a file nor a copy of the telemetry behind.
pub(super) async fn run(context: &Context, args: &BackupArgs) -> Result<()> {
    let path = match &args.file {
        Some(path) => path.clone(),
        None => default_path(context),
    };
    if !args.force && path.try_exists().unwrap_or(false) {
        return Err(BackupError::FileExists(path).into());
    }
    let scratch = unless_interrupted(async { Ok(Scratch::create(context.clickhouse()).await?) });
    let scratch = scratch.await?;
    let written = unless_interrupted(write(context, &scratch, &path, args.force)).await;
    tidy_up(context, scratch).await;
    context.printer.print(&written?)
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

fn default_path(context: &Context) -> PathBuf {
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let project = context.settings.project.value.as_str();
    format!("telemetry-{project}-{time}.tar").into()
}

async fn write(context: &Context, scratch: &Scratch, path: &Path, force: bool) -> Result<Backup> {
    let failed = |error| BackupError::Write(path.to_owned(), error);
    let beside = Beside::create(path).map_err(failed)?;
    let out = BufWriter::with_capacity(1 << 20, &beside.file);
    let steps = Bars::new(&context.printer, "Backing up");
    let (manifest, out) =
        backup::dump(scratch, out, &steps)
            .await
            .map_err(|error| match error {
                DumpError::ClickHouse(error) => error.into(),
                DumpError::Write(error) => failed(error),
            })?;
    drop(out);
    let bytes = beside.file.metadata().map_err(failed)?.len();
    beside
        .put_in_place(path, force)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::FileExists(path.to_owned()),
            _ => failed(error),
        })?;
    Ok(Backup {
        file: path.to_owned(),
        bytes,
        manifest,
    })
}

/// A file under another name, which goes away with this value unless it is put in its place.
struct Beside {
    file: File,
    path: Option<PathBuf>,
}

impl Beside {
    fn create(path: &Path) -> io::Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.part", std::process::id()));
        let beside = path.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        Ok(Self {
            file,
            path: Some(beside),
        })
    }

    fn put_in_place(mut self, path: &Path, force: bool) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(beside) = &self.path {
            if force {
                std::fs::rename(beside, path)?;
                self.path = None;
            } else {
                // Unlike a rename, a link never takes the place of another file.
                std::fs::hard_link(beside, path)?;
            }
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What is left is a stray file at worst.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A bar for each table.
pub(super) struct Bars<'p> {
    printer: &'p Printer,
    verb: &'static str,
    bar: Mutex<Option<Progress>>,
}

impl<'p> Bars<'p> {
    /// Bars of what is done to the tables, such as "Backing up".
    pub(super) const fn new(printer: &'p Printer, verb: &'static str) -> Self {
        Self {
            printer,
            verb,
            bar: Mutex::new(None),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Progress>) -> T) -> T {
        act(&mut self
            .bar
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Steps for Bars<'_> {
    fn table(&self, table: DataTable, rows: u64) {
        self.with(|bar| {
            // The last goes away before the next appears.
            drop(bar.take());
            let message = format!("{} {table}, {}", self.verb, figures::counted(rows, "row"));
            *bar = Some(self.printer.progress(&message, Some(rows), Unit::Items));
        });
    }

    fn rows(&self, done: u64) {
        self.with(|bar| bar.iter().for_each(|bar| bar.set(done)));
    }
}

impl Output for Backup {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        writeln!(
            screen,
            "{}: {}, {}",
            self.file.display(),
            figures::counted(self.manifest.rows(), "row"),
            figures::bytes(self.bytes)
        )
    }
}
