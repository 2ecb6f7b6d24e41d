//! Reading the log back, across its rotations, while it is being written.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Line, generation};

/// More generations than any limits keep. All are looked for, since a rotation that is under
/// way leaves a hole among them.
const MOST_GENERATIONS: u32 = 32;

/// Reads the log from its oldest line on; at its end it can be asked again for what was
/// written since.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    current: Option<File>,
    partial: Vec<u8>,
}

impl Follow {
    /// From the oldest line that is kept of the log at `path`.
    pub fn from_start(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            current: None,
            partial: Vec::new(),
        }
    }

    /// The lines written since the last call, oldest first; empty when there are none yet.
    pub fn read_new(&mut self) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        loop {
            // Which file comes next is settled before this one is read to its end: a line
            // that is written to it after that can only be its last.
            let next = self.next_file()?;
            if let Some(file) = &mut self.current {
                file.read_to_end(&mut self.partial)?;
                self.take_lines(&mut lines);
            }
            let Some(next) = next else {
                return Ok(lines);
            };
            self.current = Some(next);
        }
    }

    /// The file that follows the current one, once the log has been rotated past it.
    fn next_file(&self) -> io::Result<Option<File>> {
        let Some(current) = &self.current else {
            return self.oldest();
        };
        let identity = identity(current)?;
        let mut newer = None;
        for number in 0..MOST_GENERATIONS {
            let Some(file) = open(&generation(&self.path, number))? else {
                continue;
            };
            if self::identity(&file)? == identity {
                return Ok(newer);
            }
            newer = Some(file);
        }
        // Rotated out of existence: what is kept now is all newer.
        Ok(newer)
    }

    fn oldest(&self) -> io::Result<Option<File>> {
        let mut oldest = None;
        for number in 0..MOST_GENERATIONS {
            oldest = open(&generation(&self.path, number))?.or(oldest);
        }
        Ok(oldest)
    }

    fn take_lines(&mut self, lines: &mut Vec<Line>) {
        let Some(end) = self.partial.iter().rposition(|&byte| byte == b'\n') else {
            return;
        };
        let rest = self.partial.split_off(end + 1);
        let text = String::from_utf8_lossy(&self.partial);
        lines.extend(text.lines().map(Line::parse));
        self.partial = rest;
    }
}

/// Every line that is kept of the log at `path`, oldest first.
pub fn read_all(path: &Path) -> io::Result<Vec<Line>> {
    Follow::from_start(path).read_new()
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::supervisor::log::{Limits, RotatingLog, Source};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn line(message: &str) -> Line {
        Line::new(Timestamp::UNIX_EPOCH, Source::Server, message)
    }

    #[test]
    fn no_log_has_no_lines() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read_all(&directory.path().join("none.log")).unwrap(), []);
    }

    #[test]
    fn half_a_line_waits_for_its_other_half() {
        use std::io::Write as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("telemetry.log");
        let text = format!("{}\n", line("whole"));
        let mut file = File::create(&path).unwrap();
        let mut follow = Follow::from_start(&path);

        file.write_all(&text.as_bytes()[..10]).unwrap();
        assert_eq!(follow.read_new().unwrap(), []);
        file.write_all(&text.as_bytes()[10..]).unwrap();
        assert_eq!(follow.read_new().unwrap(), [line("whole")]);
    }

    proptest! {
        /// `true` writes a line, `false` reads what is new; the limits keep everything.
        #[test]
        fn following_sees_every_line_once_across_rotations(
            steps in proptest::collection::vec(any::<bool>(), 1..80),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("telemetry.log");
            let limits = Limits { file_bytes: 200, generations: 30 };
            let mut log = RotatingLog::open(&path, limits).unwrap();
            let mut follow = Follow::from_start(&path);
            let (mut written, mut read) = (Vec::new(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                if step {
                    let line = line(&format!("line {number}"));
                    log.write(&line).unwrap();
                    written.push(line);
                } else {
                    read.extend(follow.read_new().unwrap());
                }
            }
            read.extend(follow.read_new().unwrap());
            prop_assert_eq!(read, written);
        }
    }
}
