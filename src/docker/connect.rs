//! A connection to an engine.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use http::Request;

use super::endpoint::{Address, Endpoint, EndpointError, Surroundings};
use super::ssh::{self, SshError};
use crate::error::{Code, Failure};

/// The oldest version of the API that has all that is used: Docker Engine 20.10.
const OLDEST: ApiVersion = ApiVersion(1, 41);

/// How long a call may take, in seconds; those that stream are watched by whoever makes them.
const TIMEOUT: u64 = 120;

/// How long it may take to say which version it is. A virtual machine that sleeps accepts
/// connections, and never answers.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);

/// The same by `ssh`, which has a patience of its own, and can say what has tried it.
const FIRST_PATIENCE_BY_SSH: Duration = ssh::PATIENCE.saturating_add(FIRST_PATIENCE);

/// A connection to an engine that has answered.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) docker: Docker,
    /// Where the engine is, and why that one.
    pub endpoint: Endpoint,
    /// The engine's version, such as `28.2.2`.
    pub engine_version: String,
    /// The newest version of the API that it speaks.
    pub api: ApiVersion,
    /// Whether it is Podman, which speaks that as well and knows fewer options.
    pub is_podman: bool,
}

/// A version of the Docker API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(pub u16, pub u16);

/// Why an engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is none.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// It does not answer as engines do.
    #[error("the Docker engine at {0} does not answer")]
    Silent(Endpoint, #[source] bollard::errors::Error),
    /// It is too old.
    #[error("the Docker engine at {endpoint} is version {version}")]
    TooOld {
        /// Which engine.
        endpoint: Endpoint,
        /// Its version.
        version: String,
    },
}

impl Failure for ConnectError {
    fn code(&self) -> Code {
        Code::NoEngine
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Endpoint(error) => error.hint(),
            Self::Silent(endpoint, error) => Some(match &endpoint.address {
                Address::Ssh(_) if SshError::is_of_program(error) => {
                    "install OpenSSH's client, and have it in `PATH`".to_owned()
                }
                Address::Ssh(destination) => format!(
                    "`{}` shows whether it works, and asks what `ssh` has to ask",
                    ssh::by_hand(destination)
                ),
                _ => "`docker version` shows whether it works".to_owned(),
            }),
            Self::TooOld { .. } => Some("version 20.10 is the oldest that will do".to_owned()),
        }
    }
}

impl Connection {
    /// Connects to the engine that is meant.
    ///
    /// # Errors
    ///
    /// When there is none, it does not answer, or it is too old.
    pub async fn open(surroundings: &Surroundings) -> Result<Self, ConnectError> {
        let endpoint = Endpoint::find(surroundings).await?;
        let silent = |error| ConnectError::Silent(endpoint.clone(), error);
        let docker = client(&endpoint.address).map_err(silent)?;
        let docker = docker.with_request_modifier(with_readable_credentials);
        let patience = match endpoint.address {
            Address::Ssh(_) => FIRST_PATIENCE_BY_SSH,
            _ => FIRST_PATIENCE,
        };
        let version = docker.clone().with_timeout(patience).version().await;
        let version = version.map_err(silent)?;
        let engine_version = version.version.unwrap_or_default();
        let components = version.components.unwrap_or_default();
        let is_podman = components.iter().any(|it| it.name.starts_with("Podman"));
        let api = version.api_version.as_deref().and_then(ApiVersion::parse);
        match api {
            Some(api) if api >= OLDEST => Ok(Self {
                docker,
                endpoint,
                engine_version,
                api,
                is_podman,
            }),
            _ => Err(ConnectError::TooOld {
                endpoint,
                version: engine_version,
            }),
        }
    }

    /// What a person would type to reach these addresses of the engine's machine at the same ports
    /// of this one; `None` unless the engine is reached by `ssh`.
    pub fn forwarding(&self, addresses: impl IntoIterator<Item = SocketAddr>) -> Option<String> {
        match &self.endpoint.address {
            Address::Ssh(destination) => Some(ssh::forwarding(destination, addresses)),
            _ => None,
        }
    }
}

/// The client sends paths without a version, which mean the newest one that the engine speaks.
fn client(address: &Address) -> Result<Docker, bollard::errors::Error> {
    match address {
        Address::Unix(path) => {
            let path = path.display().to_string();
            Docker::connect_with_unix(&path, TIMEOUT, API_DEFAULT_VERSION)
        }
        Address::Tcp(_) => {
            Docker::connect_with_http(&address.to_string(), TIMEOUT, API_DEFAULT_VERSION)
        }
        Address::Tls(_, certificates) => Docker::connect_with_ssl(
            &address.to_string(),
            &certificates.join("key.pem"),
            &certificates.join("cert.pem"),
            &certificates.join("ca.pem"),
            TIMEOUT,
            API_DEFAULT_VERSION,
        ),
        Address::Ssh(destination) => ssh::client(destination, TIMEOUT),
    }
}

/// Engines read credentials in the alphabet of base64 for URLs, and take what they cannot read for
/// none; the client writes the other alphabet.
fn with_readable_credentials<B>(mut request: Request<B>) -> Request<B> {
    if let Some(credentials) = request.headers_mut().get_mut("x-registry-auth")
        && let Ok(text) = credentials.to_str()
        && let Ok(readable) = text.replace('+', "-").replace('/', "_").parse()
    {
        *credentials = readable;
        credentials.set_sensitive(true);
    }
    request
}

impl ApiVersion {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::server::WebPkiClientVerifier;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};

    use super::*;

    /// Certificates as Docker's documentation has them made: of an authority whose key is gone,
    /// for an engine at `localhost` and for its client.
    fn certificates() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/docker-tls")
    }

    /// An engine that tells its version to whoever has a certificate; gives its port.
    async fn engine_with_tls() -> u16 {
        let certificate = |name| CertificateDer::from_pem_file(certificates().join(name)).unwrap();
        let mut authorities = RootCertStore::empty();
        authorities.add(certificate("ca.pem")).unwrap();
        let clients = WebPkiClientVerifier::builder(Arc::new(authorities)).build();
        let key = PrivateKeyDer::from_pem_file(certificates().join("server-key.pem")).unwrap();
        let config = ServerConfig::builder()
            .with_client_cert_verifier(clients.unwrap())
            .with_single_cert(vec![certificate("server-cert.pem")], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                let version = r#"{"Version": "28.5.2", "ApiVersion": "1.51"}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{version}",
                    version.len()
                );
                // Who hung up does not want to know.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    async fn open(host: String, certificates: Option<PathBuf>) -> Result<Connection, ConnectError> {
        let surroundings = Surroundings {
            docker_host: Some(host),
            certificates,
            ..Surroundings::default()
        };
        Connection::open(&surroundings).await
    }

    #[tokio::test]
    async fn an_engine_is_spoken_to_with_tls_by_who_has_certificates() {
        let host = format!("tcp://localhost:{}", engine_with_tls().await);
        let connection = open(host, Some(certificates())).await.unwrap();
        assert_eq!(connection.engine_version, "28.5.2");
        assert_eq!(connection.api, ApiVersion(1, 51));
    }

    #[tokio::test]
    async fn whose_certificates_will_not_do_is_told_why() {
        let port = engine_with_tls().await;
        let innermost = async |address: &str, certificates: Option<PathBuf>| {
            let host = format!("tcp://{address}:{port}");
            let error = open(host, certificates).await.unwrap_err();
            assert!(error.to_string().ends_with("does not answer"), "{error}");
            let mut cause = error.source().unwrap();
            while let Some(source) = cause.source() {
                cause = source;
            }
            cause.to_string()
        };
        // It is another's.
        let told = innermost("127.0.0.1", Some(certificates())).await;
        assert!(told.contains("not valid for name"), "{told}");
        // There are none.
        let told = innermost("localhost", Some("/nowhere".into())).await;
        assert!(told.contains("/nowhere/ca.pem"), "{told}");
        // There is none for the client.
        let directory = tempfile::tempdir().unwrap();
        std::fs::copy(
            certificates().join("ca.pem"),
            directory.path().join("ca.pem"),
        )
        .unwrap();
        let told = innermost("localhost", Some(directory.path().to_owned())).await;
        assert!(told.contains("CertificateRequired"), "{told}");
    }

    #[test]
    fn versions_of_the_api_are_compared_as_numbers() {
        let version = |text| ApiVersion::parse(text).unwrap();
        assert!(version("1.41") >= OLDEST);
        assert!(version("1.100") > version("1.53"));
        assert!(version("1.9") < OLDEST);
        assert_eq!(ApiVersion::parse("new"), None);
    }
}
