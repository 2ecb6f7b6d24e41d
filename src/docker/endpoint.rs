//! Which engine is meant: where it listens, and why that one.
//!
//! Docker's own client asks `DOCKER_HOST`, then contexts. This goes on where it stops: whatever
//! else listens at a well-known place is an engine too. Each place is dialled, as sockets of
//! engines that are gone stay in the file system.

mod context;
mod destination;
mod surroundings;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};

pub use destination::Destination;
pub use surroundings::Surroundings;

use crate::error::{Code, Failure};

/// How long a place may take to accept a connection.
const PATIENCE: Duration = Duration::from_millis(200);

/// The same for a place that is not on this machine.
const REMOTE_PATIENCE: Duration = Duration::from_secs(5);

/// Where an engine is, and why that one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Address,
    /// Why that one.
    pub reason: Reason,
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// At a socket of this machine.
    Unix(PathBuf),
    /// On a port, in plain text.
    Tcp(String),
    /// On a port, with the certificates in a directory.
    Tls(String, PathBuf),
    /// On another machine, by `ssh`.
    Ssh(Destination),
}

/// Why an engine is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `DOCKER_HOST` names it.
    DockerHost,
    /// `DOCKER_CONTEXT` names its context.
    DockerContext(String),
    /// Docker's configuration names its context as the current one.
    CurrentContext(String),
    /// It listens where this product does.
    WellKnown(&'static str),
}

/// Why a text is not an engine's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressError {
    /// It has a password, which must not be shown.
    Password,
    /// It is of no kind that can be used.
    Malformed,
}

/// Why there is no engine to speak to.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The one that is meant does not answer.
    #[error("no Docker engine answers at {0}")]
    Silent(Endpoint, #[source] std::io::Error),
    /// The address is of a kind that cannot be used.
    #[error("`{address}` is not an address of a Docker engine ({reason})")]
    Malformed {
        /// The address.
        address: String,
        /// Who says so.
        reason: Reason,
    },
    /// The address has a password.
    #[error("an address of a Docker engine cannot have a password ({0})")]
    Password(Reason),
    /// There is no such context.
    #[error("there is no Docker context `{0}`")]
    NoContext(String),
    /// Nothing is meant, and nothing listens where engines do.
    #[error("no Docker engine answers on this machine")]
    Nowhere,
}

impl Failure for EndpointError {
    fn code(&self) -> Code {
        Code::NoEngine
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Silent(endpoint, error)
                if error.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                format!(
                    "give your user the right to use `{}`, as by `sudo usermod -aG docker $USER` and a new login",
                    endpoint.address
                )
            }
            Self::Silent(endpoint, _) => match endpoint.reason {
                Reason::DockerHost => "start it, or correct or unset `DOCKER_HOST`".to_owned(),
                Reason::DockerContext(_) | Reason::CurrentContext(_) => {
                    "start it, or choose another by `docker context use`".to_owned()
                }
                Reason::WellKnown(_) => "start Docker".to_owned(),
            },
            Self::Malformed { .. } => {
                "write it as `unix:///var/run/docker.sock`, `tcp://host:2376` or `ssh://user@host`"
                    .to_owned()
            }
            Self::Password(_) => {
                "write it as `ssh://user@host`, and let `ssh-agent` or `~/.ssh/config` have the key"
                    .to_owned()
            }
            Self::NoContext(_) => "`docker context ls` shows those that there are".to_owned(),
            Self::Nowhere => {
                "start Docker, or leave out `--engine docker`: `--engine embedded` needs none"
                    .to_owned()
            }
        })
    }
}

impl Endpoint {
    /// Finds the engine that is meant, and sees that something listens there.
    ///
    /// # Errors
    ///
    /// When the one that is named does not answer, and when none is named and none answers.
    pub async fn find(surroundings: &Surroundings) -> Result<Self, EndpointError> {
        if let Some(named) = surroundings.named()? {
            return match named.address.dial().await {
                Ok(()) => Ok(named),
                Err(error) => Err(EndpointError::Silent(named, error)),
            };
        }
        let mut refused = None;
        for endpoint in surroundings.well_known() {
            match endpoint.address.dial().await {
                Ok(()) => return Ok(endpoint),
                // An engine that is there and may not be used is worth telling of.
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    refused.get_or_insert(EndpointError::Silent(endpoint, error));
                }
                Err(_) => {}
            }
        }
        Err(refused.unwrap_or(EndpointError::Nowhere))
    }
}

impl Address {
    /// Understands an address as `DOCKER_HOST` has it. With certificates in `tls`, a port is
    /// spoken to with TLS.
    fn parse(text: &str, tls: Option<&Path>) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        if rest.is_empty() {
            return Err(AddressError::Malformed);
        }
        let authority = || rest.trim_end_matches('/').to_owned();
        match (scheme, tls) {
            ("unix", _) => Ok(Self::Unix(rest.into())),
            ("tcp" | "http", None) => Ok(Self::Tcp(authority())),
            ("tcp" | "https", Some(certificates)) => {
                Ok(Self::Tls(authority(), certificates.to_owned()))
            }
            ("ssh", _) => Destination::parse(rest).map(Self::Ssh),
            _ => Err(AddressError::Malformed),
        }
    }

    /// Whether it is this machine's, so that its published ports and its disk are, too.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Sees whether something accepts connections. What is reached by `ssh` is found out when it
    /// is used.
    async fn dial(&self) -> std::io::Result<()> {
        let patience = match self {
            Self::Unix(_) => PATIENCE,
            _ => REMOTE_PATIENCE,
        };
        let dial = async {
            match self {
                Self::Unix(path) => UnixStream::connect(path).await.map(drop),
                Self::Tcp(authority) | Self::Tls(authority, _) => {
                    TcpStream::connect(with_port(authority)).await.map(drop)
                }
                Self::Ssh(_) => Ok(()),
            }
        };
        tokio::time::timeout(patience, dial)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }
}

/// Docker's own ports are 2375 for plain text and 2376 for TLS; whoever leaves the port out means
/// the first.
fn with_port(authority: &str) -> String {
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port {
        authority.to_owned()
    } else {
        format!("{authority}:2375")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) | Self::Tls(authority, _) => write!(f, "tcp://{authority}"),
            Self::Ssh(destination) => destination.fmt(f),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerHost => f.write_str("as `DOCKER_HOST` says"),
            Self::DockerContext(name) => write!(f, "context `{name}`, as `DOCKER_CONTEXT` says"),
            Self::CurrentContext(name) => write!(f, "the current context `{name}`"),
            Self::WellKnown(product) => write!(f, "where {product} listens"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.address, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_as_docker_understands_them() {
        let parse = |text: &str| Some(Address::parse(text, None).ok()?.to_string());
        for (text, address) in [
            ("unix:///run/docker.sock", Some("unix:///run/docker.sock")),
            ("tcp://build:2375/", Some("tcp://build:2375")),
            ("build:2375", Some("tcp://build:2375")),
            ("ssh://me@build/", Some("ssh://me@build")),
            ("ssh://", None),
            ("unix://", None),
            ("npipe:////./pipe/docker_engine", None),
        ] {
            assert_eq!(parse(text).as_deref(), address, "{text}");
        }
        let tls = Address::parse("tcp://build:2376", Some(Path::new("/certs")));
        assert_eq!(tls, Ok(Address::Tls("build:2376".into(), "/certs".into())));
    }

    #[tokio::test]
    async fn a_password_is_refused_and_not_shown() {
        let surroundings = Surroundings {
            docker_host: Some("ssh://me:secret@build".to_owned()),
            ..Surroundings::default()
        };
        let error = Endpoint::find(&surroundings).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "an address of a Docker engine cannot have a password (as `DOCKER_HOST` says)"
        );
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }

    #[tokio::test]
    async fn a_named_engine_that_does_not_answer_is_an_error_and_none_other_is_taken() {
        let home = tempfile::tempdir().unwrap();
        let live = home.path().join("live.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&live).unwrap();
        let surroundings = Surroundings {
            docker_host: Some("unix:///nowhere/docker.sock".to_owned()),
            sockets: vec![(live.clone(), "a product")],
            ..Surroundings::default()
        };
        let error = Endpoint::find(&surroundings).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no Docker engine answers at `unix:///nowhere/docker.sock` (as `DOCKER_HOST` says)"
        );
        assert_eq!(error.code(), Code::NoEngine);
    }

    #[tokio::test]
    async fn a_socket_that_nobody_listens_at_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let (stale, live) = (
            home.path().join("stale.sock"),
            home.path().join("live.sock"),
        );
        drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
        let _listener = std::os::unix::net::UnixListener::bind(&live).unwrap();
        assert!(stale.exists());
        let surroundings = Surroundings {
            sockets: vec![(stale, "one"), (live.clone(), "another")],
            ..Surroundings::default()
        };
        let found = Endpoint::find(&surroundings).await.unwrap();
        assert_eq!(found.address, Address::Unix(live));
        assert_eq!(found.reason, Reason::WellKnown("another"));
    }
}
