use std::{fmt, net::IpAddr, str::FromStr};

use crate::compose::{
    Problem,
    field::Field,
    json::{self, Object},
};

/// A port of a container that is reached from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// The address it is published on; every one if there is none.
    pub host_ip: Option<IpAddr>,
    /// The port it is published on; the engine's choice if there is none.
    pub published: Option<u16>,
    /// The port in the container.
    pub target: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// As Compose and the engine write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            _ => Err("expected `tcp` or `udp`"),
        }
    }
}

impl FromStr for PortMapping {
    type Err = String;

    /// `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, with brackets around an IPv6 address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let mut mapping = Self {
            host_ip: None,
            published: None,
            target: 0,
            protocol: protocol.parse()?,
        };
        let (published, target) = match ports.rsplit_once(':') {
            Some((published, target)) => (Some(published), target),
            None => (None, ports),
        };
        mapping.target = port(target)?;
        let Some(published) = published else {
            return Ok(mapping);
        };
        let (address, published) = match published.rsplit_once(':') {
            Some((address, published)) => (Some(address), published),
            None => (None, published),
        };
        if !published.is_empty() {
            mapping.published = Some(port(published)?);
        }
        if let Some(text) = address {
            let inside = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
            mapping.host_ip = Some(self::address(inside.unwrap_or(text))?);
        }
        Ok(mapping)
    }
}

fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) | Err(_) if text.contains('-') => Err("ranges of ports are not supported".to_owned()),
        Ok(0) | Err(_) => Err(format!("`{text}` is not a port")),
        Ok(port) => Ok(port),
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an IP address"))
}

impl PortMapping {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        if field.is_scalar() {
            return field.parse();
        }
        let port_of =
            |field: &Field<'_>| port(&field.text()?).map_err(|message| field.problem(message));
        let mut fields = field.fields()?;
        let mapping = Self {
            target: port_of(&fields.require("target")?)?,
            published: fields.map("published", port_of)?,
            host_ip: fields.map("host_ip", |field| {
                address(&field.text()?).map_err(|message| field.problem(message))
            })?,
            protocol: fields.map_or_default("protocol", Field::parse)?,
        };
        if let Some(mode) = fields.take("mode")
            && mode.text()? != "ingress"
        {
            return Err(mode.problem("expected `ingress`"));
        }
        fields.finish()?;
        Ok(mapping)
    }

    pub(super) fn json(&self) -> String {
        let mut object = Object::new();
        object.field("mode", "\"ingress\"");
        object.optional(
            "host_ip",
            self.host_ip.map(|ip| json::string(&ip.to_string())),
        );
        object.field("target", &self.target.to_string());
        object.optional(
            "published",
            self.published.map(|port| format!("\"{port}\"")),
        );
        object.field("protocol", &json::string(self.protocol.as_str()));
        object.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_short_form_is_understood() {
        let json = |text: &str| match text.parse::<PortMapping>() {
            Ok(mapping) => mapping.json(),
            Err(error) => error,
        };
        let of = |inside: &str| format!(r#"{{"mode":"ingress",{inside}}}"#);
        for (text, expected) in [
            ("80", r#""target":80,"protocol":"tcp""#),
            (
                "8080:80",
                r#""target":80,"published":"8080","protocol":"tcp""#,
            ),
            (
                "127.0.0.1:8080:80/udp",
                r#""host_ip":"127.0.0.1","target":80,"published":"8080","protocol":"udp""#,
            ),
            (
                "127.0.0.1::80",
                r#""host_ip":"127.0.0.1","target":80,"protocol":"tcp""#,
            ),
            (
                "[::1]:8080:80",
                r#""host_ip":"::1","target":80,"published":"8080","protocol":"tcp""#,
            ),
        ] {
            assert_eq!(json(text), of(expected), "{text}");
        }
        assert_eq!(json("80-82:80-82"), "ranges of ports are not supported");
        assert_eq!(json("localhost:1:2"), "`localhost` is not an IP address");
        assert_eq!(json("70000"), "`70000` is not a port");
        assert_eq!(json("80/sctp"), "expected `tcp` or `udp`");
    }

    proptest! {
        #[test]
        fn any_text_is_taken_without_a_panic(text in "[\\[\\]:/0-9a-f.-]{0,30}") {
            let _ = text.parse::<PortMapping>();
        }
    }
}
