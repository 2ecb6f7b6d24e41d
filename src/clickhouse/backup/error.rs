//! Why a backup or a restore did not succeed.

use std::{io, path::PathBuf};

use super::{
    super::{ClickHouseError, DataTable},
    archive::Flaw,
    manifest::Contents,
};
use crate::error::{Code, Failure};

/// Why a backup or a restore did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// ClickHouse did not do its part.
    #[error(transparent)]
    ClickHouse(#[from] ClickHouseError),
    /// The archive could not be written.
    #[error("cannot write the archive `{}`", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// The archive could not be opened.
    #[error("cannot read the archive `{}`", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// Something of that name is there.
    #[error("`{}` is already there", .0.display())]
    FileExists(PathBuf),
    /// The archive is not as it was written.
    #[error("cannot restore `{}`: {flaw}", path.display())]
    InvalidArchive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        flaw: Flaw,
    },
    /// The archive has telemetry of a later schema.
    #[error(
        "cannot restore `{}`: its schema has version {found}, and that of this database {known}",
        path.display()
    )]
    NewerSchema {
        /// The archive.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The database's.
        known: u32,
        /// The version of `telemetry` that made the archive.
        telemetry_version: String,
    },
    /// The archive has a column that the schema does not know.
    #[error("the archive has a column `{column}` of `{table}` that this database does not know")]
    UnknownColumn {
        /// The table.
        table: DataTable,
        /// The column.
        column: String,
        /// The version of `telemetry` that made the archive.
        telemetry_version: String,
    },
    /// Telemetry is there already.
    #[error("there is telemetry already: {0}")]
    DataExists(String),
    /// What was restored is not what was backed up.
    #[error(
        "what came out of the archive for `{table}` is not what was backed up: {} rows instead of {}{}",
        found.rows, expected.rows,
        if found.rows == expected.rows { ", with other contents" } else { "" }
    )]
    Verification {
        /// The table.
        table: DataTable,
        /// What was backed up.
        expected: Contents,
        /// What came out.
        found: Contents,
    },
    /// It failed amid the last step: which tables are in place, which are not, and why.
    #[error("the restore stopped half-way: {0}")]
    HalfDone(String, #[source] ClickHouseError),
}

impl BackupError {
    /// Of all tables, `done` are in place, and `left` are not.
    pub(super) fn half_done(
        done: &[DataTable],
        left: &[DataTable],
        source: ClickHouseError,
    ) -> Self {
        let names = |tables: &[DataTable]| {
            let names: Vec<_> = tables.iter().map(|table| table.name()).collect();
            names.join(", ")
        };
        let restored = match done {
            [] => "no table is restored".to_owned(),
            done => format!("restored are {}", names(done)),
        };
        Self::HalfDone(
            format!("{restored}; not restored are {}", names(left)),
            source,
        )
    }
}

impl Failure for BackupError {
    fn code(&self) -> Code {
        match self {
            Self::ClickHouse(error) => error.code(),
            Self::Write(..) | Self::Read(..) | Self::FileExists(_) => Code::Io,
            Self::InvalidArchive { .. } | Self::NewerSchema { .. } | Self::UnknownColumn { .. } => {
                Code::InvalidArchive
            }
            Self::DataExists(_) => Code::DataExists,
            Self::Verification { .. } => Code::VerificationFailed,
            Self::HalfDone(_, source) => source.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::ClickHouse(error) => error.hint(),
            Self::Write(_, error) if error.kind() == io::ErrorKind::StorageFull => Some(
                "nothing was left behind; free some space, or `telemetry backup DIRECTORY` elsewhere"
                    .to_owned(),
            ),
            Self::Write(..) | Self::Read(..) => None,
            Self::FileExists(_) => Some("`--force` replaces it".to_owned()),
            Self::InvalidArchive {
                flaw: Flaw::Newer {
                    telemetry_version, ..
                },
                ..
            }
            | Self::NewerSchema {
                telemetry_version, ..
            } => Some(format!(
                "it was made by telemetry {telemetry_version}; restore it with that version or a later one"
            )),
            Self::UnknownColumn {
                telemetry_version, ..
            } => Some(format!(
                "it was made by telemetry {telemetry_version}; restore it with that version"
            )),
            Self::InvalidArchive { .. } => {
                Some("nothing was changed; try another copy of the archive".to_owned())
            }
            Self::DataExists(_) => Some(
                "`telemetry restore --replace` deletes it first; `telemetry backup` keeps a copy"
                    .to_owned(),
            ),
            Self::Verification { .. } => {
                Some("nothing was changed; `telemetry logs` may say why".to_owned())
            }
            Self::HalfDone(..) => Some(
                "run the same `telemetry restore` again with `--replace`; the archive is intact"
                    .to_owned(),
            ),
        }
    }
}
