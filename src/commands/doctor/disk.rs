//! Room for data.

use std::path::Path;

use super::Patient;
use crate::{
    output::figures,
    stack::{Finding, Level, Room, Topic},
};

/// With less than this free, in bytes, ClickHouse soon cannot merge what it has stored.
const LITTLE: u64 = 3 << 30;

/// With less than this, nothing can be relied on.
const TOO_LITTLE: u64 = 512 << 20;

pub(super) fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let rooms = patient.examination.rooms.iter();
    let mut findings: Vec<_> = rooms.filter_map(|room| finding(patient, room)).collect();
    findings.extend(size(patient));
    findings
}

/// How much is free where data is kept; `None` if that cannot be told.
fn finding(patient: &Patient<'_>, room: &Room) -> Option<Finding> {
    let free = fs4::available_space(existing(&room.directory)?).ok()?;
    let subject = format!("`{}`, for {}", room.directory.display(), room.holds);
    let found = format!("{} free", figures::bytes(free));
    let finding = Finding::ok(Topic::Disk, subject, found);
    let level = level(free);
    if level == Level::Ok {
        return Some(finding);
    }
    let days = patient.context.settings.retention_days.value;
    let fix = format!(
        "free some; less is kept with `TELEMETRY_RETENTION_DAYS` below {days} and {}; {} deletes \
         all telemetry",
        patient.command("restart"),
        patient.command("reset")
    );
    Some(finding.at(level).mended_by(fix))
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

/// How much the stack has in its own directory.
fn size(patient: &Patient<'_>) -> Option<Finding> {
    let project = patient.context.settings.project();
    match project.exists() {
        Ok(true) => {
            let bytes = project.size_on_disk().ok()?;
            let subject = format!("`{}`", project.root().display());
            Some(Finding::ok(
                Topic::Disk,
                subject,
                format!("holds {}", figures::bytes(bytes)),
            ))
        }
        Ok(false) => None,
        Err(error) => Some(Finding::of_failure(Topic::Disk, "data directory", &error)),
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
