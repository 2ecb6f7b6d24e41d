//! Who may come in, and how they say who they are.

use http::{HeaderMap, header};

use super::{
    exception::{Exception, Kind},
    request::Options,
};
use crate::embedded::{
    chdb::Role,
    login::{Login, PasswordHash},
    server::Credentials,
};

/// The users of the interface.
pub struct Users([User; 3]);

struct User {
    name: String,
    password: PasswordHash,
    role: Role,
}

/// Why somebody does not come in.
#[derive(Debug)]
pub struct Refused {
    /// What to say.
    pub exception: Exception,
    /// Whether nobody was named at all, so that a browser had better ask.
    pub anonymous: bool,
}

impl From<Exception> for Refused {
    fn from(exception: Exception) -> Self {
        Self {
            exception,
            anonymous: false,
        }
    }
}

impl Users {
    /// The three users of the stack.
    pub fn new(credentials: &Credentials) -> Self {
        let user = |name: &str, password: &str, role| User {
            name: name.to_owned(),
            password: PasswordHash::of(password.as_bytes()),
            role,
        };
        Self([
            user(
                &credentials.user,
                &credentials.password,
                Role::Administrator,
            ),
            user("ingest", &credentials.ingest_password, Role::Ingest),
            user("grafana", &credentials.grafana_password, Role::Reader),
        ])
    }

    /// Who sends a request: by headers of ClickHouse's, HTTP's basic scheme, or the URL.
    pub fn authenticate(&self, headers: &HeaderMap, options: &Options) -> Result<Role, Refused> {
        let claims = claims(headers, options);
        if claims.len() > 1 {
            return Err(Refused {
                exception: Kind::AuthenticationFailed.exception(
                    "Invalid authentication: it is not allowed to use more than one of the \
                     X-ClickHouse headers, the Authorization header and URL parameters",
                ),
                anonymous: false,
            });
        }
        let login = claims.first().cloned().unwrap_or_default();
        // Every user is looked at, whoever is named.
        let mut role = None;
        for user in &self.0 {
            if login.is(user.name.as_bytes(), &user.password) {
                role = Some(user.role);
            }
        }
        role.ok_or_else(|| {
            let name = match &login.name[..] {
                b"" => b"default",
                name => name,
            };
            Refused {
                exception: Kind::AuthenticationFailed.exception(format!(
                    "{}: Authentication failed: password is incorrect, or there is no user with such name",
                    String::from_utf8_lossy(name)
                )),
                anonymous: claims.is_empty(),
            }
        })
    }
}

/// Who a request says that it is from.
fn claims(headers: &HeaderMap, options: &Options) -> Vec<Login> {
    let header = |name: &str| headers.get(name).map(|value| value.as_bytes().to_vec());
    let mut claims = Vec::new();
    let (user, key) = (header("x-clickhouse-user"), header("x-clickhouse-key"));
    let mut claim = |name: Option<Vec<u8>>, password: Option<Vec<u8>>| {
        claims.push(Login {
            name: name.unwrap_or_default(),
            password: password.unwrap_or_default(),
        });
    };
    if user.is_some() || key.is_some() {
        claim(user, key);
    }
    if options.user.is_some() || options.password.is_some() {
        claim(options.user.clone(), options.password.clone());
    }
    if headers.contains_key(header::AUTHORIZATION) {
        claims.push(Login::from_headers(headers).unwrap_or_default());
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        Users::new(&Credentials {
            user: "telemetry".into(),
            password: "sécret".into(),
            ingest_password: "in".into(),
            grafana_password: "out".into(),
        })
    }

    fn role(headers: &[(&str, &str)], url: &str) -> Option<Role> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                http::HeaderName::try_from(*name).unwrap(),
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let options = Options::parse(url.as_bytes()).unwrap();
        users().authenticate(&map, &options).ok()
    }

    #[test]
    fn there_are_three_ways_to_say_who_one_is() {
        let admin = Some(Role::Administrator);
        let headers = [
            ("x-clickhouse-user", "telemetry"),
            ("x-clickhouse-key", "sécret"),
        ];
        assert_eq!(role(&headers, ""), admin);
        assert_eq!(
            role(&[("authorization", "Basic dGVsZW1ldHJ5OnPDqWNyZXQ=")], ""),
            admin
        );
        assert_eq!(role(&[], "user=telemetry&password=s%C3%A9cret"), admin);
        assert_eq!(role(&[], "user=grafana&password=out"), Some(Role::Reader));
        assert_eq!(role(&[], "user=ingest&password=in"), Some(Role::Ingest));
    }

    #[test]
    fn whoever_is_wrong_stays_out() {
        for (headers, url) in [
            (&[][..], ""),
            (&[], "user=telemetry&password="),
            (&[], "user=grafana&password=in"),
            (&[], "user=default"),
            (&[("authorization", "Basic !")], ""),
            (&[("authorization", "Bearer x")], ""),
            (&[("x-clickhouse-user", "telemetry")], ""),
            (
                &[
                    ("x-clickhouse-user", "grafana"),
                    ("x-clickhouse-key", "out"),
                ],
                "user=grafana&password=out",
            ),
        ] {
            assert_eq!(role(headers, url), None, "{headers:?} {url}");
        }
    }
}
