//! chDB, the ClickHouse engine as a library.
//!
//! One process holds one engine on one data directory; any number of [`Connection`]s work on it
//! side by side, each one statement at a time. All calls block: they belong on threads of their
//! own.

mod configuration;
mod connection;
mod exception;
mod ffi;
#[cfg(test)]
mod tests;

use std::{
    ffi::CString,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use configuration::EngineOptions;
pub use connection::{Connection, InsertStream, QueryResult, ResultStream, Statistics, Written};
pub use exception::Exception;
pub use ffi::Parameter;

use crate::error::{Code, Failure};

/// The chDB library, loaded for the rest of the process.
///
/// It is never unloaded: its threads cannot be joined reliably (`chdb_shutdown` fails once a
/// `MergeTree` table was used).
#[derive(Clone, Copy)]
pub struct Library {
    symbols: &'static ffi::Symbols,
}

impl Library {
    /// Loads the library and checks that it has every function that is needed.
    pub fn load(path: &Path) -> Result<Self, EngineError> {
        let symbols = ffi::Symbols::load(path).map_err(|source| EngineError::Load {
            path: path.into(),
            source,
        })?;
        Ok(Self {
            symbols: Box::leak(Box::new(symbols)),
        })
    }

    /// The library's own version, such as `26.7.3`.
    pub fn version(&self) -> String {
        self.symbols.version()
    }
}

/// The engine of this process. Clones share it.
#[derive(Clone)]
pub struct Engine {
    library: Library,
    arguments: Arc<[CString]>,
    version: Arc<str>,
}

impl Engine {
    /// Boots the engine on a data directory, which it locks, and asks its version.
    ///
    /// Writes the engine's configuration first: without one of its own, the engine would read a
    /// `config.xml` that happens to lie in the current directory.
    pub fn boot(library: Library, options: &EngineOptions) -> Result<Self, EngineError> {
        let configuration = configuration::write(options)?;
        let arguments = [
            argument("--path", &options.data_dir)?,
            argument("--config-file", &configuration)?,
        ];
        // The engine's handlers would sleep for minutes in a crash instead of letting it die.
        library.symbols.disable_signal_handlers();
        let mut engine = Self {
            library,
            arguments: Arc::new(arguments),
            version: Arc::from(""),
        };
        let version = engine
            .connect()?
            .execute(b"SELECT version()", "TabSeparatedRaw", &[])
            .map_err(EngineError::Unusable)?;
        engine.version = Arc::from(String::from_utf8_lossy(version.data()).trim());
        Ok(engine)
    }

    /// Opens a connection, which takes about a millisecond.
    ///
    /// Settings, the current database and temporary tables belong to the connection and go with
    /// it.
    pub fn connect(&self) -> Result<Connection, EngineError> {
        ffi::ConnectionHandle::open(self.library.symbols, &self.arguments)
            .map(Connection::new)
            .ok_or_else(|| EngineError::Refused {
                arguments: self.arguments.clone(),
            })
    }

    /// ClickHouse's `version()`, such as `26.7.2.1`.
    pub fn version(&self) -> &str {
        &self.version
    }
}

fn argument(name: &str, path: &Path) -> Result<CString, EngineError> {
    let path = path
        .to_str()
        .ok_or_else(|| EngineError::PathNotText { path: path.into() })?;
    CString::new(format!("{name}={path}"))
        .map_err(|_| EngineError::PathNotText { path: path.into() })
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file is no library for this machine, or lacks a function.
    #[error("cannot load the engine library {}", path.display())]
    Load {
        /// The library's file.
        path: PathBuf,
        /// What the dynamic linker said.
        source: libloading::Error,
    },
    /// The engine takes paths as text.
    #[error("the path {} is not valid UTF-8", path.display())]
    PathNotText {
        /// The path.
        path: PathBuf,
    },
    /// The engine's configuration could not be written.
    #[error("cannot write the engine's configuration to {}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine opened no connection. It gives no reason.
    #[error("the engine did not open its data directory ({arguments:?})")]
    Refused {
        /// The arguments it was given.
        arguments: Arc<[CString]>,
    },
    /// The engine runs but does not answer a query.
    #[error("the engine cannot run a query")]
    Unusable(#[source] Exception),
}

impl Failure for EngineError {
    fn code(&self) -> Code {
        match self {
            Self::Load { .. } => Code::EngineInvalid,
            _ => Code::EngineStart,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Load { .. } => {
                Some("`telemetry engine remove`, then `telemetry engine install`".into())
            }
            Self::Refused { .. } => {
                Some("another process may hold the data directory: `telemetry status`".into())
            }
            _ => None,
        }
    }
}
