//! Room for data.

use std::fmt::Write as _;
use std::path::Path;

use rustix::fs::{Access, access};
use serde::Deserialize;

use super::Patient;
use crate::{
    output::figures,
    stack::{Finding, Level, Room, Topic},
};

/// With less than this free, in bytes, ClickHouse soon cannot merge what it has stored.
const LITTLE: u64 = 3 << 30;

/// With less than this, nothing can be relied on.
const TOO_LITTLE: u64 = 512 << 20;

/// How much ClickHouse keeps for the stack, and what it has left for more.
const STORED: &str = "\
SELECT
    (SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'telemetry') AS stored,
    (SELECT min(free_space) FROM system.disks) AS free";

#[derive(Deserialize)]
struct Stored {
    stored: u64,
    free: u64,
}

pub(super) async fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let rooms = patient.examination.rooms.iter();
    let mut findings: Vec<_> = rooms.filter_map(|room| finding(patient, room)).collect();
    findings.extend(directory(patient));
    if patient.runs()
        && let Some(stored) = patient.ask(patient.clickhouse().query(STORED)).await
    {
        findings.push(telemetry(patient, &stored));
    }
    findings
}

/// How much is free where data is kept; `None` if that cannot be told.
fn finding(patient: &Patient<'_>, room: &Room) -> Option<Finding> {
    let free = fs4::available_space(existing(&room.directory)?).ok()?;
    let subject = format!("`{}`, for {}", room.directory.display(), room.holds);
    let found = format!("{} free", figures::bytes(free));
    Some(judged(
        patient,
        Finding::ok(Topic::Disk, subject, found),
        free,
    ))
}

/// How much telemetry there is. Where nobody else knows how much is free, as in a virtual machine,
/// ClickHouse does.
fn telemetry(patient: &Patient<'_>, Stored { stored, free }: &Stored) -> Finding {
    let mut found = format!("{} stored", figures::bytes(*stored));
    if !patient.examination.rooms.is_empty() {
        return Finding::ok(Topic::Disk, "telemetry", found);
    }
    let _ = write!(found, ", {} free for more", figures::bytes(*free));
    judged(patient, Finding::ok(Topic::Disk, "telemetry", found), *free)
}

/// A finding at the level that so many free bytes have, with what makes more of them.
fn judged(patient: &Patient<'_>, finding: Finding, free: u64) -> Finding {
    let level = level(free);
    if level == Level::Ok {
        return finding;
    }
    let days = patient.context.settings.retention_days.value;
    finding.at(level).mended_by(format!(
        "free some; less is kept with `TELEMETRY_RETENTION_DAYS` below {days} and {}; {} deletes \
         all telemetry",
        patient.command("restart"),
        patient.command("reset")
    ))
}

fn level(free: u64) -> Level {
    match free {
        ..TOO_LITTLE => Level::Problem,
        TOO_LITTLE..LITTLE => Level::Note,
        LITTLE.. => Level::Ok,
    }
}

/// The directory, or the nearest one above it that is there.
fn existing(directory: &Path) -> Option<&Path> {
    directory.ancestors().find(|directory| directory.is_dir())
}

/// The stack's own directory: whether it is or can be made, and how much is in it.
fn directory(patient: &Patient<'_>) -> Option<Finding> {
    let project = patient.context.settings.project();
    let root = project.root();
    let subject = format!("`{}`", root.display());
    match project.exists() {
        Ok(true) => {
            let bytes = project.size_on_disk().ok()?;
            let found = format!("holds {}", figures::bytes(bytes));
            Some(Finding::ok(Topic::Disk, subject, found))
        }
        Ok(false) => {
            let writable = access(existing(root)?, Access::WRITE_OK | Access::EXEC_OK);
            let error = std::io::Error::from(writable.err()?);
            let found = format!("cannot be made: {error}");
            Some(
                Finding::problem(Topic::Disk, subject, found)
                    .mended_by("set `TELEMETRY_DATA_DIR` to a directory that you may write to"),
            )
        }
        Err(error) => {
            let finding = Finding::of_failure(Topic::Disk, "data directory", &error);
            Some(match finding.fix {
                Some(_) => finding,
                None => finding.mended_by("set `TELEMETRY_DATA_DIR` to another directory"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_yet_is_judged_by_the_one_above_it() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("a/b");
        assert_eq!(existing(&inner), Some(directory.path()));
    }

    #[test]
    fn the_less_is_free_the_worse() {
        assert_eq!(level(100 << 20), Level::Problem);
        assert_eq!(level(1 << 30), Level::Note);
        assert_eq!(level(100 << 30), Level::Ok);
    }
}
