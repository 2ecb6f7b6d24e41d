//! A project: one stack's name and directory.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Code, Failure};

/// Lies in every directory that is ours, so that none other is ever written to or removed.
const MARKER: &str = ".telemetry-project";

const MARKER_TEXT: &str = "\
This directory belongs to `telemetry`; `telemetry clean` removes it with all data in it.
";

/// Held by whoever starts, restarts or removes the stack.
const LOCK: &str = "stack.lock";

/// One stack's name and directory. Several can run side by side, on different ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    name: String,
    root: PathBuf,
}

/// Why a project's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is something in it, and it is not ours.
    #[error("`{}` is not a directory of `telemetry`: it has no `{MARKER}`", .0.display())]
    Foreign(PathBuf),
    /// It is a symbolic link, and what it points to is not ours to remove.
    #[error("`{}` is a symbolic link", .0.display())]
    Symlink(PathBuf),
    /// The file system refuses.
    #[error("cannot use `{}`", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// Another process changes the stack and does not finish.
    #[error("another `telemetry` process has been changing project `{name}` for {waited:?}")]
    Busy {
        /// The project.
        name: String,
        /// How long this one has waited for it.
        waited: Duration,
    },
}

impl Failure for ProjectError {
    fn code(&self) -> Code {
        match self {
            Self::Foreign(_) | Self::Symlink(_) | Self::Io(..) => Code::Io,
            Self::Busy { .. } => Code::StackBusy,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Foreign(_) => {
                Some("choose another `--project` or `TELEMETRY_DATA_DIR`".to_owned())
            }
            Self::Symlink(_) => Some("remove the link, or what it points to, by hand".to_owned()),
            Self::Busy { .. } => Some("`telemetry status` shows what runs".to_owned()),
            Self::Io(..) => None,
        }
    }
}

/// The right to change a project's stack; given up when dropped.
#[derive(Debug)]
pub struct ChangeLock {
    _file: File,
}

impl Project {
    /// Project `name` beneath `data_directory`; touches nothing.
    pub fn new(data_directory: &Path, name: impl Into<String>) -> Self {
        let name = name.into();
        let root = data_directory.join(&name);
        Self { name, root }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What its last `start` used, in the form of [`Record`](super::Record).
    pub fn record_path(&self) -> PathBuf {
        self.root.join("stack.json")
    }

    /// The volumes whose telemetry it has, in the form of [`Adoptions`](super::Adoptions).
    pub(super) fn adoptions_path(&self) -> PathBuf {
        self.root.join("adopted.json")
    }

    /// Whether its directory is there and ours.
    ///
    /// # Errors
    ///
    /// When it is there and not ours, or cannot be told.
    pub fn exists(&self) -> Result<bool, ProjectError> {
        if self
            .root
            .join(MARKER)
            .try_exists()
            .map_err(|e| self.io(e))?
        {
            return Ok(true);
        }
        match self.root.read_dir() {
            Ok(mut entries) => {
                // The lock alone is what an interrupted removal leaves.
                if entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK)) {
                    Ok(false)
                } else {
                    Err(ProjectError::Foreign(self.root.clone()))
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.io(error)),
        }
    }

    /// Makes its directory ours, readable by its owner only.
    pub fn create(&self) -> Result<(), ProjectError> {
        if self.exists()? {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(&self.root)
            .and_then(|()| std::fs::write(self.root.join(MARKER), MARKER_TEXT))
            .map_err(|error| self.io(error))
    }

    /// Takes the right to change the stack, waiting for whoever has it; `waits` is called once
    /// if there is somebody. Creates the directory if need be.
    pub async fn lock(
        &self,
        patience: Duration,
        waits: impl FnOnce(),
    ) -> Result<ChangeLock, ProjectError> {
        let deadline = Instant::now() + patience;
        let mut waits = Some(waits);
        loop {
            self.create()?;
            if let Some(lock) = self.try_lock().map_err(|error| self.io(error))? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                return Err(ProjectError::Busy {
                    name: self.name.clone(),
                    waited: patience,
                });
            }
            if let Some(waits) = waits.take() {
                waits();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn try_lock(&self) -> io::Result<Option<ChangeLock>> {
        let path = self.root.join(LOCK);
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = match opened {
            // Removed between its creation and this.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever removed the project meanwhile left us the lock of a file that is gone.
        match std::fs::metadata(&path) {
            Ok(current) if current.ino() == file.metadata()?.ino() => {
                Ok(Some(ChangeLock { _file: file }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The size in bytes of everything in its directory, as stored.
    pub fn size_on_disk(&self) -> io::Result<u64> {
        size_on_disk(&self.root)
    }

    /// Removes its directory with all data. Symbolic links in it are removed, not followed.
    ///
    /// # Errors
    ///
    /// When it is not ours, or the file system refuses; then it can be called again.
    pub fn remove(&self, lock: ChangeLock) -> Result<(), ProjectError> {
        let kind = std::fs::symlink_metadata(&self.root).map_err(|error| self.io(error))?;
        if kind.is_symlink() {
            return Err(ProjectError::Symlink(self.root.clone()));
        }
        if !self.exists()? {
            return Ok(());
        }
        self.remove_contents().map_err(|error| self.io(error))?;
        drop(lock);
        match std::fs::remove_dir(&self.root) {
            // A mount point stays, empty; so does what a new `start` has made of it just now.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ResourceBusy | io::ErrorKind::DirectoryNotEmpty
                ) =>
            {
                Ok(())
            }
            removed => removed.map_err(|error| self.io(error)),
        }
    }

    /// The marker goes last but for the lock: what is half removed is still known as ours.
    fn remove_contents(&self) -> io::Result<()> {
        for entry in self.root.read_dir()? {
            let entry = entry?;
            if entry.file_name() == MARKER || entry.file_name() == LOCK {
                continue;
            }
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        std::fs::remove_file(self.root.join(MARKER))?;
        std::fs::remove_file(self.root.join(LOCK))
    }

    fn io(&self, error: io::Error) -> ProjectError {
        ProjectError::Io(self.root.clone(), error)
    }
}

fn size_on_disk(directory: &Path) -> io::Result<u64> {
    const BLOCK: u64 = 512; // The unit of `st_blocks`, whatever the file system's own is.
    let mut size = 0;
    for entry in directory.read_dir()? {
        // The engine merges and removes parts while this looks.
        let vanished = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let entry = entry?;
        let metadata = match entry.metadata() {
            Err(error) if vanished(&error) => continue,
            metadata => metadata?,
        };
        size += metadata.blocks() * BLOCK;
        if metadata.is_dir() {
            size += match size_on_disk(&entry.path()) {
                Err(error) if vanished(&error) => 0,
                size => size?,
            };
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> (tempfile::TempDir, Project) {
        let directory = tempfile::tempdir().unwrap();
        let project = Project::new(directory.path(), "shop");
        (directory, project)
    }

    async fn lock(project: &Project) -> ChangeLock {
        project.lock(Duration::ZERO, || {}).await.unwrap()
    }

    #[tokio::test]
    async fn a_project_is_created_once_and_removed_whole() {
        let (directory, project) = project();
        assert!(!project.exists().unwrap());
        project.create().unwrap();
        project.create().unwrap();
        std::fs::create_dir_all(project.root().join("clickhouse/store")).unwrap();
        std::fs::write(project.record_path(), "{}").unwrap();
        assert!(project.size_on_disk().unwrap() > 0);

        project.remove(lock(&project).await).unwrap();
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_directory_that_is_not_ours_is_neither_used_nor_removed() {
        let (_directory, project) = project();
        std::fs::create_dir(project.root()).unwrap();
        std::fs::write(project.root().join("thesis.tex"), "chapter 1").unwrap();

        let lock = project.lock(Duration::ZERO, || {}).await;
        assert!(matches!(lock, Err(ProjectError::Foreign(_))));
        assert!(matches!(project.create(), Err(ProjectError::Foreign(_))));
        assert!(project.root().join("thesis.tex").exists());
    }

    #[tokio::test]
    async fn what_a_link_points_to_survives() {
        let (directory, project) = project();
        project.create().unwrap();
        let precious = directory.path().join("precious");
        std::fs::create_dir(&precious).unwrap();
        std::fs::write(precious.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&precious, project.root().join("link")).unwrap();

        project.remove(lock(&project).await).unwrap();
        assert!(precious.join("file").exists());

        let elsewhere = Project::new(directory.path(), "elsewhere");
        elsewhere.create().unwrap();
        std::os::unix::fs::symlink(elsewhere.root(), project.root()).unwrap();
        let lock = lock(&project).await;
        assert!(matches!(
            project.remove(lock),
            Err(ProjectError::Symlink(_))
        ));
        assert!(elsewhere.exists().unwrap());
    }

    #[tokio::test]
    async fn one_changes_a_stack_at_a_time() {
        let (_directory, project) = project();
        project.create().unwrap();
        let first = lock(&project).await;
        let mut waited = false;
        let second = project.lock(Duration::ZERO, || waited = true).await;
        assert!(matches!(second, Err(ProjectError::Busy { .. })));
        drop(first);
        lock(&project).await;
    }
}
