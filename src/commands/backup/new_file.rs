//! A file that appears when it is complete, or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

/// A file that is written under another name, beside the place where it belongs. It goes away
/// with this value unless it is put in its place.
pub(super) struct NewFile {
    file: File,
    path: PathBuf,
    beside: PathBuf,
}

impl NewFile {
    /// Begins the file at `path`, readable by its owner only.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        let beside = path.with_file_name(hidden);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            beside,
        })
    }

    /// Renames the file once all of it is on the disk, and gives its length in bytes. What is
    /// there is replaced if `replace`.
    ///
    /// # Errors
    ///
    /// When something is there and is not to be replaced, and those of the file system.
    pub(super) fn put_in_place(self, replace: bool) -> io::Result<u64> {
        self.file.sync_all()?;
        let bytes = self.file.metadata()?.len();
        if replace {
            fs::rename(&self.beside, &self.path)?;
        } else {
            rename_to_free_name(&self.beside, &self.path)?;
        }
        let parent = self.path.parent();
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(bytes)
    }
}

fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can do that; then there is a moment between question and deed.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if to.try_exists()? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

impl Write for &NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.file).flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // In its place it has another name; if it cannot be removed, a stray file is left.
        let _ = fs::remove_file(&self.beside);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = directory.read_dir().unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_when_it_is_put_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.tar");
        let new = NewFile::create(&path).unwrap();
        (&new).write_all(b"all of it").unwrap();
        assert!(!path.exists());
        assert_eq!(new.put_in_place(false).unwrap(), 9);
        assert_eq!(fs::read(&path).unwrap(), b"all of it");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(directory.path()), ["a.tar"]);
    }

    #[test]
    fn one_that_is_dropped_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let new = NewFile::create(&directory.path().join("a.tar")).unwrap();
        (&new).write_all(b"half of").unwrap();
        drop(new);
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn a_file_that_appeared_meanwhile_is_replaced_only_if_that_is_wanted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.tar");
        for replace in [false, true] {
            let new = NewFile::create(&path).unwrap();
            (&new).write_all(b"new").unwrap();
            fs::write(&path, b"old").unwrap();
            let placed = new.put_in_place(replace);
            if replace {
                placed.unwrap();
                assert_eq!(fs::read(&path).unwrap(), b"new");
            } else {
                let error = placed.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
                assert_eq!(fs::read(&path).unwrap(), b"old");
            }
            assert_eq!(names(directory.path()), ["a.tar"]);
        }
    }
}
