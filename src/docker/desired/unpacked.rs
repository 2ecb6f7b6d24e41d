//! The files of archives that go into containers.

use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;

use zip::ZipArchive;
use zip::result::ZipError;

use super::file::File;
use crate::compose::Unpack;
use crate::error::{Code, Failure};

/// The permissions of a file whose archive has none.
const MODE: u32 = 0o644;

/// An archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be opened.
    #[error("cannot read `{}`, which is to be unpacked into a container", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is no archive, or a damaged one.
    #[error("`{}` is no whole `.zip` archive", .0.display())]
    Damaged(PathBuf, #[source] ZipError),
    /// A file would be outside of its directory.
    #[error("`{}` has `{name}`, which would be unpacked elsewhere", .archive.display())]
    Outside {
        /// The archive.
        archive: PathBuf,
        /// The file, as it is named there.
        name: String,
    },
}

impl Failure for UnpackError {
    fn code(&self) -> Code {
        match self {
            Self::Unreadable(..) => Code::Io,
            Self::Damaged(..) | Self::Outside { .. } => Code::InvalidSetting,
        }
    }
}

/// The files of an archive, readable for everybody, where they go in the container.
///
/// # Errors
///
/// When it cannot be read, or is no archive that can be unpacked there.
pub fn unpacked(unpack: &Unpack) -> Result<Vec<File>, UnpackError> {
    let path = || unpack.archive.clone();
    let damaged = |error| UnpackError::Damaged(path(), error);
    let archive = fs::File::open(&unpack.archive);
    let archive = archive.map_err(|error| UnpackError::Unreadable(path(), error))?;
    let mut archive = ZipArchive::new(io::BufReader::new(archive)).map_err(damaged)?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        if entry.is_dir() {
            continue;
        }
        let inside = entry.enclosed_name();
        let Some(name) = inside.as_ref().and_then(|name| name.to_str()) else {
            let name = entry.name().map_err(damaged)?.into_owned();
            let archive = path();
            return Err(UnpackError::Outside { archive, name });
        };
        let mode = entry.unix_mode().unwrap_or(MODE) & 0o777 | 0o444;
        let mut content = Vec::new();
        let read = entry.read_to_end(&mut content);
        read.map_err(|error| damaged(error.into()))?;
        files.push(File {
            path: format!("{}/{name}", unpack.directory.trim_end_matches('/')),
            uid: 0,
            gid: 0,
            mode,
            content,
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An archive with these files, each with its permissions.
    fn archive(files: &[(&str, u32)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut archive = ZipWriter::new(file.reopen().unwrap());
        for (name, mode) in files {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            archive.start_file(*name, options).unwrap();
            archive.write_all(name.as_bytes()).unwrap();
        }
        archive.finish().unwrap();
        file
    }

    fn unpack(archive: &tempfile::NamedTempFile) -> Result<Vec<File>, UnpackError> {
        unpacked(&Unpack {
            archive: archive.path().to_owned(),
            directory: "/plugins".to_owned(),
        })
    }

    #[test]
    fn files_keep_their_content_and_whether_they_can_be_run() {
        let files = unpack(&archive(&[("a/b/run", 0o700), ("a/data", 0o640)])).unwrap();
        let told: Vec<_> = files
            .iter()
            .map(|file| (file.path.as_str(), file.mode, file.content.as_slice()))
            .collect();
        assert_eq!(
            told,
            [
                ("/plugins/a/b/run", 0o744, &b"a/b/run"[..]),
                ("/plugins/a/data", 0o644, b"a/data"),
            ]
        );
    }

    #[test]
    fn what_is_no_archive_or_leads_elsewhere_is_refused() {
        let outside = unpack(&archive(&[("../../etc/passwd", 0o644)]));
        assert!(matches!(outside, Err(UnpackError::Outside { .. })));
        let mut text = tempfile::NamedTempFile::new().unwrap();
        text.write_all(b"not an archive").unwrap();
        assert!(matches!(unpack(&text), Err(UnpackError::Damaged(..))));
        let missing = unpacked(&Unpack {
            archive: "/nowhere/plugin.zip".into(),
            directory: "/plugins".to_owned(),
        });
        assert!(matches!(missing, Err(UnpackError::Unreadable(..))));
    }
}
