//! A connection to an engine.

use std::fmt;

use bollard::{API_DEFAULT_VERSION, Docker};

use super::endpoint::{Address, Endpoint, EndpointError, Surroundings};
use crate::error::{Code, Failure};

/// The oldest version of the API that has all that is used: Docker Engine 20.10.
const OLDEST: ApiVersion = ApiVersion(1, 41);

/// How long a call may take, in seconds; those that stream are watched by whoever makes them.
const TIMEOUT: u64 = 120;

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
            Self::Silent(..) => Some("`docker version` shows whether it works".to_owned()),
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
        let version = docker.version().await.map_err(silent)?;
        let engine_version = version.version.unwrap_or_default();
        let api = version.api_version.as_deref().and_then(ApiVersion::parse);
        match api {
            Some(api) if api >= OLDEST => Ok(Self {
                docker,
                endpoint,
                engine_version,
                api,
            }),
            _ => Err(ConnectError::TooOld {
                endpoint,
                version: engine_version,
            }),
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
        Address::Ssh(_) => {
            Docker::connect_with_ssh(&address.to_string(), TIMEOUT, API_DEFAULT_VERSION, None)
        }
    }
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
    use super::*;

    #[test]
    fn versions_of_the_api_are_compared_as_numbers() {
        let version = |text| ApiVersion::parse(text).unwrap();
        assert!(version("1.41") >= OLDEST);
        assert!(version("1.100") > version("1.53"));
        assert!(version("1.9") < OLDEST);
        assert_eq!(ApiVersion::parse("new"), None);
    }
}
