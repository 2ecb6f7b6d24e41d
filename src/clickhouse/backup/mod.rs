//! Backup of all telemetry to one archive, and the way back.

mod archive;
mod dump;
mod error;
mod load;
mod manifest;
mod scratch;
#[cfg(test)]
mod tests;

pub use archive::Flaw;
pub use dump::{DumpError, Steps, dump};
pub use error::BackupError;
pub use load::{Archive, publish};
pub use manifest::{Contents, FORMAT_VERSION, Manifest, Member, TableManifest};
pub use scratch::Scratch;
