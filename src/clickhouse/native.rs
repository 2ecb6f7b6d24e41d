//! ClickHouse's own protocol, as far as it takes to see that a server speaks it: the handshake.
//!
//! Both sides send a hello; then the server waits for queries. Numbers are LEB128, text is
//! preceded by its length ([the protocol](https://clickhouse.com/docs/native-protocol/client)).

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The packet that begins a connection, from either side.
const HELLO: u64 = 0;
/// The server's packet that says why not.
const EXCEPTION: u64 = 2;

/// Which revision of the protocol is spoken: one that every server since 2018 knows, and that has
/// nothing to say after the hello.
const REVISION: u64 = 54_058;

/// The longest text that a server is believed to send.
const LONGEST: u64 = 1 << 20;

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It does not listen, or hangs up.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It refuses the user.
    #[error("{0}")]
    Refused(String),
    /// It is no ClickHouse.
    #[error("what answers does not speak ClickHouse's protocol")]
    Foreign,
}

/// Shakes hands with the server at `address` as `user`, and returns the name and version that it gives
/// itself, as in `ClickHouse 26.8`.
///
/// # Errors
///
/// When nobody listens there, the user is refused, or something else answers.
pub async fn handshake(
    address: SocketAddr,
    user: &str,
    password: &str,
) -> Result<String, HandshakeError> {
    let mut stream = TcpStream::connect(address).await?;
    let mut hello = Vec::new();
    number(&mut hello, HELLO);
    text(&mut hello, env!("CARGO_PKG_NAME"));
    for version in [1, 0, REVISION] {
        number(&mut hello, version);
    }
    for field in ["", user, password] {
        text(&mut hello, field);
    }
    stream.write_all(&hello).await?;
    match read_number(&mut stream).await? {
        HELLO => {
            let name = read_text(&mut stream).await?;
            let major = read_number(&mut stream).await?;
            let minor = read_number(&mut stream).await?;
            Ok(format!("{name} {major}.{minor}"))
        }
        EXCEPTION => {
            let _code = stream.read_i32_le().await?;
            let _name = read_text(&mut stream).await?;
            Err(HandshakeError::Refused(read_text(&mut stream).await?))
        }
        _ => Err(HandshakeError::Foreign),
    }
}

fn number(packet: &mut Vec<u8>, number: u64) {
    prost::encoding::encode_varint(number, packet);
}

fn text(packet: &mut Vec<u8>, text: &str) {
    number(packet, text.len() as u64);
    packet.extend_from_slice(text.as_bytes());
}

async fn read_number(from: &mut (impl AsyncRead + Unpin)) -> Result<u64, HandshakeError> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = from.read_u8().await?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(HandshakeError::Foreign)
}

async fn read_text(from: &mut (impl AsyncRead + Unpin)) -> Result<String, HandshakeError> {
    let length = read_number(from).await?;
    if length > LONGEST {
        return Err(HandshakeError::Foreign);
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 == length {
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    } else {
        Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shakes hands with a server that answers with these bytes and then hangs up; what it was sent, too.
    async fn shaken_with(answer: &'static [u8]) -> (Result<String, HandshakeError>, Vec<u8>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = vec![0; 29];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(answer).await.unwrap();
            hello
        });
        let outcome = handshake(address, "mara", "secret").await;
        (outcome, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_server_that_returns_the_hello_tells_its_version() {
        let (outcome, sent) = shaken_with(b"\x00\x0aClickHouse\x1a\x08\xaa\xa6\x03\x03UTC").await;
        assert_eq!(outcome.unwrap(), "ClickHouse 26.8");
        // Revision 54058 in three bytes, no database.
        assert_eq!(
            sent,
            b"\x00\x09telemetry\x01\x00\xaa\xa6\x03\x00\x04mara\x06secret"
        );
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_servers_words() {
        let (outcome, _) =
            shaken_with(b"\x02\x04\x02\x00\x00\x0dDB::Exception\x0ewrong password\x00\x00").await;
        assert_eq!(outcome.unwrap_err().to_string(), "wrong password");
    }

    #[tokio::test]
    async fn what_is_no_clickhouse_is_known() {
        for answer in [
            &b""[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\x00\xff\xff\xff\xff\xff",
        ] {
            let (outcome, _) = shaken_with(answer).await;
            assert!(outcome.is_err(), "{answer:?}: {outcome:?}");
        }
    }
}
