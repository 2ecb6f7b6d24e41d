//! Writing an archive.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use super::{
    super::manifest::{Manifest, Member},
    END, MANIFEST, MANIFEST_SUM, header, padding, sum,
};

/// Writes an archive.
pub struct ArchiveWriter<W> {
    out: W,
    /// Seconds since 1970, for all members.
    time: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive.
    pub fn new(out: W, time: u64) -> Self {
        Self { out, time }
    }

    /// Adds a member.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn add(&mut self, path: &str, content: &[u8]) -> io::Result<Member> {
        let bytes = content.len() as u64;
        self.out.write_all(&header(path, bytes, self.time)?)?;
        self.out.write_all(content)?;
        self.out.write_all(&END[..padding(bytes)])?;
        Ok(Member {
            path: path.to_owned(),
            bytes,
            sha256: hex::encode(Sha256::digest(content)),
        })
    }

    /// Adds the manifest and ends the archive.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn finish(mut self, manifest: &Manifest) -> io::Result<W> {
        let json = serde_json::to_vec_pretty(manifest)?;
        let member = self.add(MANIFEST, &json)?;
        self.add(MANIFEST_SUM, sum(&member.sha256).as_bytes())?;
        self.out.write_all(&END)?;
        self.out.flush()?;
        Ok(self.out)
    }
}
