//! Where the embedded engine keeps what it owns.

use std::path::{Path, PathBuf};

/// The directory of one project, and the names of the embedded engine's files in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(PathBuf);

impl Directory {
    /// The layout beneath `root`; creates nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The project's directory itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The engine's data: databases, tables, parts.
    pub fn data(&self) -> PathBuf {
        self.0.join("clickhouse")
    }

    /// The engine's configuration, written anew at each boot.
    pub fn config(&self) -> PathBuf {
        self.0.join("config")
    }

    /// The version of ClickHouse that wrote the data.
    pub fn data_version(&self) -> PathBuf {
        self.0.join("clickhouse.version")
    }

    /// The log of the supervisor and its server; older generations lie beside it.
    pub fn log(&self) -> PathBuf {
        self.0.join("logs").join("telemetry.log")
    }

    /// What the supervisor says about itself.
    pub fn state(&self) -> PathBuf {
        self.0.join("run").join("supervisor.json")
    }

    /// Claimed by the supervisor for its life.
    pub fn supervisor_claim(&self) -> PathBuf {
        self.0.join("run").join("supervisor.lock")
    }

    /// Claimed by the server process for its life.
    pub fn server_claim(&self) -> PathBuf {
        self.0.join("run").join("server.lock")
    }

    /// Creates the directories, readable by their owner only: telemetry is private.
    pub fn create(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(self.0.join("run"))?;
        builder.create(self.0.join("logs"))
    }
}
