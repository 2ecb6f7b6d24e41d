//! The archive: a plain `tar` file, of which every single byte is accounted for.
//!
//! ```text
//! traces/000000.native.zst     pieces of the tables' data, in order; joined, those of a table
//! traces/000001.native.zst     are one Zstandard stream of one Native stream
//! …
//! manifest.json                names every piece, with its length and SHA-256
//! manifest.json.sha256         the manifest's own, as `sha256sum` writes it
//! ```
//!
//! The manifest comes last, because only then is it known; so an archive without one was not
//! completed. Headers and padding have one possible form, so that nothing can change unnoticed.

mod flaw;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::io;

pub use flaw::Flaw;
pub use reader::{check, contents};
pub use writer::ArchiveWriter;

const BLOCK: usize = 512;
/// Two empty blocks end a `tar` file.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

const MANIFEST: &str = "manifest.json";
const MANIFEST_SUM: &str = "manifest.json.sha256";

/// As `sha256sum` writes it.
fn sum(sha256: &str) -> String {
    format!("{sha256}  {MANIFEST}\n")
}

fn header(path: &str, bytes: u64, time: u64) -> io::Result<[u8; BLOCK]> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_size(bytes);
    header.set_mtime(time);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Bytes between the end of a member and that of its last block.
fn padding(bytes: u64) -> usize {
    let beyond = usize::try_from(bytes % BLOCK as u64).expect("a remainder of 512 is small");
    (BLOCK - beyond) % BLOCK
}
