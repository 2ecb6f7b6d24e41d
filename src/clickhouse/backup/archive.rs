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

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::manifest::{FORMAT_VERSION, Manifest, Member};

const BLOCK: usize = 512;
/// Two empty blocks end a `tar` file.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

const MANIFEST: &str = "manifest.json";
const MANIFEST_SUM: &str = "manifest.json.sha256";
/// More than a manifest of any backup: some 200 bytes for 16 MiB of data.
const LONGEST_MANIFEST: u64 = 256 << 20;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::DataTable;
    use super::super::manifest::{Contents, TableManifest};
    use super::*;

    fn archive(pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = ArchiveWriter::new(Vec::new(), 1_769_850_000);
        let members = pieces
            .iter()
            .enumerate()
            .map(|(index, piece)| writer.add(&format!("traces/{index:06}.native.zst"), piece))
            .collect::<Result<_, _>>()
            .unwrap();
        writer.finish(&manifest(members)).unwrap()
    }

    fn manifest(members: Vec<Member>) -> Manifest {
        Manifest {
            format_version: FORMAT_VERSION,
            telemetry_version: "0.1.0".to_owned(),
            schema_version: 1,
            clickhouse_version: "26.7".to_owned(),
            created_at: "2026-01-31T09:00:00Z".parse().unwrap(),
            tables: vec![TableManifest {
                name: DataTable::Traces,
                columns: Vec::new(),
                contents: Contents {
                    rows: 2,
                    checksum: u64::MAX - 1,
                },
                bytes: 5,
                members,
            }],
        }
    }

    fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let piece = proptest::collection::vec(any::<u8>(), 0..1200);
        proptest::collection::vec(piece, 0..4)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(pieces in pieces()) {
            let archive = archive(&pieces);
            let manifest = check(archive.as_slice()).unwrap();
            let mut read = Vec::new();
            let members = &manifest.tables[0].members;
            contents(archive.as_slice(), members).read_to_end(&mut read).unwrap();
            prop_assert_eq!(read, pieces.concat());
        }

        #[test]
        fn any_byte_that_changes_is_noticed(
            pieces in pieces(),
            at in any::<proptest::sample::Index>(),
            change in 1..=u8::MAX,
        ) {
            let mut archive = archive(&pieces);
            let at = at.index(archive.len());
            archive[at] ^= change;
            prop_assert!(check(archive.as_slice()).is_err(), "byte {at}");
        }

        #[test]
        fn any_truncation_is_noticed(pieces in pieces(), at in any::<proptest::sample::Index>()) {
            let archive = archive(&pieces);
            let length = at.index(archive.len());
            prop_assert!(check(&archive[..length]).is_err(), "{length} bytes");
        }

        #[test]
        fn garbage_is_not_an_archive(garbage in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert!(check(garbage.as_slice()).is_err());
        }
    }

    #[test]
    fn more_behind_the_end_is_noticed() {
        let mut archive = archive(&[vec![1]]);
        archive.push(0);
        assert!(matches!(check(archive.as_slice()), Err(Flaw::Damaged(_))));
    }

    #[test]
    fn tar_reads_it_too() {
        let archive = archive(&[b"abc".to_vec()]);
        let mut archive = tar::Archive::new(archive.as_slice());
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(
            names,
            [
                "traces/000000.native.zst",
                "manifest.json",
                "manifest.json.sha256"
            ]
        );
    }

    #[test]
    fn a_flaw_is_named() {
        let whole = archive(&[vec![7; 600]]);
        let flaw = |archive: &[u8]| check(archive).unwrap_err().to_string();
        assert_eq!(
            flaw(b"hello"),
            "it is not a backup made by `telemetry backup`"
        );
        assert_eq!(
            flaw(&whole[..700]),
            "it ends in the middle of `traces/000000.native.zst`"
        );
        let mut damaged = whole.clone();
        damaged[600] ^= 1;
        assert_eq!(
            flaw(&damaged),
            "its member `traces/000000.native.zst` is damaged"
        );
        let unfinished = [&whole[..3 * BLOCK], &END].concat();
        assert_eq!(
            flaw(&unfinished),
            "it has no manifest: the backup was not completed"
        );
    }

    #[test]
    fn a_newer_format_names_the_version_it_needs() {
        let mut newer = manifest(Vec::new());
        newer.format_version = FORMAT_VERSION + 1;
        newer.telemetry_version = "9.9.9".to_owned();
        let archive = ArchiveWriter::new(Vec::new(), 0).finish(&newer).unwrap();
        let Err(Flaw::Newer {
            telemetry_version, ..
        }) = check(archive.as_slice())
        else {
            panic!("it cannot be read");
        };
        assert_eq!(telemetry_version, "9.9.9");
    }
}
