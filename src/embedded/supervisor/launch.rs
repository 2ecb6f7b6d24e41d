//! Starting a supervisor in the background, and waiting for what becomes of it.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::control::{Observed, observe};
use super::log::{Line, Source, read_all};
use super::poll::Poll;
use super::state::{LastExit, Phase, State};
use crate::embedded::Directory;
use crate::error::{Code, Failure};

/// A supervisor in the background that was just started.
#[derive(Debug)]
pub struct Launched {
    child: Child,
    started: jiff::Timestamp,
}

/// Why there is no running server.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A file of the project cannot be used.
    #[error("cannot use `{}`", .0.root().display())]
    Directory(Directory, #[source] io::Error),
    /// The program cannot be started.
    #[error("cannot start `{}`", .0.display())]
    Spawn(PathBuf, #[source] io::Error),
    /// The server died before it was ready, or gave up and said why.
    #[error("{}", describe(.0))]
    ServerFailed(Box<LastExit>),
    /// The supervisor itself died.
    #[error("the supervisor ended before the server was ready{}", last_lines(.0))]
    SupervisorDied(Vec<String>),
    /// Someone stopped the stack meanwhile.
    #[error("the stack was stopped while it started")]
    Stopped,
    /// It takes too long.
    #[error("the server was not ready within {0:?}")]
    NotReady(Duration),
}

impl Failure for LaunchError {
    fn code(&self) -> Code {
        match self {
            Self::Directory(..) => Code::Io,
            Self::Spawn(..) | Self::SupervisorDied(_) => Code::EngineStart,
            Self::ServerFailed(exit) => exit
                .failure
                .as_ref()
                .map_or(Code::EngineStart, |failure| failure.code),
            Self::Stopped => Code::Interrupted,
            Self::NotReady(_) => Code::NotReady,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::ServerFailed(exit) => exit
                .failure
                .as_ref()
                .and_then(|failure| failure.hint.clone())
                .or_else(|| Some("`telemetry logs` shows what it said".to_owned())),
            Self::SupervisorDied(_) | Self::NotReady(_) => {
                Some("`telemetry logs` shows what it said".to_owned())
            }
            Self::Directory(..) | Self::Spawn(..) | Self::Stopped => None,
        }
    }
}

fn describe(exit: &LastExit) -> String {
    match &exit.failure {
        Some(failure) => failure.message.clone(),
        None => format!(
            "the server died before it was ready: {}{}",
            exit.status,
            last_lines(&exit.last_lines)
        ),
    }
}

fn last_lines(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("; its last lines were\n    {}", lines.join("\n    "))
}

/// Starts `program` with `arguments`, which become a supervisor of `directory`, in the
/// background; `input` is what it reads from its standard input.
pub async fn launch(
    directory: &Directory,
    program: PathBuf,
    arguments: &[OsString],
    input: &[u8],
) -> Result<Launched, LaunchError> {
    let unusable = |error| LaunchError::Directory(directory.clone(), error);
    directory.create().map_err(unusable)?;
    forget_last(directory).map_err(unusable)?;
    let log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(directory.log())
        .map_err(unusable)?;

    let started = jiff::Timestamp::now();
    let mut child = Command::new(&program)
        .args(arguments)
        .current_dir(directory.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| LaunchError::Spawn(program, error))?;
    let mut stdin = child.stdin.take().expect("its stdin is piped");
    // A supervisor that dies before it has read this is found dead by whoever waits for it.
    let _ = stdin.write_all(input).await;
    Ok(Launched { child, started })
}

/// Removes the account of the last supervisor: in an old one, a process may have the number that
/// the new one gets.
pub fn forget_last(directory: &Directory) -> io::Result<()> {
    match std::fs::remove_file(directory.state()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Launched {
    /// Waits until the server is ready, and says what the supervisor says then.
    ///
    /// # Errors
    ///
    /// When the server or the supervisor has ended, and after `patience`; then they still run.
    pub async fn wait_until_running(
        mut self,
        directory: &Directory,
        patience: Duration,
    ) -> Result<State, LaunchError> {
        let deadline = Instant::now() + patience;
        let mut poll = Poll::new();
        let pid = self.child.id();
        loop {
            // In this order: what a supervisor said last, it said before it ended.
            let ended = self.child.try_wait().ok().flatten().is_some();
            let state = State::read(&directory.state())
                .map_err(|error| LaunchError::Directory(directory.clone(), error))?
                .filter(|state| Some(state.supervisor) == pid);
            match state {
                Some(state) if state.phase == Phase::Running && !ended => return Ok(state),
                Some(state) if ended => return Err(why_ended(state)),
                None if ended => {
                    return Err(LaunchError::SupervisorDied(
                        self.supervisor_lines(directory),
                    ));
                }
                _ => {}
            }
            if Instant::now() >= deadline {
                return Err(LaunchError::NotReady(patience));
            }
            poll.wait_until(deadline).await;
        }
    }

    /// What the supervisor wrote to the log; without a time it is the message of a panic.
    fn supervisor_lines(&self, directory: &Directory) -> Vec<String> {
        let recent = |line: &Line| line.timestamp.is_none_or(|at| at >= self.started);
        let mut lines: Vec<_> = read_all(&directory.log())
            .unwrap_or_default()
            .into_iter()
            .rev()
            .take_while(recent)
            .filter(|line| line.source == Source::Supervisor)
            .map(|line| line.message)
            .take(10)
            .collect();
        lines.reverse();
        lines
    }
}

/// Waits until the supervisor that runs already, if one does, says that its server is ready.
pub async fn wait_until_running(
    directory: &Directory,
    patience: Duration,
) -> Result<(Pid, State), LaunchError> {
    let deadline = Instant::now() + patience;
    let mut poll = Poll::new();
    loop {
        let observed =
            observe(directory).map_err(|error| LaunchError::Directory(directory.clone(), error))?;
        match observed {
            Observed::Supervised {
                supervisor,
                state: Some(state),
            } if state.phase == Phase::Running => return Ok((supervisor, *state)),
            Observed::Supervised { .. } => {}
            Observed::Absent | Observed::Orphaned { .. } => {
                let last = State::read(&directory.state()).ok().flatten();
                return Err(last.map_or(LaunchError::SupervisorDied(Vec::new()), why_ended));
            }
        }
        if Instant::now() >= deadline {
            return Err(LaunchError::NotReady(patience));
        }
        poll.wait_until(deadline).await;
    }
}

fn why_ended(state: State) -> LaunchError {
    match (state.phase, state.last_exit) {
        (Phase::Failed, Some(exit)) => LaunchError::ServerFailed(Box::new(exit)),
        (Phase::Stopping | Phase::Stopped, _) => LaunchError::Stopped,
        _ => LaunchError::SupervisorDied(Vec::new()),
    }
}
