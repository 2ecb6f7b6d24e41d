//! Reading an archive.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::{
    super::manifest::{FORMAT_VERSION, Manifest, Member},
    BLOCK, END, Flaw, MANIFEST, MANIFEST_SUM, header, padding, sum,
};

/// More than a manifest of any backup: some 200 bytes for 16 MiB of data.
const LONGEST_MANIFEST: u64 = 256 << 20;

/// Reads a whole archive and gives its manifest if every byte is as it was written.
///
/// # Errors
///
/// The first flaw.
pub fn check(archive: impl Read) -> Result<Manifest, Flaw> {
    let mut members = Members::new(archive);
    let mut found = Vec::new();
    let manifest = loop {
        let Some(entry) = members.next()? else {
            return Err(Flaw::NoManifest);
        };
        if entry.path == MANIFEST {
            break members.manifest(&entry)?;
        }
        found.push(members.digest(entry)?);
    };
    members.end()?;
    let mut expected = manifest.tables.iter().flat_map(|table| &table.members);
    let mut found = found.iter();
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return Ok(manifest),
            (Some(expected), Some(found)) if expected == found => {}
            (Some(expected), Some(found)) if expected.path == found.path => {
                return Err(Flaw::DamagedMember(found.path.clone()));
            }
            (Some(expected), _) => return Err(Flaw::Missing(expected.path.clone())),
            (None, Some(found)) => return Err(Flaw::Unnamed(found.path.clone())),
        }
    }
}

/// The content of some members of a checked archive, in their order.
pub fn contents<R: Read>(archive: R, wanted: &[Member]) -> MemberReader<'_, R> {
    MemberReader {
        members: Members::new(archive),
        wanted,
        left: 0,
        padding: 0,
    }
}

/// The content of some members, which follow each other, as one stream.
pub struct MemberReader<'m, R> {
    members: Members<R>,
    wanted: &'m [Member],
    /// Bytes of the current member that were not read yet.
    left: u64,
    padding: usize,
}

impl<R: Read> Read for MemberReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            self.members
                .skip(std::mem::take(&mut self.padding) as u64)?;
            let Some((first, others)) = self.wanted.split_first() else {
                return Ok(0);
            };
            let entry = self.members.next().map_err(io::Error::other)?;
            let entry = entry.ok_or(io::ErrorKind::UnexpectedEof)?;
            if entry.path == first.path {
                self.wanted = others;
                self.left = entry.bytes;
                self.padding = padding(entry.bytes);
            } else {
                self.members
                    .skip(entry.bytes + padding(entry.bytes) as u64)?;
            }
        }
        let length = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self.members.archive.read(&mut buffer[..length])?;
        if read == 0 && length > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// What every version of a manifest has.
#[derive(serde::Deserialize)]
struct Version {
    format_version: u32,
    telemetry_version: String,
}

/// The head of a member.
struct Entry {
    path: String,
    bytes: u64,
}

/// Reads members one after the other.
struct Members<R> {
    archive: R,
    is_first: bool,
}

impl<R: Read> Members<R> {
    fn new(archive: R) -> Self {
        Self {
            archive,
            is_first: true,
        }
    }

    /// The next head; `None` at the end of the archive, which is half read then.
    fn next(&mut self) -> Result<Option<Entry>, Flaw> {
        let is_first = std::mem::take(&mut self.is_first);
        let mut block = [0; BLOCK];
        self.fill(&mut block, "a header")
            .map_err(|flaw| match flaw {
                Flaw::Truncated(_) if is_first => Flaw::Foreign,
                flaw => flaw,
            })?;
        if block == END[..BLOCK] {
            return Ok(None);
        }
        let damaged = || {
            if is_first {
                Flaw::Foreign
            } else {
                Flaw::Damaged("in a header".to_owned())
            }
        };
        let mut tar_header = tar::Header::new_ustar();
        tar_header.as_mut_bytes().copy_from_slice(&block);
        let path = tar_header.path().map_err(|_| damaged())?;
        let path = path.to_str().ok_or_else(damaged)?.to_owned();
        let (Ok(bytes), Ok(time)) = (tar_header.entry_size(), tar_header.mtime()) else {
            return Err(damaged());
        };
        // What differs in a single bit has another checksum, at the least.
        match header(&path, bytes, time) {
            Ok(expected) if expected == block => Ok(Some(Entry { path, bytes })),
            _ => Err(damaged()),
        }
    }

    /// Reads a member to its end.
    fn digest(&mut self, entry: Entry) -> Result<Member, Flaw> {
        let mut sha256 = Sha256::new();
        let mut content = self.archive.by_ref().take(entry.bytes);
        let read = io::copy(&mut content, &mut sha256).map_err(Flaw::Unreadable)?;
        if read < entry.bytes {
            return Err(Flaw::Truncated(format!("`{}`", entry.path)));
        }
        self.padding(&entry)?;
        Ok(Member {
            path: entry.path,
            bytes: entry.bytes,
            sha256: hex::encode(sha256.finalize()),
        })
    }

    /// Reads the manifest and its checksum.
    fn manifest(&mut self, entry: &Entry) -> Result<Manifest, Flaw> {
        let json = self.small(entry)?;
        let expected = sum(&hex::encode(Sha256::digest(&json)));
        let entry = self
            .next()?
            .ok_or_else(|| Flaw::Missing(MANIFEST_SUM.to_owned()))?;
        if entry.path != MANIFEST_SUM {
            return Err(Flaw::Missing(MANIFEST_SUM.to_owned()));
        }
        if self.small(&entry)? != expected.as_bytes() {
            return Err(Flaw::DamagedMember(MANIFEST.to_owned()));
        }
        let version: Version = serde_json::from_slice(&json).map_err(Flaw::Manifest)?;
        if version.format_version > FORMAT_VERSION {
            return Err(Flaw::Newer {
                found: version.format_version,
                telemetry_version: version.telemetry_version,
            });
        }
        serde_json::from_slice(&json).map_err(Flaw::Manifest)
    }

    /// The whole content of a member.
    fn small(&mut self, entry: &Entry) -> Result<Vec<u8>, Flaw> {
        let name = format!("`{}`", entry.path);
        if entry.bytes > LONGEST_MANIFEST {
            return Err(Flaw::Damaged(format!("in {name}")));
        }
        let mut content = Vec::new();
        let mut limited = self.archive.by_ref().take(entry.bytes);
        limited
            .read_to_end(&mut content)
            .map_err(Flaw::Unreadable)?;
        if (content.len() as u64) < entry.bytes {
            return Err(Flaw::Truncated(name));
        }
        self.padding(entry)?;
        Ok(content)
    }

    fn padding(&mut self, entry: &Entry) -> Result<(), Flaw> {
        let mut block = [0; BLOCK];
        let padding = &mut block[..padding(entry.bytes)];
        self.fill(padding, &format!("`{}`", entry.path))?;
        if padding.iter().any(|&byte| byte != 0) {
            return Err(Flaw::Damaged(format!("behind `{}`", entry.path)));
        }
        Ok(())
    }

    /// Reads the end, behind which there must be nothing.
    fn end(&mut self) -> Result<(), Flaw> {
        let mut end = [1; END.len()];
        self.fill(&mut end, "its end")?;
        let behind = io::copy(&mut self.archive.by_ref().take(1), &mut io::sink());
        if end != END || behind.map_err(Flaw::Unreadable)? > 0 {
            return Err(Flaw::Damaged("at its end".to_owned()));
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8], what: &str) -> Result<(), Flaw> {
        self.archive
            .read_exact(buffer)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => Flaw::Truncated(what.to_owned()),
                _ => Flaw::Unreadable(error),
            })
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let mut skipped = self.archive.by_ref().take(bytes);
        match io::copy(&mut skipped, &mut io::sink())? {
            all if all == bytes => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
