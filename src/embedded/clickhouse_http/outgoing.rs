//! A statement's result, from the thread that runs it to the network.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use rand::distr::{Alphanumeric, SampleString};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Sleep, sleep, timeout},
};

use super::{
    compression::{
        encoding::{Encoder, Encoding},
        frame::{Method, write_block},
    },
    exception::Exception,
    format::content_type,
    running::CancelOnDrop,
};
use crate::embedded::chdb::Statistics;

/// Pieces that wait to be sent.
const PIECES: usize = 4;
/// Bytes that make a block of the compression framing, and a piece of a streamed answer.
const BLOCK: usize = 1 << 20;
/// How long a connection stays open behind an exception amid the data, so that its client gets
/// to read the block before it learns that the answer is incomplete: many forget what they have
/// not looked at yet when a connection breaks.
const LAST_LOOK: Duration = Duration::from_secs(3);
/// How long the name of an exception block is, as clients expect it.
const TAG: usize = 16;

/// The body of an answer.
pub struct AnswerBody {
    content: Content,
    /// Dropped with the body, by which a client that leaves stops its statement.
    statement: Option<CancelOnDrop>,
}

enum Content {
    Whole(Bytes),
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
    /// All was sent; the connection breaks when this is over.
    Breaking(io::Error, Pin<Box<Sleep>>),
    Broken,
}

impl AnswerBody {
    /// All of a body.
    pub fn whole(content: impl Into<Bytes>) -> Self {
        Self {
            content: Content::Whole(content.into()),
            statement: None,
        }
    }

    /// Stops the statement when the body is dropped before its end.
    #[must_use]
    pub fn guarded_by(mut self, statement: CancelOnDrop) -> Self {
        self.statement = Some(statement);
        self
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match &mut self.content {
                Content::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
                Content::Whole(bytes) => {
                    return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))));
                }
                Content::Pieces(pieces) => match ready!(pieces.poll_recv(context)) {
                    Some(Err(error)) => {
                        let break_at = Box::pin(sleep(LAST_LOOK));
                        self.content = Content::Breaking(error, break_at);
                    }
                    piece => return Poll::Ready(piece.map(|piece| piece.map(Frame::data))),
                },
                Content::Breaking(_, break_at) => {
                    ready!(break_at.as_mut().poll(context));
                    let broken = std::mem::replace(&mut self.content, Content::Broken);
                    let Content::Breaking(error, _) = broken else {
                        unreachable!("it was looked at");
                    };
                    return Poll::Ready(Some(Err(error)));
                }
                Content::Broken => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}

/// Nobody reads the answer any more.
#[derive(Debug)]
pub struct Gone;

/// What the head of an answer says, whatever comes of the statement.
#[derive(Clone, Debug)]
pub struct Head {
    /// The statement's identifier.
    pub query_id: String,
    /// The server's name for itself.
    pub display_name: String,
    /// The engine's version, which ends the text of every exception.
    pub version: String,
    /// Whether even an exception is to be in ClickHouse's compression framing.
    pub framed: bool,
}

/// How a result is to be packed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packing {
    /// Whether it is to be in ClickHouse's compression framing.
    pub framed: bool,
    /// Its content encoding.
    pub encoding: Option<Encoding>,
    /// `http_zlib_compression_level`.
    pub level: i32,
    /// Bytes to hold back in the hope that the statement ends, well or not, before the answer
    /// must begin.
    pub held: usize,
}

/// Takes a result in and makes an answer of it.
pub struct Outgoing {
    head: Head,
    format: String,
    packing: Packing,
    tag: String,
    /// Data that makes no whole block yet.
    block: Vec<u8>,
    encoder: Encoder,
    /// Packed bytes that are not sent yet.
    packed: Vec<u8>,
    state: State,
    runtime: Handle,
    /// How long the client may take to read a piece.
    patience: Duration,
}

enum State {
    Held(oneshot::Sender<Response<AnswerBody>>),
    Streaming(mpsc::Sender<io::Result<Bytes>>),
}

impl Outgoing {
    /// An answer that goes to `reply`. To be made on a thread of the runtime.
    pub fn new(
        head: Head,
        reply: oneshot::Sender<Response<AnswerBody>>,
        patience: Duration,
    ) -> Self {
        Self {
            head,
            format: String::new(),
            packing: Packing::default(),
            tag: Alphanumeric.sample_string(&mut rand::rng(), TAG),
            block: Vec::new(),
            encoder: Encoder::Identity(Vec::new()),
            packed: Vec::new(),
            state: State::Held(reply),
            runtime: Handle::current(),
            patience,
        }
    }

    /// Says how what comes next is to be packed.
    pub fn pack(&mut self, packing: Packing) -> io::Result<()> {
        self.encoder = Encoder::new(packing.encoding, packing.level)?;
        self.packing = packing;
        Ok(())
    }

    /// Says in which format the result is.
    pub fn set_format(&mut self, format: &str) {
        format.clone_into(&mut self.format);
    }

    /// Takes a piece of the result.
    pub fn write(&mut self, data: &[u8]) -> Result<(), Gone> {
        if self.packing.framed {
            self.block.extend_from_slice(data);
            if self.block.len() >= BLOCK {
                self.end_block();
            }
        } else {
            self.encode(data);
        }
        let limit = match &self.state {
            State::Held(_) => self.packing.held.max(1),
            State::Streaming(_) => BLOCK / 8,
        };
        if self.packed.len() < limit {
            return Ok(());
        }
        if matches!(self.state, State::Held(_)) {
            self.begin()?;
        }
        self.send_packed()
    }

    /// The statement has ended well.
    pub fn finish(mut self, statistics: Statistics, ended: impl FnOnce()) {
        self.end_block();
        self.end_encoding();
        match self.state {
            State::Held(reply) => {
                ended();
                let mut answer = self.head.answer(StatusCode::OK);
                describe(&mut answer, &self.format, &self.packing, &statistics);
                // The client may be gone.
                let _ = reply.send(answer.map(|()| AnswerBody::whole(self.packed)));
            }
            State::Streaming(_) => {
                let _ = self.send_packed();
                ended();
            }
        }
    }

    /// The statement has failed.
    pub fn fail(mut self, exception: &Exception, ended: impl FnOnce()) {
        match self.state {
            State::Held(reply) => {
                ended();
                let _ = reply.send(self.head.failure(exception));
            }
            State::Streaming(_) => {
                let text = exception.render(&self.head.version);
                let (tag, length) = (self.tag.clone(), text.len() + 1);
                let block = format!(
                    "\r\n__exception__\r\n{tag}\r\n{text}\n{length} {tag}\r\n__exception__\r\n"
                );
                // In a piece of its own, at whose end some clients look for it.
                self.end_block();
                let sent = self.send_packed();
                if self.packing.framed {
                    self.block = block.into_bytes();
                    self.end_block();
                } else {
                    self.encode(block.as_bytes());
                }
                self.end_encoding();
                if sent.and_then(|()| self.send_packed()).is_ok() {
                    // Whoever does not look for the block learns from the connection's breaking.
                    let broken = io::Error::other("the statement failed half-way");
                    let _ = self.send(Err(broken));
                }
                ended();
            }
        }
    }

    fn begin(&mut self) -> Result<(), Gone> {
        let (sender, pieces) = mpsc::channel(PIECES);
        let State::Held(reply) = std::mem::replace(&mut self.state, State::Streaming(sender))
        else {
            return Ok(());
        };
        let mut answer = self.head.answer(StatusCode::OK);
        describe(
            &mut answer,
            &self.format,
            &self.packing,
            &Statistics::default(),
        );
        insert(&mut answer, "x-clickhouse-exception-tag", &self.tag);
        let body = AnswerBody {
            content: Content::Pieces(pieces),
            statement: None,
        };
        reply.send(answer.map(|()| body)).map_err(|_| Gone)
    }

    fn encode(&mut self, data: &[u8]) {
        self.encoder
            .write(data)
            .expect("memory is a sink without errors");
        self.packed.append(&mut self.encoder.take());
    }

    fn end_block(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let mut framed = Vec::new();
        write_block(Method::Lz4, &self.block, &mut framed);
        self.block.clear();
        self.encode(&framed);
    }

    fn end_encoding(&mut self) {
        let encoder = std::mem::replace(&mut self.encoder, Encoder::Identity(Vec::new()));
        let mut rest = encoder.finish().expect("memory is a sink without errors");
        self.packed.append(&mut rest);
    }

    fn send_packed(&mut self) -> Result<(), Gone> {
        if self.packed.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.packed));
        self.send(Ok(piece))
    }

    /// Waits while the client reads more slowly than the engine writes.
    fn send(&self, piece: io::Result<Bytes>) -> Result<(), Gone> {
        let State::Streaming(pieces) = &self.state else {
            return Ok(());
        };
        self.runtime
            .block_on(async { timeout(self.patience, pieces.send(piece)).await })
            .map_err(|_| Gone)?
            .map_err(|_| Gone)
    }
}

impl Head {
    fn answer(&self, status: StatusCode) -> Response<()> {
        let mut answer = Response::new(());
        *answer.status_mut() = status;
        insert(&mut answer, "x-clickhouse-query-id", &self.query_id);
        insert(
            &mut answer,
            "x-clickhouse-server-display-name",
            &self.display_name,
        );
        insert(&mut answer, "x-clickhouse-timezone", "UTC");
        answer
    }

    /// The answer that a statement failed.
    pub fn failure(&self, exception: &Exception) -> Response<AnswerBody> {
        let mut answer = self.answer(exception.status());
        insert(
            &mut answer,
            header::CONTENT_TYPE.as_str(),
            "text/plain; charset=UTF-8",
        );
        insert(
            &mut answer,
            "x-clickhouse-exception-code",
            &exception.code.to_string(),
        );
        let mut text = format!("{}\n", exception.render(&self.version)).into_bytes();
        if self.framed {
            let mut block = Vec::new();
            write_block(Method::Lz4, &text, &mut block);
            text = block;
        }
        answer.map(|()| AnswerBody::whole(text))
    }
}

fn describe(answer: &mut Response<()>, format: &str, packing: &Packing, statistics: &Statistics) {
    insert(answer, header::CONTENT_TYPE.as_str(), content_type(format));
    if !format.is_empty() {
        insert(answer, "x-clickhouse-format", format);
    }
    if let Some(encoding) = packing.encoding {
        insert(answer, header::CONTENT_ENCODING.as_str(), encoding.name());
    }
    insert(answer, "x-clickhouse-summary", &summary(statistics));
}

/// ClickHouse's account of a statement: numbers as strings.
fn summary(statistics: &Statistics) -> String {
    let elapsed = Duration::try_from_secs_f64(statistics.elapsed_seconds).unwrap_or_default();
    let fields = [
        ("read_rows", u128::from(statistics.rows_scanned)),
        ("read_bytes", u128::from(statistics.bytes_scanned)),
        ("written_rows", u128::from(statistics.written.rows)),
        ("written_bytes", u128::from(statistics.written.bytes)),
        ("total_rows_to_read", u128::from(statistics.rows_scanned)),
        ("result_rows", u128::from(statistics.rows)),
        ("result_bytes", u128::from(statistics.bytes)),
        ("elapsed_ns", elapsed.as_nanos()),
    ];
    let fields = fields.map(|(name, value)| format!("\"{name}\":\"{value}\""));
    format!("{{{}}}", fields.join(","))
}

/// Sets a header; a value that cannot be one, such as a client's own identifier, is left out.
fn insert<B>(answer: &mut Response<B>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
