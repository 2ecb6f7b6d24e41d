//! The services of a stack, and where each is reached.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// A service of the stack: the part it plays, whatever plays it on an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Takes telemetry in over OTLP.
    Collector,
    /// Keeps it, and answers queries.
    Clickhouse,
}

impl Service {
    /// Every service, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Collector, Self::Clickhouse];

    /// Its name, as commands take and print it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::Clickhouse => "clickhouse",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a stack offers on a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// OTLP over HTTP.
    OtlpHttp,
    /// OTLP over gRPC.
    OtlpGrpc,
    /// ClickHouse's HTTP interface.
    ClickhouseHttp,
    /// The collector's health check.
    Health,
}

impl Endpoint {
    /// Every endpoint, in the order in which they are shown.
    pub const ALL: [Self; 4] = [
        Self::OtlpHttp,
        Self::OtlpGrpc,
        Self::ClickhouseHttp,
        Self::Health,
    ];

    /// What a person calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OtlpHttp => "OTLP/HTTP",
            Self::OtlpGrpc => "OTLP/gRPC",
            Self::ClickhouseHttp => "ClickHouse HTTP",
            Self::Health => "health",
        }
    }

    /// The service that answers there.
    pub const fn service(self) -> Service {
        match self {
            Self::OtlpHttp | Self::OtlpGrpc | Self::Health => Service::Collector,
            Self::ClickhouseHttp => Service::Clickhouse,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// Where a stack is published: one address, a port for each endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// The address that is listened on; may be unspecified, which means every address.
    pub host: IpAddr,
    /// The port of OTLP over HTTP.
    pub otlp_http: u16,
    /// The port of OTLP over gRPC.
    pub otlp_grpc: u16,
    /// The port of ClickHouse's HTTP interface.
    pub clickhouse_http: u16,
    /// The port of the health check.
    pub health: u16,
}

impl Default for Endpoints {
    /// The protocols' own ports, for this machine only.
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            otlp_http: 4318,
            otlp_grpc: 4317,
            clickhouse_http: 8123,
            health: 13133,
        }
    }
}

impl Endpoints {
    /// The address to listen on for `endpoint`.
    pub const fn listen(&self, endpoint: Endpoint) -> SocketAddr {
        SocketAddr::new(self.host, self.port(endpoint))
    }

    /// The address at which this machine reaches `endpoint`.
    pub const fn address(&self, endpoint: Endpoint) -> SocketAddr {
        let host = match self.host {
            IpAddr::V4(host) if host.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(host) if host.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            host => host,
        };
        SocketAddr::new(host, self.port(endpoint))
    }

    /// The address at which this machine reaches `endpoint`, as a URL without a path.
    pub fn url(&self, endpoint: Endpoint) -> String {
        format!("http://{}", self.address(endpoint))
    }

    const fn port(&self, endpoint: Endpoint) -> u16 {
        match endpoint {
            Endpoint::OtlpHttp => self.otlp_http,
            Endpoint::OtlpGrpc => self.otlp_grpc,
            Endpoint::ClickhouseHttp => self.clickhouse_http,
            Endpoint::Health => self.health,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_on_every_address_is_reached_on_the_loopback_one() {
        let endpoints = Endpoints {
            host: "0.0.0.0".parse().unwrap(),
            ..Endpoints::default()
        };
        assert_eq!(
            endpoints.listen(Endpoint::OtlpHttp).to_string(),
            "0.0.0.0:4318"
        );
        assert_eq!(endpoints.url(Endpoint::OtlpHttp), "http://127.0.0.1:4318");
    }

    #[test]
    fn an_ipv6_address_is_bracketed_in_a_url() {
        let endpoints = Endpoints {
            host: "::".parse().unwrap(),
            ..Endpoints::default()
        };
        assert_eq!(endpoints.url(Endpoint::ClickhouseHttp), "http://[::1]:8123");
    }
}
