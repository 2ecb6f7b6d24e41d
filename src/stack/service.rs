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
    /// Draws dashboards of it.
    Grafana,
}

impl Service {
    /// Every service, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Collector, Self::Clickhouse, Self::Grafana];

    /// Its name, as commands take and print it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::Clickhouse => "clickhouse",
            Self::Grafana => "grafana",
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
    /// ClickHouse's own protocol.
    ClickhouseNative,
    /// Dashboards, for a browser.
    Dashboards,
    /// The collector's health check.
    Health,
    /// The collector's metrics of itself.
    CollectorMetrics,
}

impl Endpoint {
    /// Every endpoint, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::OtlpHttp,
        Self::OtlpGrpc,
        Self::ClickhouseHttp,
        Self::ClickhouseNative,
        Self::Dashboards,
        Self::Health,
        Self::CollectorMetrics,
    ];

    /// What a person calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OtlpHttp => "OTLP/HTTP",
            Self::OtlpGrpc => "OTLP/gRPC",
            Self::ClickhouseHttp => "ClickHouse HTTP",
            Self::ClickhouseNative => "ClickHouse native",
            Self::Dashboards => "dashboards",
            Self::Health => "health",
            Self::CollectorMetrics => "collector metrics",
        }
    }

    /// The service that answers there.
    pub const fn service(self) -> Service {
        match self {
            Self::OtlpHttp | Self::OtlpGrpc | Self::Health | Self::CollectorMetrics => {
                Service::Collector
            }
            Self::ClickhouseHttp | Self::ClickhouseNative => Service::Clickhouse,
            Self::Dashboards => Service::Grafana,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// Where a stack is published: one address, a port for each endpoint that it offers.
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
    /// The port of the dashboards, which records of older versions do not have.
    #[serde(default = "usual_dashboards")]
    pub dashboards: u16,
    /// The port of the health check.
    pub health: u16,
    /// The port of ClickHouse's own protocol, where it is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clickhouse_native: Option<u16>,
    /// The port of the collector's metrics of itself, where they are offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collector_metrics: Option<u16>,
}

const fn usual_dashboards() -> u16 {
    3000
}

impl Default for Endpoints {
    /// The protocols' own ports, for this machine only; what every engine offers.
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            otlp_http: 4318,
            otlp_grpc: 4317,
            clickhouse_http: 8123,
            dashboards: usual_dashboards(),
            health: 13133,
            clickhouse_native: None,
            collector_metrics: None,
        }
    }
}

impl Endpoints {
    /// The endpoints that are offered, in the order in which they are shown.
    pub fn offered(&self) -> impl Iterator<Item = Endpoint> {
        let offered = |endpoint: &Endpoint| self.port(*endpoint).is_some();
        Endpoint::ALL.into_iter().filter(offered)
    }

    /// The same without what is not `offered`.
    #[must_use]
    pub fn only(mut self, offered: impl Fn(Endpoint) -> bool) -> Self {
        let optional = [
            (Endpoint::ClickhouseNative, &mut self.clickhouse_native),
            (Endpoint::CollectorMetrics, &mut self.collector_metrics),
        ];
        for (endpoint, port) in optional {
            if !offered(endpoint) {
                *port = None;
            }
        }
        self
    }

    /// The address to listen on for `endpoint`, which must be offered.
    pub const fn listen(&self, endpoint: Endpoint) -> SocketAddr {
        SocketAddr::new(self.host, self.offered_port(endpoint))
    }

    /// The address at which this machine reaches `endpoint`, which must be offered.
    pub const fn address(&self, endpoint: Endpoint) -> SocketAddr {
        let host = match self.host {
            IpAddr::V4(host) if host.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(host) if host.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            host => host,
        };
        SocketAddr::new(host, self.offered_port(endpoint))
    }

    /// The address at which this machine reaches `endpoint`, which must be offered, as a URL
    /// without a path.
    pub fn url(&self, endpoint: Endpoint) -> String {
        let address = self.address(endpoint);
        match endpoint {
            Endpoint::ClickhouseNative => format!("tcp://{address}"),
            _ => format!("http://{address}"),
        }
    }

    /// The port of `endpoint`; `None` if it is not offered.
    pub const fn port(&self, endpoint: Endpoint) -> Option<u16> {
        match endpoint {
            Endpoint::OtlpHttp => Some(self.otlp_http),
            Endpoint::OtlpGrpc => Some(self.otlp_grpc),
            Endpoint::ClickhouseHttp => Some(self.clickhouse_http),
            Endpoint::ClickhouseNative => self.clickhouse_native,
            Endpoint::Dashboards => Some(self.dashboards),
            Endpoint::Health => Some(self.health),
            Endpoint::CollectorMetrics => self.collector_metrics,
        }
    }

    const fn offered_port(&self, endpoint: Endpoint) -> u16 {
        self.port(endpoint)
            .expect("whoever asks knows that it is offered")
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
