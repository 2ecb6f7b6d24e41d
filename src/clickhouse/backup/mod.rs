//! Backup of all telemetry to one archive, and the way back.

mod archive;
mod dump;
mod error;
mod load;
mod manifest;
pub(super) mod schema;
mod scratch;
mod steps;
#[cfg(test)]
mod tests;

pub use archive::Flaw;
pub use dump::{DumpError, dump};
pub use error::BackupError;
pub use load::{Archive, ArchiveFile, add, replace};
pub use manifest::{Contents, FORMAT_VERSION, Manifest, Member, TableManifest};
pub use scratch::Scratch;
pub use steps::{Step, Steps};
