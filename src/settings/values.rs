//! The values that settings can have.

mod engine_choice;
mod memory_size;
mod project_name;
mod secret;

use std::net::IpAddr;

pub use engine_choice::EngineChoice;
pub use memory_size::MemorySize;
pub use project_name::ProjectName;
pub(super) use secret::MASK;
pub use secret::Secret;

/// An address to listen on.
pub(super) fn host(text: &str) -> Result<IpAddr, &'static str> {
    let text = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    text.parse()
        .map_err(|_| "expected an IP address, such as `127.0.0.1` or `0.0.0.0`")
}

/// A port that a peer can be told.
pub(super) fn port(text: &str) -> Result<u16, &'static str> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a port, 1 to 65535"),
        Ok(port) => Ok(port),
    }
}

/// A number of days that the clock of ClickHouse's dates can count.
pub(super) fn days(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(days @ 1..=36_500) => Ok(days),
        _ => Err("expected a number of days, 1 to 36500"),
    }
}

/// A number of processors.
pub(super) fn cpus(text: &str) -> Result<String, &'static str> {
    match text.parse::<f32>() {
        Ok(cpus) if (0.0..100_000.0).contains(&cpus) => Ok(text.to_owned()),
        _ => Err("expected a number of processors, such as `2` or `0.5`; `0` is all"),
    }
}

/// A registry of images, as it stands before their names.
pub(super) fn registry(text: &str) -> Result<String, &'static str> {
    let registry = text.trim_end_matches('/');
    if registry.contains("://") || registry.contains(char::is_whitespace) || registry.is_empty() {
        return Err("expected a registry without a scheme, such as `mirror.example.com:5000`");
    }
    Ok(registry.to_owned())
}

/// A URL to post to. It is a secret, so errors do not repeat it.
pub(super) fn webhook(text: &str) -> Result<Secret, &'static str> {
    let is_url = reqwest::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_url {
        text.parse()
    } else {
        Err("expected a URL, such as `https://hooks.example.com/…`")
    }
}

/// What is behind such a URL: the kinds of Grafana's contact points that need nothing else.
pub(super) fn webhook_type(text: &str) -> Result<String, &'static str> {
    match text {
        "webhook" | "slack" | "discord" | "teams" | "googlechat" => Ok(text.to_owned()),
        _ => Err("expected `webhook`, `slack`, `discord`, `teams` or `googlechat`"),
    }
}

/// The name of the ClickHouse user with all rights.
pub(super) fn user(text: &str) -> Result<String, &'static str> {
    if matches!(text, "ingest" | "grafana" | "default") {
        return Err("the name belongs to another user of the stack");
    }
    // A colon ends the name in HTTP's basic authentication.
    if text.contains(|c: char| c == ':' || c.is_control()) {
        return Err("expected a name without colons and control characters");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_a_url_of_a_known_kind() {
        assert!(webhook("https://hooks.example.com/services/T0").is_ok());
        for text in ["hooks.example.com", "ftp://example.com/x", "", "https://"] {
            assert!(webhook(text).is_err(), "{text}");
        }
        assert!(webhook_type("slack").is_ok());
        assert!(webhook_type("email").is_err());
    }

    #[test]
    fn a_port_is_one_that_can_be_connected_to() {
        assert_eq!(port("4318"), Ok(4318));
        for text in ["0", "65536", "-1", "http", ""] {
            assert!(port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_ipv6_address_may_be_in_brackets() {
        assert_eq!(host("[::1]"), host("::1"));
        assert!(host("localhost").is_err());
    }

    #[test]
    fn telemetry_is_kept_for_a_day_at_least() {
        assert_eq!(days("1"), Ok(1));
        for text in ["0", "36501", "forever"] {
            assert!(days(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_user_is_none_of_the_stacks_own_and_fits_basic_authentication() {
        assert_eq!(user("me"), Ok("me".to_owned()));
        for text in ["grafana", "ingest", "a:b", "a\nb"] {
            assert!(user(text).is_err(), "{text}");
        }
    }
}
