//! The server: routes, and what of a request is examined before its statement runs.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body::Body;
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    compression::encoding::Encoding,
    exception::{Exception, Kind},
    form,
    incoming::receive,
    limits::Limits,
    outgoing::{AnswerBody, Head, Outgoing},
    request::Options,
    run::{self, Job},
    running::{CancelOnDrop, Running},
    sessions::Sessions,
    users::{Refused, Users},
};
use crate::embedded::{
    chdb::{Engine, Role},
    connection::{self, Protocol, discard},
    server::Credentials,
};

/// How long statements may take to notice that they were stopped, at shutdown.
const LAST_STATEMENTS: Duration = Duration::from_secs(5);
/// How often sessions are looked at whose time may be over.
const SESSION_CHECK: Duration = Duration::from_secs(10);

type Answer = Response<AnswerBody>;

/// What requests share.
pub struct Shared {
    /// The engine.
    pub engine: Engine,
    /// The bounds.
    pub limits: Limits,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    users: Users,
    running: Arc<Running>,
    /// Statements that may run.
    slots: Arc<Semaphore>,
    /// Statements that may wait for that.
    waiting: Semaphore,
    /// The server's name for itself.
    pub display_name: String,
}

/// ClickHouse's HTTP interface. Clones are the same interface.
#[derive(Clone)]
pub struct Interface(Arc<Shared>);

impl Interface {
    /// The interface to an engine, for the three users of a stack.
    pub fn new(engine: Engine, credentials: &Credentials, limits: Limits) -> Self {
        Self(Arc::new(Shared {
            users: Users::new(credentials),
            running: Running::new(engine.clone()),
            sessions: Sessions::new(limits.sessions),
            slots: Arc::new(Semaphore::new(limits.running)),
            waiting: Semaphore::new(limits.waiting),
            display_name: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            engine,
            limits,
        }))
    }

    /// Serves it until `shutdown`; then lets requests under way finish within the limits.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) {
        let interface = self.clone();
        let service = move |request| {
            let interface = interface.clone();
            async move { Ok::<_, Infallible>(answer(&interface.0, request).await) }
        };
        let bounds = self.0.limits.connections;
        connection::serve(listener, Protocol::Http, bounds, shutdown, service).await;
    }

    /// Answers a request whose sender is known without its head saying so.
    pub async fn answer_to<B>(&self, role: Role, request: Request<B>) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let (head, body) = request.into_parts();
        statement(&self.0, &head, body, Some(role)).await
    }

    /// Forgets sessions when their time is over, and at `shutdown` stops, after a moment, the
    /// statements that only read. Goes on for as long as it is polled.
    pub async fn look_after(&self, shutdown: CancellationToken) -> Infallible {
        let stopping = async {
            shutdown.cancelled().await;
            tokio::time::sleep(self.0.limits.last_reads).await;
            self.0.running.cancel_reads();
            std::future::pending().await
        };
        let forgetting = async {
            loop {
                tokio::time::sleep(SESSION_CHECK).await;
                self.0.sessions.forget_expired();
            }
        };
        tokio::select! {
            never = forgetting => never,
            never = stopping => never,
        }
    }

    /// Waits for the last statements once nothing is served any more: the engine must not go
    /// while one runs in it.
    pub async fn finish(&self) {
        let all = u32::try_from(self.0.limits.running).expect("they are few");
        let _ = timeout(LAST_STATEMENTS, self.0.slots.acquire_many(all)).await;
    }
}

async fn answer<B>(shared: &Arc<Shared>, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    let (head, body) = request.into_parts();
    let named = head.uri.query().is_some();
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    match (head.uri.path(), &head.method) {
        ("/ping" | "/replicas_status", _) => plain(StatusCode::OK, "Ok.\n"),
        ("/", _) if reads && !named => plain(StatusCode::OK, "Ok.\n"),
        ("/", &Method::GET | &Method::HEAD | &Method::POST) => {
            statement(shared, &head, body, None).await
        }
        ("/", _) => {
            discard(body);
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "Use GET or POST\n");
            let allowed = HeaderValue::from_static("GET, HEAD, POST");
            answer.headers_mut().insert(header::ALLOW, allowed);
            answer
        }
        (path, _) => {
            discard(body);
            let text = format!("There is no handle {path}\n\nUse / or /ping for health checks.\n");
            plain(StatusCode::NOT_FOUND, text)
        }
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(text));
    *answer.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=UTF-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, text);
    answer
}

/// Answers a request that has a statement, from somebody who is known already or says who it is.
async fn statement<B>(shared: &Arc<Shared>, head: &Parts, body: B, sender: Option<Role>) -> Answer
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    let mut naming = Head {
        query_id: query_id(),
        display_name: shared.display_name.clone(),
        version: shared.engine.version().to_owned(),
        framed: false,
    };
    let examined = match examine(shared, head, sender, &mut naming) {
        Ok(examined) => examined,
        Err(refused) => {
            discard(body);
            let mut answer = naming.failure(&refused.exception);
            if refused.anonymous {
                *answer.status_mut() = StatusCode::UNAUTHORIZED;
                let challenge = HeaderValue::from_static("Basic realm=\"ClickHouse HTTP API\"");
                answer
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, challenge);
            }
            return answer;
        }
    };
    let begun = match turn(shared).await {
        Ok(slot) => shared
            .running
            .begin(naming.query_id.clone())
            .map(|it| (slot, it)),
        Err(exception) => Err(exception),
    };
    let (slot, statement) = match begun {
        Ok(begun) => begun,
        Err(exception) => {
            discard(body);
            return naming.failure(&exception);
        }
    };

    let cancel = CancelOnDrop(Arc::clone(&statement));
    let (reply, replied) = oneshot::channel();
    let accepted = head.headers.get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let job = Job {
        shared: Arc::clone(shared),
        role: examined.role,
        reads: matches!(head.method, Method::GET | Method::HEAD),
        accepted: accepted.and_then(Encoding::for_response),
        encoding: examined.encoding,
        form: examined.form,
        body: receive(body, shared.limits.body_pause),
        statement: Arc::clone(&statement),
        options: examined.options,
    };
    let (failed, patience) = (naming.clone(), shared.limits.body_pause);
    tokio::task::spawn_blocking(move || {
        run::run(job, Outgoing::new(naming, reply, patience));
        statement.end();
        drop(slot);
    });
    if let Ok(answer) = replied.await {
        return answer.map(|body| body.guarded_by(cancel));
    }
    let exception = Kind::LogicalError.exception("The statement ended without an answer");
    failed.failure(&exception)
}

/// What the head of a request says.
struct Examined {
    role: Role,
    options: Options,
    encoding: Option<Encoding>,
    form: Option<String>,
}

/// Who asks, for what, and what the body is; takes the client's identifier over.
fn examine(
    shared: &Shared,
    head: &Parts,
    sender: Option<Role>,
    naming: &mut Head,
) -> Result<Examined, Refused> {
    let mut options = Options::parse(head.uri.query().unwrap_or_default().as_bytes())?;
    naming.framed = options.compress;
    let text = |name| text(&head.headers, name);
    if options.database.is_none() {
        options.database = text("x-clickhouse-database");
    }
    if options.default_format.is_none() {
        options.default_format = text("x-clickhouse-format");
    }
    if let Some(id) = &options.query_id {
        naming.query_id.clone_from(id);
    }
    let role = match sender {
        Some(role) => role,
        None => shared.users.authenticate(&head.headers, &options)?,
    };
    let encoding = text(header::CONTENT_ENCODING.as_str()).unwrap_or_default();
    let encoding = Encoding::of_request(&encoding)?;
    let media_type = text(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let form = form::boundary(&media_type)?;
    Ok(Examined {
        role,
        options,
        encoding,
        form,
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Waits until a statement may run.
async fn turn(shared: &Shared) -> Result<OwnedSemaphorePermit, Exception> {
    let full = || {
        Kind::TooManySimultaneousQueries.exception("Too many simultaneous queries for all users")
    };
    let _place = shared.waiting.try_acquire().map_err(|_| full())?;
    let slot = Arc::clone(&shared.slots).acquire_owned();
    let slot = timeout(shared.limits.patience, slot)
        .await
        .map_err(|_| full())?;
    Ok(slot.expect("the semaphore is never closed"))
}

/// A random identifier, as ClickHouse makes them: a UUID of version 4.
fn query_id() -> String {
    let bits: u128 = rand::random();
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}
