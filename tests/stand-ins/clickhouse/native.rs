//! The handshake of the native protocol, which is how a client sees that somebody speaks it. Then
//! the connection is closed: queries are for the HTTP interface.

use std::io::{self, ErrorKind};

use telemetry::embedded::server::Credentials;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const HELLO: u8 = 0;
const EXCEPTION: u8 = 2;
const AUTHENTICATION_FAILED: i32 = 516;

/// Shakes hands with whoever connects, until it is dropped.
pub async fn serve(listener: TcpListener, credentials: &Credentials) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let credentials = credentials.clone();
        tokio::spawn(async move { shake_hands(stream, &credentials).await });
    }
}

async fn shake_hands(mut stream: TcpStream, credentials: &Credentials) -> io::Result<()> {
    if stream.read_u8().await? != HELLO {
        return Ok(());
    }
    let _client = text(&mut stream).await?;
    for _ in ["major", "minor", "revision"] {
        number(&mut stream).await?;
    }
    let _database = text(&mut stream).await?;
    let user = text(&mut stream).await?;
    let password = text(&mut stream).await?;
    let known = [
        (credentials.user.as_str(), &credentials.password),
        ("ingest", &credentials.ingest_password),
        ("grafana", &credentials.grafana_password),
    ];
    let mut answer = Vec::new();
    if known.contains(&(&user, &password)) {
        answer.push(HELLO);
        put(&mut answer, "ClickHouse stand-in");
        // A version and a revision that nobody takes for a real one.
        answer.extend([0, 0, 1]);
        put(&mut answer, "UTC");
    } else {
        answer.push(EXCEPTION);
        answer.extend(AUTHENTICATION_FAILED.to_le_bytes());
        put(&mut answer, "DB::Exception");
        put(&mut answer, &format!("{user}: Authentication failed"));
        put(&mut answer, "");
        answer.push(0);
    }
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

async fn number(stream: &mut TcpStream) -> io::Result<usize> {
    let mut number = 0;
    for shift in (0..28).step_by(7) {
        let byte = stream.read_u8().await?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(ErrorKind::InvalidData.into())
}

async fn text(stream: &mut TcpStream) -> io::Result<String> {
    let length = number(stream).await?;
    if length > 1024 {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData.into())
}

/// Short enough for its length to be one byte.
fn put(packet: &mut Vec<u8>, text: &str) {
    packet.push(u8::try_from(text.len()).unwrap_or(0x7f).min(0x7f));
    packet.extend(text.bytes().take(0x7f));
}
