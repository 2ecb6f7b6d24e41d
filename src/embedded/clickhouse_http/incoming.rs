//! A request's body, from the network to the thread that runs the statement.

use std::{
    io::{self, Read},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::{sync::mpsc, time::timeout};

use crate::embedded::connection::discard;

/// Pieces of a body that wait to be read: enough to keep both sides at work.
const PIECES: usize = 4;

/// The reading end of a body. Reading blocks.
pub struct Incoming {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
    failed: bool,
}

/// Begins to receive a body; whatever is not read of it is heard out, so that the client gets to
/// read the answer.
pub fn receive<B>(mut body: B, pause: Duration) -> Incoming
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        loop {
            let piece = match timeout(pause, body.frame()).await {
                Ok(None) => return,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Ok(data),
                    Err(_) => continue,
                },
                Ok(Some(Err(_))) => Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the connection broke off",
                )),
                Err(_) => Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client stopped sending",
                )),
            };
            let last = piece.is_err();
            if sender.send(piece).await.is_err() {
                return discard(body);
            }
            if last {
                return;
            }
        }
    });
    Incoming {
        pieces,
        piece: Bytes::new(),
        failed: false,
    }
}

impl Read for Incoming {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => {
                    self.failed = true;
                    return Err(error);
                }
                None if self.failed => {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
                }
                None => return Ok(0),
            }
        }
        let length = self.piece.len().min(out.len());
        self.piece.copy_to_slice(&mut out[..length]);
        Ok(length)
    }
}
