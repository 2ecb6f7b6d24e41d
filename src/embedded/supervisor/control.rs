//! Finding the processes of a project, and stopping them.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::claim::holder;
use super::poll::Poll;
use super::state::State;
use crate::embedded::Directory;
use crate::error::{Code, Failure};

/// How long processes may take to end once they were killed.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// Which processes of a project there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// None.
    Absent,
    /// A supervisor runs.
    Supervised {
        /// Its process.
        supervisor: Pid,
        /// What it says; `None` while it has not said anything yet.
        state: Option<Box<State>>,
    },
    /// A server runs whose supervisor was killed: it drains and ends.
    Orphaned {
        /// Its process.
        server: Pid,
    },
}

/// What runs for the project in `directory`.
///
/// # Errors
///
/// When it cannot be told.
pub fn observe(directory: &Directory) -> io::Result<Observed> {
    if let Some(supervisor) = holder(&directory.supervisor_claim())? {
        let own =
            |state: &State| state.supervisor == supervisor.as_raw_nonzero().get().unsigned_abs();
        let state = State::read(&directory.state())?.filter(own).map(Box::new);
        return Ok(Observed::Supervised { supervisor, state });
    }
    Ok(match holder(&directory.server_claim())? {
        Some(server) => Observed::Orphaned { server },
        None => Observed::Absent,
    })
}

/// How a stack was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Nothing ran.
    NothingRan,
    /// It drained and ended.
    Drained,
    /// It did not end in time and was killed.
    Killed,
}

/// Why a stack could not be stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// What runs cannot be told, or not be signalled.
    #[error("cannot tell what runs in `{}`", .0.root().display())]
    Unknown(Directory, #[source] io::Error),
    /// The processes do not end even when killed.
    #[error("process {} does not end, not even killed", .0.as_raw_nonzero())]
    Unstoppable(Pid),
}

impl Failure for StopError {
    fn code(&self) -> Code {
        match self {
            Self::Unknown(..) => Code::Io,
            Self::Unstoppable(_) => Code::EngineStart,
        }
    }
}

/// Stops what runs for the project in `directory`: asks it to drain, kills it after `patience`.
/// Returns when every process of it has ended.
pub async fn stop(directory: &Directory, patience: Duration) -> Result<Stopped, StopError> {
    let unknown = |error| StopError::Unknown(directory.clone(), error);
    if observe(directory).map_err(unknown)? == Observed::Absent {
        return Ok(Stopped::NothingRan);
    }
    // A server without supervisor drains by itself; the signal only makes sure.
    if !signal_holder(&directory.supervisor_claim(), Signal::TERM).map_err(unknown)? {
        signal_holder(&directory.server_claim(), Signal::TERM).map_err(unknown)?;
    }
    if wait_until_absent(directory, patience)
        .await
        .map_err(unknown)?
    {
        return Ok(Stopped::Drained);
    }

    // The supervisor goes first, or it would start the server again.
    signal_holder(&directory.supervisor_claim(), Signal::KILL).map_err(unknown)?;
    signal_holder(&directory.server_claim(), Signal::KILL).map_err(unknown)?;
    if wait_until_absent(directory, AFTER_KILL)
        .await
        .map_err(unknown)?
    {
        return Ok(Stopped::Killed);
    }
    match observe(directory).map_err(unknown)? {
        Observed::Absent => Ok(Stopped::Killed),
        Observed::Supervised {
            supervisor: pid, ..
        }
        | Observed::Orphaned { server: pid } => Err(StopError::Unstoppable(pid)),
    }
}

/// Waits until no process of the project is left; `false` when `patience` ran out.
pub async fn wait_until_absent(directory: &Directory, patience: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    let mut poll = Poll::new();
    while observe(directory)? != Observed::Absent {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        poll.wait_until(deadline).await;
    }
    Ok(true)
}

/// Sends `signal` to the process that holds the claim on `path`, and to no other; says whether
/// there was one.
fn signal_holder(path: &Path, signal: Signal) -> io::Result<bool> {
    let Some(pid) = holder(path)? else {
        return Ok(false);
    };
    match signal_if(pid, signal, || Ok(holder(path)? == Some(pid))) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
            Ok(false)
        }
        sent => sent,
    }
}

/// Signals `pid` through a handle that is taken before it is confirmed, so that a process which
/// gets the number meanwhile is never hit.
#[cfg(target_os = "linux")]
fn signal_if(
    pid: Pid,
    signal: Signal,
    confirm: impl FnOnce() -> io::Result<bool>,
) -> io::Result<bool> {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    if !confirm()? {
        return Ok(false);
    }
    pidfd_send_signal(process, signal)?;
    Ok(true)
}

/// Signals `pid` right after it is confirmed; there is no handle of a process to hold here.
#[cfg(not(target_os = "linux"))]
fn signal_if(
    pid: Pid,
    signal: Signal,
    confirm: impl FnOnce() -> io::Result<bool>,
) -> io::Result<bool> {
    if !confirm()? {
        return Ok(false);
    }
    rustix::process::kill_process(pid, signal)?;
    Ok(true)
}
