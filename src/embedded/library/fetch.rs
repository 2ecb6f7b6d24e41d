//! Getting an archive that holds the library.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use super::{LibraryError, pin::Digest};

/// Why an archive, or the library in it, could not be had from one source.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The program `npm` is not there.
    #[error("`npm` is not installed")]
    NoNpm,
    /// The program `npm` could not be run.
    #[error("`npm` cannot be run")]
    NpmUnusable(#[source] io::Error),
    /// It failed.
    #[error("`npm pack` ended with {status}{}", indented(stderr))]
    NpmFailed {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// It succeeded, but left no archive.
    #[error("`npm pack` left no archive")]
    NpmNoArchive,
    /// The server could not be reached, or went away.
    #[error("{url}")]
    Http {
        /// What was asked for.
        url: String,
        /// What went wrong.
        source: ureq::Error,
    },
    /// The server does not have it.
    #[error("{url}: HTTP status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// What the server answered.
        status: http::StatusCode,
    },
    /// It is larger than any such archive.
    #[error("{url}: more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// How much is accepted.
        limit: u64,
    },
    /// It is another archive than the one that was tested.
    #[error("the archive is not the one expected: it has {actual}, not {expected}")]
    WrongDigest {
        /// What it should have.
        expected: Digest,
        /// What it has.
        actual: Digest,
    },
    /// It cannot be unpacked.
    #[error("the archive is damaged")]
    Archive(#[source] io::Error),
    /// It holds other things.
    #[error("there is no engine library in the archive")]
    NoLibrary,
    /// This machine cannot take it. Another source would not help.
    #[error("cannot write `{}`", path.display())]
    Local {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FetchError {
    /// Tells which file of this machine an error is about.
    pub(super) fn local(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Local {
            path: path.to_owned(),
            source,
        }
    }

    /// Parts what ends the whole attempt from what another source may do better.
    pub(super) fn or_fatal(self) -> Result<Self, LibraryError> {
        match self {
            Self::Local { path, source } => Err(LibraryError::Io { path, source }),
            error => Ok(error),
        }
    }
}

/// Lines from outside beneath the line of an error.
fn indented(text: &str) -> String {
    use std::fmt::Write as _;
    let mut indented = String::new();
    for line in text.lines() {
        let _ = write!(indented, "\n    {}", crate::output::visible(line));
    }
    indented
}
