//! The supervisor's loop: it alone decides, everything else sends it events.

use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;
use tokio::sync::oneshot;

use super::announcement::Announcement;
use super::backoff::Backoff;
use super::claim::Claim;
use super::log::{Limits, Line, RotatingLog, Source};
use super::notify::notify;
use super::server_process::{Event, ServerCommand, ServerProcess};
use super::state::{Exit, LastExit, Phase, ServerState, State};
use super::stop_requests::StopRequests;
use crate::embedded::Directory;
use crate::error::{Code, Failure};

/// Keeps one server process alive.
#[derive(Debug)]
pub struct Supervisor {
    /// Whose server it is.
    pub directory: Directory,
    /// The server.
    pub server: ServerCommand,
    /// How long to wait between its lives.
    pub backoff: Backoff,
    /// How much log to keep.
    pub limits: Limits,
    /// In the foreground, who is told the version of ClickHouse once the server is ready; then
    /// the log goes to standard error as well. In the background, standard error goes to the log.
    pub foreground: Option<oneshot::Sender<String>>,
}

/// How supervision ended.
#[derive(Debug)]
pub enum Ended {
    /// It was asked to; the server had this exit.
    Stopped(Option<Exit>),
    /// The server died before it was ever ready.
    NeverReady(LastExit),
}

/// Why there is nothing to supervise.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// Another process supervises this project.
    #[error("another process supervises `{}` already", .0.root().display())]
    AlreadySupervised(Directory),
    /// A file of the project cannot be used.
    #[error("cannot use `{}`", .0.root().display())]
    Directory(Directory, #[source] io::Error),
    /// The server process cannot be started.
    #[error("cannot start `{}`", .0.display())]
    Spawn(std::path::PathBuf, #[source] io::Error),
}

impl Failure for SupervisorError {
    fn code(&self) -> Code {
        match self {
            Self::AlreadySupervised(_) => Code::StackBusy,
            Self::Directory(..) => Code::Io,
            Self::Spawn(..) => Code::EngineStart,
        }
    }
}

impl Supervisor {
    /// Runs until it is asked to stop, or the server dies before it was ever ready.
    ///
    /// # Errors
    ///
    /// Before the first life of the server only.
    pub async fn run(self, mut stops: StopRequests) -> Result<Ended, SupervisorError> {
        let unusable = |error| SupervisorError::Directory(self.directory.clone(), error);
        self.directory.create().map_err(unusable)?;
        let claim = Claim::take(&self.directory.supervisor_claim())
            .map_err(unusable)?
            .ok_or_else(|| SupervisorError::AlreadySupervised(self.directory.clone()))?;
        let log = RotatingLog::open(&self.directory.log(), self.limits).map_err(unusable)?;
        let mut account = Account {
            state: State {
                supervisor: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                phase: Phase::Starting,
                started_at: Timestamp::now(),
                server: None,
                restarts: 0,
                last_exit: None,
            },
            directory: self.directory,
            log,
            foreground: self.foreground.is_some(),
            when_ready: self.foreground,
        };
        let ended = account
            .supervise(&self.server, self.backoff, &mut stops)
            .await;
        drop(claim);
        ended
    }
}

/// What the supervisor tells the world.
struct Account {
    state: State,
    directory: Directory,
    log: RotatingLog,
    foreground: bool,
    when_ready: Option<oneshot::Sender<String>>,
}

/// One life of the server, in retrospect.
struct Life {
    exit: Exit,
    /// How long it was ready.
    uptime: Duration,
    was_ready: bool,
    asked_to_stop: bool,
}

impl Account {
    async fn supervise(
        &mut self,
        command: &ServerCommand,
        mut backoff: Backoff,
        stops: &mut StopRequests,
    ) -> Result<Ended, SupervisorError> {
        let mut ever_ready = false;
        loop {
            let server = match ServerProcess::spawn(command) {
                Ok(server) => Some(server),
                Err(error) if !ever_ready => {
                    return Err(SupervisorError::Spawn(command.program.clone(), error));
                }
                Err(error) => {
                    self.note(&format!("ERROR cannot start the server again: {error}"));
                    None
                }
            };
            let mut uptime = Duration::ZERO;
            if let Some(server) = server {
                let life = self.live(server, stops).await;
                ever_ready |= life.was_ready;
                uptime = life.uptime;
                if life.asked_to_stop {
                    self.note(&format!(
                        "INFO stopped; the server ended with {}",
                        life.exit
                    ));
                    self.enter(Phase::Stopped);
                    return Ok(Ended::Stopped(Some(life.exit)));
                }
                if !ever_ready {
                    self.note(&format!("ERROR the server did not start: {}", life.exit));
                    self.enter(Phase::Failed);
                    let last_exit = self.state.last_exit.clone();
                    return Ok(Ended::NeverReady(last_exit.expect("a life ended just now")));
                }
                self.note(&format!("ERROR the server died: {}", life.exit));
            }

            let wait = backoff.after_crash(uptime);
            self.note(&format!("INFO starting the server again in {wait:.0?}"));
            self.enter(Phase::Restarting);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stops.next() => {
                    self.note("INFO stopped while no server ran");
                    self.enter(Phase::Stopped);
                    return Ok(Ended::Stopped(None));
                }
            }
            self.state.restarts += 1;
        }
    }

    /// Sees one server process through from its start to its end.
    async fn live(&mut self, mut server: ServerProcess, stops: &mut StopRequests) -> Life {
        let started = Instant::now();
        let mut ready: Option<Instant> = None;
        let mut asked_to_stop = false;
        let pid = server.pid().as_raw_nonzero().get();
        self.note(&format!("INFO started the server, pid {pid}"));
        self.state.server = Some(ServerState {
            pid: pid.unsigned_abs(),
            started_at: Timestamp::now(),
            ready_at: None,
            clickhouse_version: None,
        });
        self.publish();

        let exit = loop {
            tokio::select! {
                event = server.next() => match event {
                    Event::Said(line) => self.log(Source::Server, &line),
                    Event::Announced(Announcement::Ready { clickhouse_version }) => {
                        ready = Some(Instant::now());
                        self.note(&format!("INFO ready after {:.0?}", started.elapsed()));
                        self.ready(clickhouse_version, asked_to_stop);
                    }
                    Event::Announced(Announcement::Failed(failure)) => {
                        self.note(&format!("ERROR the server gives up: {failure}"));
                    }
                    Event::Exited(exit) => break exit,
                },
                () = stops.next() => {
                    if asked_to_stop {
                        self.note("WARN asked to stop again: killing the server");
                        server.signal(Signal::KILL);
                    } else {
                        asked_to_stop = true;
                        self.note("INFO stopping: the server drains");
                        self.enter(Phase::Stopping);
                        notify("STOPPING=1");
                        server.signal(Signal::TERM);
                    }
                }
            }
        };

        let (failure, last_lines) = server.last_words();
        self.state.server = None;
        self.state.last_exit = Some(LastExit {
            at: Timestamp::now(),
            status: exit,
            failure,
            last_lines,
        });
        Life {
            exit,
            uptime: ready.map_or(Duration::ZERO, |ready| ready.elapsed()),
            was_ready: ready.is_some(),
            asked_to_stop,
        }
    }

    fn ready(&mut self, clickhouse_version: String, asked_to_stop: bool) {
        if let Some(server) = &mut self.state.server {
            server.ready_at = Some(Timestamp::now());
            server.clickhouse_version = Some(clickhouse_version.clone());
        }
        if !asked_to_stop {
            self.enter(Phase::Running);
            notify("READY=1");
            if let Some(waiting) = self.when_ready.take() {
                // Who waits no longer need not know.
                let _ = waiting.send(clickhouse_version);
            }
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.state.phase = phase;
        self.publish();
    }

    fn publish(&mut self) {
        if let Err(error) = self.state.publish(&self.directory.state()) {
            self.note(&format!("ERROR cannot write the state file: {error}"));
        }
    }

    fn note(&mut self, message: &str) {
        self.log(Source::Supervisor, message);
    }

    /// A log that cannot be written, on a full disk say, must not end the service.
    fn log(&mut self, source: Source, message: &str) {
        let line = Line::new(Timestamp::now(), source, message);
        if self.foreground {
            use std::io::Write as _;
            let _ = writeln!(io::stderr(), "{line}");
        }
        if let Ok(true) = self.log.write(&line)
            && !self.foreground
        {
            // What this process itself says, in a panic, belongs to the file that is current.
            let _ = rustix::stdio::dup2_stderr(self.log.file());
        }
    }
}

#[cfg(test)]
mod tests;
