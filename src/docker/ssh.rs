//! Engines of other machines, reached by `ssh` as Docker's own client does: each connection is a
//! `docker system dial-stdio` there, which passes bytes between the engine's socket and us.
//!
//! It is the `ssh` program that logs in: the user's configuration, keys and known hosts rule, and
//! whatever it has to say against a machine is what the user is told. It never asks anything, as
//! a question would be lost among what is shown of our progress.

mod pool;
mod session;

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use tokio::process::Command;

use super::endpoint::Destination;
use pool::Pool;
use session::Session;

/// How long `ssh` tries to reach a machine, in seconds; as Docker's own client has it.
const CONNECT_TIMEOUT: u64 = 30;

/// How long it may take until the engine has answered by a new connection: there is logging in, for
/// which an agent may ask a person, after a machine has been reached.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// How long a call waits for another to be over before a further connection is opened for it.
/// Most are over before anybody could have logged in.
const PATIENCE_WITH_CALLS: Duration = Duration::from_millis(100);

/// Why bytes do not get to an engine and back.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum SshError {
    /// The program cannot be run.
    #[error("the program `{}` cannot be run", program.display())]
    Program {
        /// Which one.
        program: OsString,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// It ended, and not because it was told to.
    #[error("{}", ended(*status, words))]
    Ended {
        /// How.
        status: ExitStatus,
        /// The last of what it, or the machine that it reached, said about that.
        words: String,
    },
    /// Neither did it end nor did the engine answer.
    #[error("`ssh` has reached no Docker engine within {PATIENCE:?}")]
    Silent,
    /// The bytes that came are not those of an engine.
    #[error("what comes by `ssh` is not a Docker engine's answer: {0:?}")]
    Foreign(String),
}

fn ended(status: ExitStatus, words: &str) -> String {
    let mut told = match status.code() {
        Some(code) => format!("`ssh` ended with exit status {code}"),
        None => format!("`ssh` was ended by {status}"),
    };
    if !words.is_empty() {
        let _ = write!(told, ": {words}");
    }
    told
}

/// A way to one engine.
struct Ssh {
    program: OsString,
    destination: Destination,
    /// How long a call may wait for another.
    patience: Duration,
}

/// A client of the engine at this destination, whose calls take `timeout` seconds at most. Nothing
/// is run before the first call.
pub(super) fn client(
    destination: &Destination,
    timeout: u64,
) -> Result<Docker, bollard::errors::Error> {
    Ssh::new("ssh", destination).client(timeout)
}

impl Ssh {
    fn new(program: impl Into<OsString>, destination: &Destination) -> Self {
        Self {
            program: program.into(),
            destination: destination.clone(),
            patience: PATIENCE_WITH_CALLS,
        }
    }

    fn client(self, timeout: u64) -> Result<Docker, bollard::errors::Error> {
        let pool = Arc::new(Pool::new(self));
        let send = move |request: BollardRequest| {
            let pool = Arc::clone(&pool);
            async move { pool.send(request).await }
        };
        // The name is what engines are told that they are called.
        Docker::connect_with_custom_transport(
            send,
            Some("http://docker"),
            timeout,
            API_DEFAULT_VERSION,
        )
    }

    /// A connection, on which the engine has answered.
    async fn connect(&self) -> io::Result<Session> {
        let started = Session::start(self.command());
        let mut session = started.map_err(|source| {
            io::Error::other(SshError::Program {
                program: self.program.clone(),
                source: Arc::new(source),
            })
        })?;
        let greeted = tokio::time::timeout(PATIENCE, session.greet()).await;
        greeted.unwrap_or_else(|_| Err(io::Error::other(SshError::Silent)))?;
        Ok(session)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-o", "BatchMode=yes", "-T"]);
        // Nor does another `ssh`, which leads to a jump host, ask: whatever it does ends with no.
        command.env("SSH_ASKPASS", "false");
        command.env("SSH_ASKPASS_REQUIRE", "force");
        command.args(["-o", &format!("ConnectTimeout={CONNECT_TIMEOUT}")]);
        command.args(login(&self.destination));
        command.args(["--", &self.destination.host]);
        command.arg(on_the_machine(&self.destination, "system dial-stdio"));
        command
    }
}

/// The options that say who logs in, and where.
fn login(destination: &Destination) -> Vec<String> {
    let mut options = Vec::new();
    if let Some(user) = &destination.user {
        options.extend(["-l".to_owned(), user.clone()]);
    }
    if let Some(port) = destination.port {
        options.extend(["-p".to_owned(), port.to_string()]);
    }
    options
}

/// A command of Docker's client, for the shell of the machine that is reached.
fn on_the_machine(destination: &Destination, command: &str) -> String {
    match &destination.socket {
        None => format!("docker {command}"),
        Some(socket) => {
            let host = quoted(format!("unix://{socket}"));
            format!("docker --host {host} {command}")
        }
    }
}

/// One word, for a shell.
fn quoted(word: String) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-._/:@%+=,".contains(it);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What a person would type to see whether the engine can be reached, and to be asked what `ssh`
/// has to ask.
pub(super) fn by_hand(destination: &Destination) -> String {
    let command = on_the_machine(destination, "version");
    // Two shells read it, each of which takes quotes away.
    let command = if command.contains('\'') {
        quoted(command)
    } else {
        command
    };
    format!("ssh{} {command}", typed(destination))
}

/// What a person would type to reach these addresses of the machine at the same ports of this one.
pub(super) fn forwarding(
    destination: &Destination,
    addresses: impl IntoIterator<Item = SocketAddr>,
) -> String {
    let mut forwarding = "ssh -N".to_owned();
    for address in addresses {
        let _ = write!(forwarding, " -L {}:{address}", address.port());
    }
    forwarding + &typed(destination)
}

/// Who logs in, and where, with a blank before each word.
fn typed(destination: &Destination) -> String {
    let mut words = login(destination);
    words.push(destination.host.clone());
    let quoted = words.into_iter().map(|word| format!(" {}", quoted(word)));
    quoted.collect()
}

impl SshError {
    /// The one that an error comes from.
    fn beneath(error: &(dyn Error + 'static)) -> Option<Self> {
        let carried = || {
            let error = error.downcast_ref::<io::Error>()?.get_ref()?;
            error.downcast_ref::<Self>().cloned()
        };
        carried().or_else(|| Self::beneath(error.source()?))
    }

    /// Whether a call failed because the program cannot be run.
    pub(super) fn is_of_program(error: &bollard::errors::Error) -> bool {
        let bollard::errors::Error::IOError { err } = error else {
            return false;
        };
        matches!(Self::beneath(err), Some(Self::Program { .. }))
    }
}

#[cfg(test)]
mod tests;
