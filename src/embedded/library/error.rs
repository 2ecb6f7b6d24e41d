//! Why there is no usable library.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{ENGINE_VERSION, FetchError, Platform, VERSION};
use crate::error::{Code, Failure};

/// The setting that names the library.
const SETTING: &str = "TELEMETRY_ENGINE_LIBRARY";

/// Why there is no usable library.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The setting names a place where it is not.
    #[error("`{SETTING}` is `{}`, and there is no engine library", .0.display())]
    NotAtSetting(PathBuf),
    /// What the setting names is there and does not load.
    #[error("`{SETTING}` is `{}`, which is not an engine library that works here", path.display())]
    UnusableSetting {
        /// The library's file.
        path: PathBuf,
        /// Why.
        source: crate::embedded::chdb::EngineError,
    },
    /// chDB is not published for this platform.
    #[error(
        "there is no engine library for this platform, {}",
        Platform::describe_current()
    )]
    UnsupportedPlatform,
    /// There is none on this machine, and it was not to be fetched.
    #[error("the engine library is not installed")]
    NotInstalled,
    /// There is one that was fetched, and its file has changed since.
    #[error("the engine library `{}` is damaged", .0.display())]
    Damaged(PathBuf),
    /// No cache directory: there is no home directory.
    #[error("cannot tell where to keep the engine library: there is no home directory")]
    NoHome,
    /// The file system refuses.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be fetched from anywhere.
    #[error("cannot fetch the engine library")]
    Fetch {
        /// For which platform.
        platform: Platform,
        /// The directory in which it would be found.
        place: PathBuf,
        /// What went wrong.
        source: Box<Attempts>,
    },
    /// A running stack would not survive its removal.
    #[error("project `{0}` runs on the engine library")]
    InUse(String),
}

impl LibraryError {
    /// Tells which file or directory an error of the file system is about.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}

impl Failure for LibraryError {
    fn code(&self) -> Code {
        match self {
            Self::NotAtSetting(_) => Code::InvalidSetting,
            Self::UnusableSetting { .. } | Self::Damaged(_) => Code::EngineInvalid,
            Self::UnsupportedPlatform | Self::NotInstalled => Code::NoEngine,
            Self::NoHome | Self::Io { .. } => Code::Io,
            Self::Fetch { .. } => Code::EngineDownload,
            Self::InUse(_) => Code::StackBusy,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAtSetting(_) | Self::UnusableSetting { .. } => format!(
                "set `{SETTING}` to chDB {ENGINE_VERSION}'s library or the directory that holds \
                 it, or unset it and run `telemetry engine install`"
            ),
            Self::UnsupportedPlatform => "use a build of `telemetry` for Linux with glibc or for \
                 macOS, on x86_64 or aarch64"
                .to_owned(),
            Self::NotInstalled => "`telemetry engine install` fetches it".to_owned(),
            Self::Damaged(_) => "`telemetry engine install` fetches it again".to_owned(),
            Self::NoHome => format!("set `HOME`, `XDG_CACHE_HOME` or `{SETTING}`"),
            Self::Io { source, .. } => return io_hint(source.kind()),
            Self::Fetch {
                platform, place, ..
            } => by_hand(*platform, place),
            Self::InUse(project) => {
                format!("`telemetry --project {project} stop`, and try again")
            }
        })
    }
}

fn io_hint(kind: io::ErrorKind) -> Option<String> {
    Some(match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free 1 GB there, or set `XDG_CACHE_HOME` to a directory with more space".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory => format!(
            "set `XDG_CACHE_HOME` to a directory that can be written to, or `{SETTING}` to a \
             library that is there already"
        ),
        _ => return None,
    })
}

/// How to bring the library to a machine that cannot fetch it.
fn by_hand(platform: Platform, place: &Path) -> String {
    let file = platform.library_file();
    format!(
        "where the network allows it, run `npm pack @chdb/lib-{}@{VERSION}`; take `package/{file}` \
         out of the archive and put it into `{}` here, or anywhere and set `{SETTING}` to its path",
        platform.name(),
        place.display(),
    )
}

/// What went wrong with each source, in the order in which they were tried.
#[derive(Debug)]
pub struct Attempts {
    from: &'static str,
    error: FetchError,
    next: Option<Box<Attempts>>,
}

impl Attempts {
    /// What went wrong with each source, which is named; `None` if nothing did.
    pub(super) fn new(failed: Vec<(&'static str, FetchError)>) -> Option<Self> {
        let chain = |next: Option<Self>, (from, error)| {
            Some(Self {
                from,
                error,
                next: next.map(Box::new),
            })
        };
        failed.into_iter().rev().fold(None, chain)
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.from, self.error)?;
        let mut source = std::error::Error::source(&self.error);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Attempts {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}
