//! Accepting connections, keeping them within bounds, and ending them gracefully.

use std::{
    convert::Infallible,
    error::Error,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// What a listener's connections may take up, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at a time; more wait.
    pub connections: usize,
    /// How long a request's head may take to come, and a connection be idle.
    pub head_time: Duration,
    /// How long requests in flight may take after a shutdown began.
    pub drain_time: Duration,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, or HTTP/2 by prior knowledge.
    Http,
    /// HTTP/2 by prior knowledge.
    Http2,
}

/// Bytes that one HTTP/1 connection may buffer.
const HTTP1_BUFFER: usize = 256 << 10;
/// Bytes that a client may send on one HTTP/2 stream before they are read.
const STREAM_WINDOW: u32 = 512 << 10;
/// Bytes that a client may send on one HTTP/2 connection before they are read.
const CONNECTION_WINDOW: u32 = 2 << 20;
/// Requests that may be open on one HTTP/2 connection.
const STREAMS: u32 = 256;
/// How often a silent HTTP/2 client is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_mins(1);
/// The most of an unwanted body that is heard out, in bytes.
const DISCARDED_BYTES: usize = 256 << 20;
/// The longest that an unwanted body is heard out.
const DISCARD_TIME: Duration = Duration::from_secs(10);

/// Serves connections of `listener` until `shutdown`; then stops accepting, lets requests in
/// flight finish within [`Bounds::drain_time`], and returns.
pub async fn serve<S, F, B>(
    listener: TcpListener,
    protocol: Protocol,
    bounds: Bounds,
    shutdown: CancellationToken,
    service: S,
) where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let builder = builder(protocol, &bounds);
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    while let Some((stream, slot)) = shutdown
        .run_until_cancelled(accept(&listener, &slots))
        .await
    {
        while connections.try_join_next().is_some() {}
        // Answers are small and complete; there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let spoken = Arc::new(AtomicBool::new(false));
        let service = service.clone();
        let heard = Arc::clone(&spoken);
        let connection = builder
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| {
                    heard.store(true, Ordering::Relaxed);
                    service(request)
                }),
            )
            .into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            tokio::select! {
                // A broken connection concerns its client only.
                _ = connection => {}
                () = silence(&spoken, bounds.head_time) => {}
            }
            drop(slot);
        });
    }
    drop(listener);
    // Whoever does not finish in time is cut off when `connections` is dropped.
    let _ = timeout(bounds.drain_time, graceful.shutdown()).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: some will be closed.
                tracing::warn!(%error, "no connection could be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Returns once `time` has passed without a first request. Hyper bounds later ones, but not
/// the bytes by which it tells HTTP/1 from HTTP/2.
async fn silence(spoken: &AtomicBool, time: Duration) {
    sleep(time).await;
    if spoken.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

fn builder(protocol: Protocol, bounds: &Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_time)
        .max_buf_size(HTTP1_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING_INTERVAL);
    match protocol {
        Protocol::Http => builder,
        Protocol::Http2 => builder.http2_only(),
    }
}

/// Reads the rest of a body and forgets it, so that its sender gets to read the answer; within
/// bounds, after which the connection is closed.
pub fn discard<B>(mut body: B)
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(timeout(DISCARD_TIME, async move {
        let mut discarded = 0;
        while let Some(Ok(frame)) = body.frame().await {
            discarded += frame.data_ref().map_or(0, Bytes::len);
            if discarded > DISCARDED_BYTES {
                return;
            }
        }
    }));
}
