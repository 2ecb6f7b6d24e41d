//! Where `ssh` is told to go.

use std::fmt;
use std::num::NonZeroU16;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::AddressError;

/// A machine that is reached by `ssh`, and the engine's socket there, as
/// `ssh://[user@]host[:port][/path]` names them. What is left out is for `~/.ssh/config` to say,
/// or for Docker's own client on that machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Who logs in.
    pub user: Option<String>,
    /// The machine's name, as `~/.ssh/config` or the resolver knows it, or its address; one of
    /// IPv6 is without brackets.
    pub host: String,
    /// Where `sshd` listens.
    pub port: Option<NonZeroU16>,
    /// The path of the engine's socket.
    pub socket: Option<String>,
}

/// What is written as it is in the name of a user.
const IN_USER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// And in a path.
const IN_PATH: &AsciiSet = &IN_USER.remove(b'/');

impl Destination {
    /// Understands what follows `ssh://`.
    pub(in crate::docker) fn parse(text: &str) -> Result<Self, AddressError> {
        let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (user, machine) = match authority.rsplit_once('@') {
            // `ssh` takes passwords from nobody but a person.
            Some((user, _)) if user.contains(':') => return Err(AddressError::Password),
            Some((user, machine)) => (user, machine),
            None => ("", authority),
        };
        // There is nothing to ask of an engine's address.
        let parts = (!text.contains(['?', '#'])).then_some((user, machine, path));
        parts
            .and_then(|(user, machine, path)| Self::from_parts(user, machine, path))
            .ok_or(AddressError::Malformed)
    }

    fn from_parts(user: &str, machine: &str, path: &str) -> Option<Self> {
        let (host, port) = if let Some(bracketed) = machine.strip_prefix('[') {
            let (host, port) = bracketed.split_once(']')?;
            // Before the name of an interface, as in `fe80::1%25eth0`.
            (host.replacen("%25", "%", 1), port)
        } else {
            let (host, port) = machine.split_at(machine.find(':').unwrap_or(machine.len()));
            (host.to_owned(), port)
        };
        let is_odd = |it: char| it.is_whitespace() || it.is_control() || "[]\\\"'".contains(it);
        // What begins like an option is one, when a person types the command.
        if host.is_empty() || host.starts_with('-') || host.contains(is_odd) {
            return None;
        }
        let user = decoded(user)?;
        let socket = decoded(path)?;
        Some(Self {
            user: (!user.is_empty()).then_some(user),
            host,
            port: match port {
                "" | ":" => None,
                port => Some(number(port.strip_prefix(':')?)?),
            },
            socket: (!socket.trim_matches('/').is_empty()).then_some(socket),
        })
    }
}

/// Digits, and no sign.
fn number(text: &str) -> Option<NonZeroU16> {
    let is_digits = text.bytes().all(|it| it.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits)
}

/// What is meant by a text with escapes. No name has control characters.
fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.contains(char::is_control)).then(|| text.into_owned())
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{}@", utf8_percent_encode(user, IN_USER))?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host.replacen('%', "%25", 1))?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match &self.socket {
            Some(socket) => write!(f, "{}", utf8_percent_encode(socket, IN_PATH)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;

    /// User, host, port and socket.
    type Parts<'a> = (Option<&'a str>, &'a str, Option<u16>, Option<&'a str>);

    #[test]
    fn destinations_are_understood_as_docker_understands_them() {
        let cases: [(&str, Parts); 12] = [
            ("build", (None, "build", None, None)),
            ("build/", (None, "build", None, None)),
            ("build//", (None, "build", None, None)),
            ("build:", (None, "build", None, None)),
            ("me@build", (Some("me"), "build", None, None)),
            ("@build", (None, "build", None, None)),
            ("a%40b@build", (Some("a@b"), "build", None, None)),
            ("a@b@build:22", (Some("a@b"), "build", Some(22), None)),
            (
                "me@10.0.0.1:2222/run/a@b.sock",
                (Some("me"), "10.0.0.1", Some(2222), Some("/run/a@b.sock")),
            ),
            ("[::1]:22", (None, "::1", Some(22), None)),
            ("[fe80::1%25eth0]", (None, "fe80::1%eth0", None, None)),
            (
                "build/my%20sockets/d.sock",
                (None, "build", None, Some("/my sockets/d.sock")),
            ),
        ];
        for (text, (user, host, port, socket)) in cases {
            let destination = Destination {
                user: user.map(str::to_owned),
                host: host.to_owned(),
                port: port.and_then(NonZeroU16::new),
                socket: socket.map(str::to_owned),
            };
            assert_eq!(Destination::parse(text), Ok(destination), "{text}");
        }
    }

    #[test]
    fn what_no_machine_can_be_called_is_refused() {
        for text in [
            "",
            "me@",
            ":22",
            "::1",
            "[::1",
            "[::1]22",
            "build:0",
            "build:65536",
            "build:+22",
            "build:ssh",
            "build?socket=a",
            "build/a#b",
            "two words",
            "-oProxyCommand=id",
            "build/%0a",
            "build/%ff",
        ] {
            let refused = Destination::parse(text);
            assert_eq!(refused, Err(AddressError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_password_is_refused_wherever_the_rest_leads() {
        for text in ["me:secret@build", "me:@build", ":secret@", "a:b@c@build:x/"] {
            let refused = Destination::parse(text);
            assert_eq!(refused, Err(AddressError::Password), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_understood_as_the_same(
            user in of("[^\\pC]{1,8}"),
            host in "[a-z][a-z0-9.-]{0,8}|[0-9a-f]{1,4}::[0-9a-f]{1,4}(%[a-z0-9]{1,4})?",
            port in of(1_u16..),
            socket in of("/[^\\pC/][^\\pC]{0,8}"),
        ) {
            let port = port.and_then(NonZeroU16::new);
            let destination = Destination { user, host, port, socket };
            let printed = destination.to_string();
            let text = printed.strip_prefix("ssh://").unwrap();
            prop_assert_eq!(Destination::parse(text), Ok(destination), "{}", printed);
        }

        #[test]
        fn nothing_that_is_typed_makes_it_panic(text in any::<String>()) {
            let _ = Destination::parse(&text);
        }
    }
}
