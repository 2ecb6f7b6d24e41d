//! A log file that cannot fill the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Line, generation};

/// How much log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The size, in bytes, at which a file is put aside and a new one begun.
    pub file_bytes: u64,
    /// How many files put aside are kept.
    pub generations: u32,
}

impl Default for Limits {
    /// Four files of ten mebibytes in all.
    fn default() -> Self {
        Self {
            file_bytes: 10 * 1024 * 1024,
            generations: 3,
        }
    }
}

/// Writes lines to `path`; older ones are in `path.1`, `path.2`, …
#[derive(Debug)]
pub struct RotatingLog {
    path: PathBuf,
    limits: Limits,
    file: File,
    size: u64,
}

impl RotatingLog {
    /// Continues the log at `path`.
    pub fn open(path: &Path, limits: Limits) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            limits,
            file,
            size,
        })
    }

    /// Writes one line, to a new file if it would not fit this one; says whether it was one.
    pub fn write(&mut self, line: &Line) -> io::Result<bool> {
        // One write per line: a reader never sees half of one, and nothing is lost in a buffer.
        let text = format!("{line}\n");
        let length = text.len() as u64;
        let rotates = self.size > 0 && self.size + length > self.limits.file_bytes;
        if rotates {
            self.rotate()?;
        }
        self.file.write_all(text.as_bytes())?;
        self.size += length;
        Ok(rotates)
    }

    /// The file being written: what the supervisor's own standard error should be.
    pub fn file(&self) -> &File {
        &self.file
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (0..self.limits.generations).rev() {
            let from = generation(&self.path, number);
            match std::fs::rename(from, generation(&self.path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.limits.generations == 0 {
            std::fs::remove_file(&self.path)?;
        }
        *self = Self::open(&self.path, self.limits)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::supervisor::log::{Source, read_all};
    use jiff::Timestamp;
    use proptest::prelude::*;

    const SMALL: Limits = Limits {
        file_bytes: 200,
        generations: 2,
    };

    fn line(message: &str) -> Line {
        Line::new(Timestamp::UNIX_EPOCH, Source::Server, message)
    }

    #[test]
    fn a_log_that_exists_is_continued() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("telemetry.log");
        for message in ["one", "two"] {
            let mut log = RotatingLog::open(&path, SMALL).unwrap();
            log.write(&line(message)).unwrap();
        }
        assert_eq!(read_all(&path).unwrap(), [line("one"), line("two")]);
    }

    proptest! {
        #[test]
        fn the_newest_lines_are_kept_in_order_within_the_limits(
            messages in proptest::collection::vec("[a-z]{1,100}", 1..60),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("telemetry.log");
            let mut log = RotatingLog::open(&path, SMALL).unwrap();
            let lines: Vec<_> = messages.iter().map(|message| line(message)).collect();
            for line in &lines {
                log.write(line).unwrap();
            }

            let kept = read_all(&path).unwrap();
            prop_assert!(!kept.is_empty());
            prop_assert!(lines.ends_with(&kept));
            let files: Vec<_> = directory.path().read_dir().unwrap().collect();
            prop_assert!(files.len() <= 3);
            for file in files {
                prop_assert!(file.unwrap().metadata().unwrap().len() <= SMALL.file_bytes);
            }
        }
    }
}
