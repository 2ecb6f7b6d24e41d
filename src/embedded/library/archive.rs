//! Taking the library out of an archive.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::{FetchError, pin::Digest};
use crate::output::Progress;

/// More than any chDB library has; what unpacks to more is not one.
const MAX_UNPACKED: u64 = 2 << 30;

/// Where archives have the library: npm's in a directory, those of releases at the top. Nothing
/// else in an archive is looked at, and no name in it is used as a path.
const NAMES: [&str; 4] = [
    "package/libchdb.so",
    "package/libchdb.dylib",
    "libchdb.so",
    "libchdb.dylib",
];

/// The size and the SHA-256, in hexadecimal, of a library that was unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub bytes: u64,
    pub sha256: String,
}

/// Checks that an archive is the one it should be.
pub(super) fn verify(archive: &Path, expected: &Digest) -> Result<(), FetchError> {
    let actual = File::open(archive).and_then(|file| expected.of_same_kind(file));
    let actual = actual.map_err(FetchError::local(archive))?;
    if actual != *expected {
        return Err(FetchError::WrongDigest {
            expected: expected.clone(),
            actual,
        });
    }
    Ok(())
}

/// Writes the library in `archive` to `target`, and to disk.
pub(super) fn unpack(
    archive: &Path,
    target: &Path,
    progress: &Progress,
) -> Result<Unpacked, FetchError> {
    let file = File::open(archive).map_err(FetchError::local(archive))?;
    let plain = GzDecoder::new(io::BufReader::with_capacity(1 << 18, file));
    let mut entries = tar::Archive::new(plain.take(MAX_UNPACKED));
    for entry in entries.entries().map_err(FetchError::Archive)? {
        let mut entry = entry.map_err(FetchError::Archive)?;
        if is_library(&entry) {
            progress.set_total(entry.size(), crate::output::Unit::Bytes);
            return write(&mut entry, target, progress);
        }
    }
    Err(FetchError::NoLibrary)
}

fn is_library(entry: &tar::Entry<'_, impl io::Read>) -> bool {
    let name = entry.path_bytes();
    let name = name.strip_prefix(b"./").unwrap_or(&name);
    entry.header().entry_type().is_file() && NAMES.iter().any(|known| known.as_bytes() == name)
}

fn write(
    entry: &mut tar::Entry<'_, impl io::Read>,
    target: &Path,
    progress: &Progress,
) -> Result<Unpacked, FetchError> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(target)
        .map_err(FetchError::local(target))?;
    let expected = entry.size();
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let read = entry.read(&mut buffer).map_err(FetchError::Archive)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        file.write_all(&buffer[..read])
            .map_err(FetchError::local(target))?;
        bytes += read as u64;
        progress.set(bytes);
    }
    if bytes != expected || bytes == 0 {
        return Err(FetchError::Archive(io::ErrorKind::UnexpectedEof.into()));
    }
    file.sync_all().map_err(FetchError::local(target))?;
    Ok(Unpacked {
        bytes,
        sha256: hex::encode(hasher.finalize()),
    })
}
