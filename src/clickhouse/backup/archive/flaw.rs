//! What can be wrong with an archive.

use std::io;

use super::super::manifest::FORMAT_VERSION;

/// Why a file is not an archive that can be restored.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// It is something else.
    #[error("it is not a backup made by `telemetry backup`")]
    Foreign,
    /// It is cut off.
    #[error("it ends in the middle of {0}")]
    Truncated(String),
    /// The backup was broken off.
    #[error("it has no manifest: the backup was not completed")]
    NoManifest,
    /// Something between the members is not as it was written.
    #[error("it is damaged {0}")]
    Damaged(String),
    /// A member is not as it was written.
    #[error("its member `{0}` is damaged")]
    DamagedMember(String),
    /// A member is not there, or not where it should be.
    #[error("its member `{0}` is missing")]
    Missing(String),
    /// A member is there that should not be.
    #[error("it has a member `{0}` that its manifest does not name")]
    Unnamed(String),
    /// The manifest is no manifest.
    #[error("its manifest cannot be read")]
    Manifest(#[source] serde_json::Error),
    /// It was made by a later version.
    #[error("it has format {found}, and this program reads {FORMAT_VERSION}")]
    Newer {
        /// Its format.
        found: u32,
        /// The version of `telemetry` that wrote it.
        telemetry_version: String,
    },
    /// The file cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
}
