//! The stack's log: a line format, a file that rotates, and reading it back.

mod follow;
mod line;
mod rotating;

pub use follow::{Follow, read_all};
pub use line::{Line, Source};
pub use rotating::{Limits, RotatingLog};

use std::path::{Path, PathBuf};

/// The file of generation `number` of the log at `path`; 0 is the one being written.
fn generation(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}
