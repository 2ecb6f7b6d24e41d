//! Connections to one engine, each of which serves a call at a time.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::errors::Error as EngineError;
use futures_util::future::BoxFuture;
use http::header::HOST;
use http::{Request, Response, Uri};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::{Ssh, SshError};

/// How many connections may be being opened at a time, and how many are kept for later calls. An
/// `sshd` turns away strangers as soon as ten of them, in its default configuration, knock at once.
pub(super) const AT_ONCE: usize = 4;

/// The connections to one engine. Those that serve no call end when this is dropped.
pub(super) struct Pool<B> {
    ssh: Arc<Ssh>,
    idle: Mutex<Vec<SendRequest<B>>>,
    /// Told of each connection that becomes idle.
    returned: Notify,
    /// Held by each connection, from when it is begun until it ends.
    open: Arc<()>,
    opening: Arc<Semaphore>,
    /// Connections that are being opened for calls that have found another one.
    spare: Mutex<JoinSet<()>>,
}

type Opening<B> = BoxFuture<'static, io::Result<SendRequest<B>>>;

impl<B> Pool<B>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    pub(super) fn new(ssh: Ssh) -> Self {
        Self {
            ssh: Arc::new(ssh),
            idle: Mutex::default(),
            returned: Notify::new(),
            open: Arc::default(),
            opening: Arc::new(Semaphore::new(AT_ONCE)),
            spare: Mutex::default(),
        }
    }

    pub(super) async fn send(
        self: Arc<Self>,
        request: Request<B>,
    ) -> Result<Response<Incoming>, EngineError> {
        let mut request = without_authority(request);
        // As many as are kept may have ended while nobody used them.
        let mut stale = AT_ONCE;
        loop {
            let mut connection = self.connection().await?;
            match connection.try_send_request(request).await {
                Ok(response) => {
                    tokio::spawn(self.take_back(connection));
                    return Ok(response);
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if stale > 0 => {
                        stale -= 1;
                        request = unsent;
                    }
                    _ => return Err(in_its_own_words(error.into_error())),
                },
            }
        }
    }

    /// A connection that serves no other call.
    async fn connection(self: &Arc<Self>) -> io::Result<SendRequest<B>> {
        let is_any_begun = Arc::strong_count(&self.open) > 1;
        let patience = if is_any_begun {
            self.ssh.patience
        } else {
            Duration::ZERO
        };
        if let Ok(connection) = tokio::time::timeout(patience, self.idle()).await {
            return Ok(connection);
        }
        let permit = tokio::select! {
            biased;
            connection = self.idle() => return Ok(connection),
            permit = Arc::clone(&self.opening).acquire_owned() => permit.expect("it is never closed"),
        };
        let mut opening = self.open(permit);
        tokio::select! {
            connection = self.idle() => {
                self.spare(opening);
                Ok(connection)
            }
            opened = &mut opening => opened,
        }
    }

    /// The next connection that becomes idle, or one that is.
    async fn idle(&self) -> SendRequest<B> {
        loop {
            let idle = lock(&self.idle).pop();
            match idle {
                Some(connection) if connection.is_ready() => return connection,
                Some(_ended) => {}
                None => self.returned.notified().await,
            }
        }
    }

    fn open(&self, permit: OwnedSemaphorePermit) -> Opening<B> {
        let ssh = Arc::clone(&self.ssh);
        let open = Arc::clone(&self.open);
        Box::pin(async move {
            let session = ssh.connect().await?;
            drop(permit);
            let shaken = http1::handshake(TokioIo::new(session)).await;
            let (sender, connection) = shaken.map_err(io::Error::other)?;
            tokio::spawn(async move {
                // Whoever waits for an answer is told why there is none.
                let _ = connection.with_upgrades().await;
                drop(open);
            });
            Ok(sender)
        })
    }

    /// Finishes what has begun: an `sshd` remembers strangers who leave without a word.
    fn spare(self: &Arc<Self>, opening: Opening<B>) {
        let pool = Arc::downgrade(self);
        let mut spare = lock(&self.spare);
        while spare.try_join_next().is_some() {}
        spare.spawn(async move {
            if let (Ok(connection), Some(pool)) = (opening.await, pool.upgrade()) {
                pool.keep(connection);
            }
        });
    }

    /// Waits until a call is over.
    fn take_back(
        self: &Arc<Self>,
        mut connection: SendRequest<B>,
    ) -> impl Future<Output = ()> + use<B> {
        let pool = Arc::downgrade(self);
        async move {
            if let (Ok(()), Some(pool)) = (connection.ready().await, pool.upgrade()) {
                pool.keep(connection);
            }
        }
    }

    fn keep(&self, connection: SendRequest<B>) {
        let mut idle = lock(&self.idle);
        if idle.len() < AT_ONCE {
            idle.push(connection);
            self.returned.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request as it is written to whom it is meant for.
fn without_authority<B>(mut request: Request<B>) -> Request<B> {
    let host = request.uri().authority().map(|it| it.as_str().parse());
    if let Some(Ok(host)) = host {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    request
}

/// What `ssh` has to say about a call that failed is worth more than what `hyper` makes of it.
fn in_its_own_words(error: hyper::Error) -> EngineError {
    match SshError::beneath(&error) {
        Some(error) => io::Error::other(error).into(),
        None => error.into(),
    }
}
