//! Who runs: a claim that a process holds on a file for as long as it lives.
//!
//! A pid in a file says who ran once; after a crash or a reboot that number belongs to somebody
//! else. A POSIX record lock cannot be stale: the kernel drops it with its process, however that
//! ends, and names the holder to whoever asks. So no pid is ever read from a file here.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};

/// A claim held by this process.
///
/// The lock belongs to the process, not to the descriptor: closing *any* descriptor of the file
/// gives it up, so a process that holds a claim must not ask [`holder`] about the same file.
#[derive(Debug)]
pub struct Claim {
    _file: File,
}

impl Claim {
    /// Takes the claim on `path`, creating the file if need be; `None` when another process
    /// holds it.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The process that holds the claim on `path`, as the kernel knows it; `None` when nobody does.
///
/// # Errors
///
/// When the file cannot be asked about: then whether somebody runs is not known. Also when the
/// holder lives in a process namespace that has no number for it here.
pub fn holder(path: &Path) -> io::Result<Option<Pid>> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match fcntl_getlk(&file, &Flock::from(FlockType::WriteLock))? {
        // macOS answers with the question itself, unlocked, when there is no holder.
        None => Ok(None),
        Some(lock) if lock.typ == FlockType::Unlocked => Ok(None),
        Some(lock) => lock
            .pid
            .map(Some)
            .ok_or_else(|| io::Error::other("held by a process of another process namespace")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    /// A process that holds a claim on `path` until it is killed, as another process would.
    fn claimant(path: &Path) -> std::process::Child {
        let script = "import fcntl,sys,time\nf=open(sys.argv[1],'r+')\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint('held',flush=True)\ntime.sleep(600)";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "held\n");
        child
    }

    #[test]
    fn nobody_holds_a_file_that_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(holder(&directory.path().join("x.lock")).unwrap(), None);
    }

    #[test]
    fn a_claim_ends_with_its_process_however_that_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.lock");
        std::fs::write(&path, "").unwrap();
        let mut other = claimant(&path);

        let pid = Pid::from_child(&other);
        assert_eq!(holder(&path).unwrap(), Some(pid));
        assert!(Claim::take(&path).unwrap().is_none());

        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(holder(&path).unwrap(), None);
        assert!(Claim::take(&path).unwrap().is_some());
    }
}
