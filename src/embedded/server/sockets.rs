//! The sockets that the server listens on.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::Listen;
use crate::error::{Code, Failure};

/// The sockets that the server listens on, bound and not yet accepting.
#[derive(Debug)]
pub struct Sockets {
    /// OTLP over HTTP.
    pub otlp_http: TcpListener,
    /// OTLP over gRPC.
    pub otlp_grpc: TcpListener,
    /// ClickHouse's HTTP interface.
    pub clickhouse_http: TcpListener,
    /// The dashboards.
    pub dashboards: TcpListener,
    /// The health check.
    pub health: TcpListener,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct SocketError {
    address: SocketAddr,
    source: io::Error,
}

impl Failure for SocketError {
    fn code(&self) -> Code {
        if self.source.kind() == io::ErrorKind::AddrInUse {
            Code::PortInUse
        } else {
            Code::InvalidSetting
        }
    }
}

impl Sockets {
    /// Binds them all.
    pub fn bind(listen: &Listen) -> Result<Self, SocketError> {
        Ok(Self {
            otlp_http: bind(listen.otlp_http)?,
            otlp_grpc: bind(listen.otlp_grpc)?,
            clickhouse_http: bind(listen.clickhouse_http)?,
            dashboards: bind(listen.dashboards)?,
            health: bind(listen.health)?,
        })
    }
}

/// A socket for the asynchronous runtime.
fn bind(address: SocketAddr) -> Result<TcpListener, SocketError> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| SocketError { address, source })
}
