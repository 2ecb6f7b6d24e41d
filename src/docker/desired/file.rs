//! Files that are put into a container before it starts.

use std::collections::BTreeSet;
use std::io;

use sha2::{Digest, Sha256};

/// A file for a container.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Where it is in the container; absolute.
    pub path: String,
    /// The user it belongs to.
    pub uid: u32,
    /// The group it belongs to.
    pub gid: u32,
    /// Its permissions.
    pub mode: u32,
    /// What is in it; it may be a secret.
    pub content: Vec<u8>,
}

impl File {
    /// The directories it is in, from the innermost on; without the root.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        let outer = |path: &str| path.rfind('/').filter(|end| *end > 0);
        let mut inner = self.path.as_str();
        std::iter::from_fn(move || {
            inner = &inner[..outer(inner)?];
            Some(inner)
        })
    }

    /// Adds everything of it to a hash.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        hash.update(format!(
            "{}\0{}:{} {:o} {}\0",
            self.path,
            self.uid,
            self.gid,
            self.mode,
            self.content.len()
        ));
        hash.update(&self.content);
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("File").field(&self.path).finish()
    }
}

/// The files as an archive for the root directory, with those of their directories that are
/// `missing` in the container.
///
/// A directory that is there must not be in it: it would get another owner. One that is not
/// there must be: the engine would make it for root alone.
pub fn archive(files: &[File], missing: &BTreeSet<&str>) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for directory in missing {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        let path = format!("{}/", directory.trim_start_matches('/'));
        archive.append_data(&mut header, path, io::empty())?;
    }
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid.into());
        header.set_gid(file.gid.into());
        let path = file.path.trim_start_matches('/');
        archive.append_data(&mut header, path, file.content.as_slice())?;
    }
    archive.into_inner()
}
