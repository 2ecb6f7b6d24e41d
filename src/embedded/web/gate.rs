//! Who may see the dashboards.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use crate::embedded::login::{Login, PasswordHash};

/// Lets requests in or not.
pub struct Gate {
    /// The password of `admin`, where not everybody knows it.
    password: Option<PasswordHash>,
}

/// Why a request is not let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("Log in as `admin` with the password that `GF_SECURITY_ADMIN_PASSWORD` sets")]
    NoLogin,
    #[error(
        "This page is at an IP address or at `localhost`; under the name `{0}` it is shown once \
         `GF_SECURITY_ADMIN_PASSWORD` is a password of your own"
    )]
    Renamed(String),
    #[error("Another site's page sent this")]
    CrossSite,
}

impl Refusal {
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NoLogin => StatusCode::UNAUTHORIZED,
            Self::Renamed(_) | Self::CrossSite => StatusCode::FORBIDDEN,
        }
    }
}

impl Gate {
    pub fn new(password: Option<&str>) -> Self {
        Self {
            password: password.map(|password| PasswordHash::of(password.as_bytes())),
        }
    }

    /// Lets a request in, or says why not.
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        // A browser says so whether or not the page wants it to. Links from elsewhere are fine.
        let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
        let comes_from = header("sec-fetch-site");
        let is_foreign = matches!(comes_from, Some(b"cross-site" | b"same-site"));
        if is_foreign && header("sec-fetch-mode") != Some(b"navigate") {
            return Err(Refusal::CrossSite);
        }
        match &self.password {
            Some(password) => {
                let login = Login::from_headers(headers).ok_or(Refusal::NoLogin)?;
                if login.is(b"admin", password) {
                    Ok(())
                } else {
                    Err(Refusal::NoLogin)
                }
            }
            // A foreign page whose name came to mean this machine's address would be of the same
            // site; but the name would be its own.
            None => match host(uri, headers) {
                Some(host) if !is_of_this_machine(&host) => Err(Refusal::Renamed(host)),
                _ => Ok(()),
            },
        }
    }
}

/// The name or address by which the server was reached, without the port.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    if let Some(host) = uri.host() {
        return Some(host.to_owned());
    }
    let host = headers.get(header::HOST)?;
    let host = String::from_utf8_lossy(host.as_bytes());
    let port = host
        .rfind(':')
        .filter(|colon| !host[*colon..].contains(']'));
    Some(host[..port.unwrap_or(host.len())].to_owned())
}

/// Nobody can make these names mean something else.
fn is_of_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let host = host.to_ascii_lowercase();
    bare.parse::<IpAddr>().is_ok() || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(gate: &Gate, headers: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        gate.admit(&Uri::from_static("/"), &map)
    }

    #[test]
    fn without_a_password_the_name_must_be_of_this_machine() {
        let gate = Gate::new(None);
        for host in [
            "localhost:3000",
            "LOCALHOST",
            "127.0.0.1:3000",
            "[::1]:3000",
            "[::1]",
            "telemetry.localhost:3000",
        ] {
            assert_eq!(admits(&gate, &[("host", host)]), Ok(()), "{host}");
        }
        assert_eq!(admits(&gate, &[]), Ok(()));
        for (host, name) in [
            ("evil.example:3000", "evil.example"),
            ("localhost.evil.example", "localhost.evil.example"),
            ("127.0.0.1.evil.example:3000", "127.0.0.1.evil.example"),
            ("", ""),
        ] {
            let refused = Err(Refusal::Renamed(name.to_owned()));
            assert_eq!(admits(&gate, &[("host", host)]), refused);
        }
    }

    #[test]
    fn with_a_password_it_must_be_known() {
        let gate = Gate::new(Some("sécret"));
        let refused = Err(Refusal::NoLogin);
        assert_eq!(admits(&gate, &[("host", "localhost")]), refused);
        for (login, admitted) in [
            ("Basic YWRtaW46c8OpY3JldA==", Ok(())),
            ("basic YWRtaW46c8OpY3JldA==", Ok(())),
            // Another user, another password, and no login at all.
            ("Basic Z3JhZmFuYTpzw6ljcmV0", Err(Refusal::NoLogin)),
            ("Basic YWRtaW46YWRtaW4=", Err(Refusal::NoLogin)),
            ("Bearer x", Err(Refusal::NoLogin)),
        ] {
            let headers = [("host", "telemetry.example"), ("authorization", login)];
            assert_eq!(admits(&gate, &headers), admitted, "{login}");
        }
    }

    #[test]
    fn what_another_sites_page_sends_is_not_answered_but_its_links_are() {
        let gate = Gate::new(None);
        for (site, mode, admitted) in [
            ("same-origin", "cors", Ok(())),
            ("none", "navigate", Ok(())),
            ("cross-site", "navigate", Ok(())),
            ("cross-site", "no-cors", Err(Refusal::CrossSite)),
            ("same-site", "cors", Err(Refusal::CrossSite)),
        ] {
            let headers = [("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            assert_eq!(admits(&gate, &headers), admitted, "{site} {mode}");
        }
    }
}
