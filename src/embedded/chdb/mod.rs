//! chDB, the ClickHouse engine as a library.
//!
//! One process holds one engine on one data directory; any number of [`Connection`]s work on it
//! side by side, each one statement at a time. All calls block: they belong on threads of their
//! own.

mod configuration;
mod connection;
mod exception;
mod ffi;
mod role;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::{
    ffi::CString,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub use configuration::EngineOptions;
pub use connection::{
    Analysis, Connection, Effect, InsertStream, QueryResult, ResultStream, Statistics, Written,
};
pub use exception::Exception;
pub use ffi::Parameter;
pub use role::Role;

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
///
/// It stops, with everything written, when the last clone and the last [`Connection`] are dropped.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    library: Library,
    arguments: [CString; 2],
    version: String,
    /// The library shuts the engine down with its last connection, and boots it again with the
    /// next; this one keeps it up.
    _anchor: Mutex<Connection>,
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
        let mut anchor = connect(library, &arguments)?;
        let version = anchor
            .execute(b"SELECT version()", "TabSeparatedRaw", &[])
            .map_err(EngineError::Unusable)?;
        let version = String::from_utf8_lossy(version.data()).trim().to_owned();
        Ok(Self(Arc::new(Inner {
            library,
            arguments,
            version,
            _anchor: Mutex::new(anchor),
        })))
    }

    /// Opens a connection that may do everything.
    ///
    /// Settings, the current database, temporary tables and parameters belong to a connection and
    /// go with it. To open and close one takes 0.15 ms, less than a query: a connection for each
    /// request is cheaper than making sure that the last one left nothing behind.
    pub fn connect(&self) -> Result<Connection, EngineError> {
        connect(self.0.library, &self.0.arguments)
    }

    /// Opens a connection that may do what `role` may, which takes 0.4 ms.
    pub fn connect_as(&self, role: Role) -> Result<Connection, EngineError> {
        let mut connection = self.connect()?;
        if role != Role::Administrator {
            let sql = format!("SET ROLE {}", role.name());
            connection
                .execute(sql.as_bytes(), "Null", &[])
                .map_err(EngineError::Unusable)?;
        }
        Ok(connection)
    }

    /// ClickHouse's `version()`, such as `26.7.2.1`.
    pub fn version(&self) -> &str {
        &self.0.version
    }
}

fn connect(library: Library, arguments: &[CString; 2]) -> Result<Connection, EngineError> {
    ffi::ConnectionHandle::open(library.symbols, arguments)
        .map(Connection::new)
        .ok_or_else(|| EngineError::Refused {
            arguments: arguments.clone(),
        })
}

/// Ends the process at once, without the exit handlers of the engine's library: they race its
/// threads, which it cannot join, and now and then crash. What the engine has acknowledged is on
/// disk; drop the [`Engine`] before, so that it stops its merges and gives its directory free.
pub fn exit(status: u8) -> ! {
    ffi::exit(status)
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
    /// The engine opened no connection. It gives no reason but to standard error.
    #[error("the engine did not open its data directory ({arguments:?})")]
    Refused {
        /// The arguments it was given.
        arguments: [CString; 2],
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
