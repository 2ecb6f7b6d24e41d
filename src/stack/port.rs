//! Whether the ports that a stack needs are free, and who holds those that are not.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tokio::time::Instant;

use super::port_holder::{PortHolder, holder_of};
use super::{Endpoint, Endpoints};
use crate::error::{Code, Failure};

/// A port that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Another process listens there.
    #[error("port {} ({endpoint}) is taken{}", .address.port(), Taken(.holder.as_ref()))]
    Taken {
        /// What was to be offered there.
        endpoint: Endpoint,
        /// Where.
        address: SocketAddr,
        /// Who listens there, if it can be known.
        holder: Option<PortHolder>,
    },
    /// Two endpoints were given the same port.
    #[error("port {port} is set for both {first} and {second}")]
    Twice {
        /// The port.
        port: u16,
        /// One of them.
        first: Endpoint,
        /// The other.
        second: Endpoint,
    },
    /// The address is not this machine's, or the port is a privileged one, or the like.
    #[error("cannot listen on {address} ({endpoint})")]
    Unusable {
        /// What was to be offered there.
        endpoint: Endpoint,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

impl Failure for PortError {
    fn code(&self) -> Code {
        match self {
            Self::Taken { .. } => Code::PortInUse,
            Self::Twice { .. } | Self::Unusable { .. } => Code::InvalidSetting,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Taken {
                holder:
                    Some(PortHolder {
                        project: Some(project),
                        ..
                    }),
                endpoint,
                ..
            } => format!(
                "`telemetry stop --project {project}` stops it; {} sets another port",
                setting(*endpoint)
            ),
            Self::Taken {
                holder: None,
                endpoint,
                address,
            } => format!(
                "{} sets another port; `sudo lsof -nP -iTCP:{} -sTCP:LISTEN` shows who holds this one",
                setting(*endpoint),
                address.port()
            ),
            Self::Taken { endpoint, .. }
            | Self::Twice {
                second: endpoint, ..
            } => {
                format!("{} sets another port", setting(*endpoint))
            }
            Self::Unusable { endpoint, .. } => format!(
                "`TELEMETRY_HOST` or `--host` sets the address, {} the port",
                setting(*endpoint)
            ),
        })
    }
}

/// How the port of `endpoint` is set.
pub fn setting(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::OtlpHttp => "`--otlp-http-port` or `TELEMETRY_OTLP_HTTP_PORT`",
        Endpoint::OtlpGrpc => "`--otlp-grpc-port` or `TELEMETRY_OTLP_GRPC_PORT`",
        Endpoint::ClickhouseHttp => "`--clickhouse-port` or `TELEMETRY_CLICKHOUSE_PORT`",
        Endpoint::Health => "`--health-port` or `TELEMETRY_HEALTH_PORT`",
        Endpoint::ClickhouseNative => "`TELEMETRY_CLICKHOUSE_NATIVE_PORT`",
        Endpoint::Dashboards => "`--dashboard-port` or `TELEMETRY_DASHBOARD_PORT`",
        Endpoint::CollectorMetrics => "`TELEMETRY_COLLECTOR_METRICS_PORT`",
    }
}

struct Taken<'a>(Option<&'a PortHolder>);

impl fmt::Display for Taken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(PortHolder {
                pid,
                project: Some(project),
                ..
            }) => write!(
                f,
                " by the telemetry stack of project `{project}` (pid {pid})"
            ),
            Some(PortHolder { pid, name, .. }) => write!(f, " by `{name}` (pid {pid})"),
        }
    }
}

/// How long sockets may outlive the process that listened on them.
const LINGERING: Duration = Duration::from_millis(500);

/// Checks that every port of `endpoints` can be listened on, at exactly its address.
///
/// # Errors
///
/// The first that cannot. A port may still be taken between this and its use.
pub async fn preflight(endpoints: &Endpoints) -> Result<(), PortError> {
    preflight_beside(endpoints, None).await
}

/// The same for a stack that listens on `held` now and will have given that up by then.
pub async fn preflight_beside(
    endpoints: &Endpoints,
    held: Option<&Endpoints>,
) -> Result<(), PortError> {
    let is_held = |port| {
        held.is_some_and(|held| {
            let mut held = held.offered().map(|own| held.listen(own).port());
            held.any(|own| own == port)
        })
    };
    once_nothing_lingers(|| preflight_but_for(endpoints, is_held)).await
}

/// Looks again for a while if a port is taken by nobody: a process that was killed is gone to all
/// others, its locks included, a little before the kernel has closed its sockets.
async fn once_nothing_lingers(look: impl Fn() -> Result<(), PortError>) -> Result<(), PortError> {
    let deadline = Instant::now() + LINGERING;
    loop {
        match look() {
            Err(PortError::Taken { holder: None, .. }) if Instant::now() < deadline => {
                tokio::time::sleep(LINGERING / 25).await;
            }
            looked => return looked,
        }
    }
}

/// Checks the same at once, for a stack that `holds` some ports itself. Whatever the address: on
/// another one, the port is as taken by the stack itself.
pub fn preflight_but_for(
    endpoints: &Endpoints,
    holds: impl Fn(u16) -> bool,
) -> Result<(), PortError> {
    let offered: Vec<_> = endpoints.offered().collect();
    for (index, &second) in offered.iter().enumerate() {
        let port = endpoints.listen(second).port();
        if let Some(&first) = offered[..index]
            .iter()
            .find(|&&first| endpoints.listen(first).port() == port)
        {
            return Err(PortError::Twice {
                port,
                first,
                second,
            });
        }
    }
    for endpoint in offered {
        if !holds(endpoints.listen(endpoint).port()) {
            check(endpoint, endpoints.listen(endpoint))?;
        }
    }
    Ok(())
}

/// Checks that one endpoint can be offered at an address.
///
/// # Errors
///
/// When it cannot.
pub fn check(endpoint: Endpoint, address: SocketAddr) -> Result<(), PortError> {
    // The standard library sets SO_REUSEADDR, as the server does: connections of a stack that
    // just stopped do not count as taken.
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(PortError::Taken {
            endpoint,
            address,
            holder: holder_of(address.port()),
        }),
        Err(source) => Err(PortError::Unusable {
            endpoint,
            address,
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn free_ports() -> Endpoints {
        let listeners: [TcpListener; 4] =
            std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [otlp_http, otlp_grpc, clickhouse_http, health] =
            listeners.map(|listener| listener.local_addr().unwrap().port());
        Endpoints {
            otlp_http,
            otlp_grpc,
            clickhouse_http,
            health,
            ..Endpoints::default()
        }
    }

    #[tokio::test]
    async fn a_port_set_twice_is_refused() {
        let mut endpoints = free_ports();
        endpoints.health = endpoints.otlp_grpc;
        let error = preflight(&endpoints).await.unwrap_err();
        assert!(error.to_string().ends_with("for both OTLP/gRPC and health"));
    }

    #[tokio::test]
    async fn a_taken_port_names_itself_and_its_setting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut endpoints = free_ports();
        endpoints.clickhouse_http = listener.local_addr().unwrap().port();
        let error = preflight(&endpoints).await.unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with(&format!(
            "port {} (ClickHouse HTTP) is taken",
            endpoints.clickhouse_http
        )));
        assert!(error.hint().unwrap().contains("TELEMETRY_CLICKHOUSE_PORT"));
        #[cfg(target_os = "linux")]
        assert!(message.ends_with(&format!("(pid {})", std::process::id())));
    }

    /// One that a process held that was killed.
    fn lingering() -> PortError {
        PortError::Taken {
            endpoint: Endpoint::OtlpHttp,
            address: "127.0.0.1:4318".parse().unwrap(),
            holder: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_that_nobody_holds_is_looked_at_again_until_it_is_free() {
        let looks = Cell::new(0);
        let free_at_the_third = || {
            looks.set(looks.get() + 1);
            if looks.get() < 3 {
                Err(lingering())
            } else {
                Ok(())
            }
        };
        once_nothing_lingers(free_at_the_third).await.unwrap();
        let never_free = once_nothing_lingers(|| Err(lingering())).await;
        assert!(matches!(never_free, Err(PortError::Taken { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_that_somebody_holds_is_told_at_once() {
        let looks = Cell::new(0);
        let held = once_nothing_lingers(|| {
            looks.set(looks.get() + 1);
            Err(PortError::Taken {
                endpoint: Endpoint::OtlpHttp,
                address: "127.0.0.1:4318".parse().unwrap(),
                holder: Some(PortHolder {
                    pid: 1,
                    name: "init".to_owned(),
                    project: None,
                }),
            })
        });
        held.await.unwrap_err();
        assert_eq!(looks.get(), 1);
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_not_called_taken() {
        let endpoints = Endpoints {
            host: "192.0.2.1".parse().unwrap(),
            ..free_ports()
        };
        assert!(matches!(
            preflight(&endpoints).await,
            Err(PortError::Unusable { .. })
        ));
    }
}
