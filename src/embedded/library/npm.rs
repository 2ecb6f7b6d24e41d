//! The npm registry as a source: `npm pack`, with the person's own npm and its configuration
//! (registry, proxy, certificates).

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{io::AsyncReadExt as _, process::Command};

use super::{FetchError, Platform, VERSION};
use crate::output::{Printer, Unit};

/// About how large the archive is; npm does not tell.
const ABOUT_BYTES: u64 = 178_000_000;

/// How often the progress is looked at.
const GLANCE: Duration = Duration::from_millis(250);

/// How many of the last lines that npm writes are shown when it fails.
const SHOWN_LINES: usize = 12;

/// The npm registry, through a program.
#[derive(Clone, Debug)]
pub(super) struct Npm {
    pub program: OsString,
}

impl Npm {
    /// Downloads the package into `directory`, and tells where its archive is.
    pub(super) async fn fetch(
        &self,
        platform: Platform,
        directory: &Path,
        printer: &Printer,
    ) -> Result<PathBuf, FetchError> {
        let package = format!("@chdb/lib-{}@{VERSION}", platform.name());
        let packed = directory.join("npm");
        fs::create_dir(&packed).map_err(FetchError::local(&packed))?;
        let mut command = Command::new(&self.program);
        command
            .args(["pack", &package, "--ignore-scripts", "--loglevel=error"])
            .arg("--no-update-notifier")
            .arg("--pack-destination")
            .arg(&packed)
            // With a cache of its own, its progress can be seen, and it leaves nothing behind.
            .arg("--cache")
            .arg(directory.join("npm-cache"))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FetchError::NoNpm,
            _ => FetchError::NpmUnusable(error),
        })?;
        let _group = Group::of(&child);
        let mut stderr = child.stderr.take().expect("it is piped");
        let finished = async {
            let mut text = Vec::new();
            let (read, status) = tokio::join!(stderr.read_to_end(&mut text), child.wait());
            read.and(status).map(|status| (status, text))
        };

        let message = format!("Downloading the engine library from npm (`{package}`, 178 MB)");
        let progress = printer.progress(&message, Some(ABOUT_BYTES), Unit::Bytes);
        let watched = async {
            loop {
                tokio::time::sleep(GLANCE).await;
                progress.set(largest_file(directory).min(ABOUT_BYTES));
            }
        };
        let (status, stderr) = tokio::select! {
            finished = finished => finished.map_err(FetchError::NpmUnusable)?,
            () = watched => unreachable!("it is watched for as long as it takes"),
        };
        if !status.success() {
            return Err(FetchError::NpmFailed {
                status,
                stderr: last_lines(&stderr),
            });
        }
        archive_in(&packed)
            .map_err(FetchError::local(&packed))?
            .ok_or(FetchError::NpmNoArchive)
    }
}

/// A process group that ends with this value: `npm` may be a script that runs another.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| id.try_into().ok());
        Self(id.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // There is nobody left in it, as a rule.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn archive_in(directory: &Path) -> io::Result<Option<PathBuf>> {
    for entry in directory.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The size of the largest file below `directory`: first the one in npm's cache that grows,
/// then the archive.
fn largest_file(directory: &Path) -> u64 {
    let Ok(entries) = directory.read_dir() else {
        return 0;
    };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => largest_file(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).max().unwrap_or(0)
}

fn last_lines(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
