//! Whether the endpoints answer, seen from outside: what "ready" means.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Listen;

/// How long one endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request of HTTP/1, to which every server has an answer.
const HTTP1_HELLO: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// How a client of HTTP/2 begins (RFC 9113, section 3.4): a preface and an empty SETTINGS frame.
/// The server begins with its own settings.
const HTTP2_HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Returns once every endpoint has answered something.
///
/// # Errors
///
/// The first that does not.
pub(super) async fn wait_for_all(listen: &Listen) -> io::Result<()> {
    tokio::try_join!(
        answers(listen.otlp_http, HTTP1_HELLO),
        answers(listen.otlp_grpc, HTTP2_HELLO),
        answers(listen.clickhouse_http, HTTP1_HELLO),
        answers(listen.dashboards, HTTP1_HELLO),
        answers(listen.health, HTTP1_HELLO),
    )?;
    Ok(())
}

async fn answers(address: SocketAddr, hello: &[u8]) -> io::Result<()> {
    let conversation = async {
        let mut stream = TcpStream::connect(local(address)).await?;
        stream.write_all(hello).await?;
        stream.read_u8().await
    };
    match timeout(PATIENCE, conversation).await {
        Ok(answered) => answered.map(drop),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
    .map_err(|error| io::Error::new(error.kind(), format!("{address} does not answer: {error}")))
}

/// The address at which this machine reaches what listens on `address`.
fn local(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_socket_that_nobody_serves_does_not_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hung_up = async {
            let (stream, _) = listener.accept().await.unwrap();
            drop(stream);
        };
        let (answered, ()) = tokio::join!(answers(address, HTTP1_HELLO), hung_up);
        assert!(answered.is_err());
        drop(listener);
        let error = answers(address, HTTP1_HELLO).await.unwrap_err();
        assert!(error.to_string().starts_with(&address.to_string()));
    }
}
