//! A client of one ClickHouse server, as one user.

use std::borrow::Cow;
use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::Query;
use super::native::{self, HandshakeError};

const USER: HeaderName = HeaderName::from_static("x-clickhouse-user");
const PASSWORD: HeaderName = HeaderName::from_static("x-clickhouse-key");

/// The database that statements mean when they name none.
const DATABASE: &str = "telemetry";

/// A client of one ClickHouse server, as one user. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    user: String,
    credentials: HeaderMap,
}

impl Client {
    /// A client of the server at `url`, such as `http://127.0.0.1:8123`, that connects when it is
    /// first used.
    ///
    /// # Panics
    ///
    /// When `user` or `password` has control characters, which settings refuse: no HTTP header
    /// can carry them.
    pub fn new(
        http: reqwest::Client,
        url: impl Into<String>,
        user: impl Into<String>,
        password: &str,
    ) -> Self {
        let header = |text: &str| {
            let mut value = HeaderValue::from_bytes(text.as_bytes())
                .expect("settings have no control characters");
            value.set_sensitive(true);
            value
        };
        let user = user.into();
        let credentials = [(USER, header(&user)), (PASSWORD, header(password))];
        Self {
            http,
            url: url.into(),
            user,
            credentials: credentials.into_iter().collect(),
        }
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Who this client is.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A statement in the making. Tables without a database are those of `telemetry`.
    pub fn query<'c>(&'c self, sql: impl Into<Cow<'c, str>>) -> Query<'c> {
        Query::new(self, sql.into()).database(DATABASE)
    }

    /// Shakes hands with the server in its own protocol, at the address of that, and returns the
    /// name and version that it gives itself.
    ///
    /// # Errors
    ///
    /// When nobody listens there, the user is refused, or something else answers.
    pub async fn handshake(&self, address: SocketAddr) -> Result<String, HandshakeError> {
        let password = self.credentials.get(PASSWORD);
        let password = password.map(|value| String::from_utf8_lossy(value.as_bytes()));
        native::handshake(address, &self.user, &password.unwrap_or_default()).await
    }

    pub(super) fn post(&self) -> reqwest::RequestBuilder {
        self.http.post(&self.url).headers(self.credentials.clone())
    }
}
