//! One life of the server process, as its supervisor sees it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::announcement::{Announcement, ServerFailure};
use super::lines::Lines;
use super::state::Exit;
use crate::embedded::Directory;

/// How many of its last lines are kept to explain its death.
const LAST_LINES: usize = 20;

/// How long the output of a dead server may take to be read to its end: a process that it left
/// behind could hold the pipes open for ever.
const OUTPUT_AFTER_EXIT: Duration = Duration::from_millis(500);

/// How to start the server process.
#[derive(Clone, Debug)]
pub struct ServerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What it reads from its standard input before it waits there for the end.
    pub input: Vec<u8>,
    /// The directory it runs in.
    pub directory: PathBuf,
}

impl ServerCommand {
    /// This program, as the server of the project in `directory`, which is told `input`.
    pub fn of_this_program(directory: &Directory, input: Vec<u8>) -> io::Result<Self> {
        Ok(Self {
            program: this_program()?,
            arguments: vec![
                "serve".into(),
                "--directory".into(),
                directory.root().into(),
            ],
            input,
            directory: directory.root().to_owned(),
        })
    }
}

/// The program that runs now, even if its file was replaced or removed since.
pub fn this_program() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    if cfg!(target_os = "linux") && !program.exists() {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    Ok(program)
}

/// What happened to a server process.
#[derive(Debug)]
pub enum Event {
    /// It said something to the supervisor.
    Announced(Announcement),
    /// It wrote a line of log.
    Said(String),
    /// It ended; nothing comes after this.
    Exited(Exit),
}

/// A server process that was started.
pub struct ServerProcess {
    child: Child,
    pid: Pid,
    input: JoinHandle<()>,
    stdout: Lines<ChildStdout>,
    stderr: Lines<ChildStderr>,
    open: Open,
    exit: Option<Exit>,
    failure: Option<ServerFailure>,
    last_lines: VecDeque<String>,
}

/// Which of its output may still say something.
struct Open {
    stdout: bool,
    stderr: bool,
}

impl ServerProcess {
    /// Starts it. Its standard input stays open until it has ended or this process has.
    pub fn spawn(command: &ServerCommand) -> io::Result<Self> {
        let mut child = Command::new(&command.program)
            .args(&command.arguments)
            .current_dir(&command.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pid = child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
            .expect("a child that was not waited for has a pid");
        let mut stdin = child.stdin.take().expect("its stdin is piped");
        let input = command.input.clone();
        let input = tokio::spawn(async move {
            // A server that does not read its input dies of that, and says so itself.
            let _ = stdin.write_all(&input).await;
            std::future::pending::<()>().await;
        });
        let stdout = Lines::new(child.stdout.take().expect("its stdout is piped"));
        let stderr = Lines::new(child.stderr.take().expect("its stderr is piped"));
        Ok(Self {
            child,
            pid,
            input,
            stdout,
            stderr,
            open: Open {
                stdout: true,
                stderr: true,
            },
            exit: None,
            failure: None,
            last_lines: VecDeque::new(),
        })
    }

    /// Its process.
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// The next thing that happens to it. Cancel-safe.
    pub async fn next(&mut self) -> Event {
        while self.exit.is_none() {
            let line = tokio::select! {
                line = self.stdout.next(), if self.open.stdout => {
                    self.open.stdout = line.is_some();
                    line
                }
                line = self.stderr.next(), if self.open.stderr => {
                    self.open.stderr = line.is_some();
                    line
                }
                status = self.child.wait() => {
                    self.exit = Some(status.map_or(Exit::Status(-1), Exit::from));
                    self.input.abort();
                    None
                }
            };
            if let Some(line) = line {
                return self.heard(line);
            }
        }
        if let Ok(Some(line)) = timeout(OUTPUT_AFTER_EXIT, self.next_line()).await {
            return self.heard(line);
        }
        Event::Exited(self.exit.expect("the loop above ends with it"))
    }

    /// Sends it `signal`, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        if self.exit.is_none() {
            // Not waited for, so the pid is still its own; it may be a zombie, and that is fine.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// What it said about its failure, and its last lines of log, oldest first.
    pub fn last_words(self) -> (Option<ServerFailure>, Vec<String>) {
        (self.failure, self.last_lines.into())
    }

    async fn next_line(&mut self) -> Option<String> {
        match self.stdout.next().await {
            Some(line) => Some(line),
            None => self.stderr.next().await,
        }
    }

    fn heard(&mut self, line: String) -> Event {
        if let Some(announcement) = Announcement::parse(&line) {
            if let Announcement::Failed(failure) = &announcement {
                self.failure = Some(failure.clone());
            }
            return Event::Announced(announcement);
        }
        if self.last_lines.len() == LAST_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(line.clone());
        Event::Said(line)
    }
}
