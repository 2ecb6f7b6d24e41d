//! The page that draws the dashboards, where there is no Grafana to do it.
//!
//! The dashboards are the files that Grafana reads, and the page puts the same questions to
//! ClickHouse, by the same user. Paths are Grafana's where it has the like, so that links between
//! dashboards, and what asks whether it is well, need not know which of the two is there.

mod files;
mod gate;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
    request::Parts,
};
use http_body::Body;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{
    files::File,
    gate::{Gate, Refusal},
};
use super::{
    chdb::Role,
    clickhouse_http::{AnswerBody, Interface},
    connection::{self, Bounds, Protocol, discard},
};

/// What the page's connections may take up.
const BOUNDS: Bounds = Bounds {
    connections: 256,
    head_time: Duration::from_secs(75),
    drain_time: Duration::from_secs(5),
};

/// Where a statement goes: its answer is to have names and types, and rows as lists.
const QUERY: &str = "/?database=telemetry&default_format=JSONCompact";

/// What the page may do, whatever is in the telemetry that it shows: run its own scripts, and ask
/// where it came from.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// What goes with every answer.
const PROTECTION: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
];

type Answer = Response<AnswerBody>;

/// The page, and what it needs. Clones are the same.
#[derive(Clone)]
pub struct Dashboards {
    clickhouse: Interface,
    gate: Arc<Gate>,
}

impl Dashboards {
    /// The page of a stack whose telemetry is in `clickhouse`; with a `password`, it is shown to
    /// `admin` only.
    pub fn new(clickhouse: Interface, password: Option<&str>) -> Self {
        Self {
            clickhouse,
            gate: Arc::new(Gate::new(password)),
        }
    }

    /// Serves it until `shutdown`; then lets requests under way finish within a few seconds.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) {
        let dashboards = self.clone();
        let service = move |request| {
            let dashboards = dashboards.clone();
            async move { Ok::<_, Infallible>(dashboards.answer(request).await) }
        };
        connection::serve(listener, Protocol::Http, BOUNDS, shutdown, service).await;
    }

    async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let (head, body) = request.into_parts();
        let mut answer = match self.answer_to_head(&head) {
            Some(answer) => {
                discard(body);
                answer
            }
            None => self.query(head, body).await,
        };
        for (name, value) in PROTECTION {
            let value = HeaderValue::from_static(value);
            answer.headers_mut().insert(name, value);
        }
        answer
    }

    /// The answer to whatever needs no body: to all but a statement.
    fn answer_to_head(&self, head: &Parts) -> Option<Answer> {
        // Grafana's, which tells nothing that the port does not.
        if head.uri.path() == "/api/health" {
            return Some(json_answer(r#"{"database":"ok"}"#));
        }
        if let Err(refusal) = self.gate.admit(&head.uri, &head.headers) {
            return Some(refused(&refusal));
        }
        Some(match (head.uri.path(), &head.method) {
            ("/api/query", &Method::POST) => return None,
            ("/api/query", _) => not_allowed("POST"),
            (path, &Method::GET | &Method::HEAD) => read(path, &head.headers),
            _ => not_allowed("GET, HEAD"),
        })
    }

    /// Runs a statement as the user that may read and nothing else.
    async fn query<B>(&self, mut head: Parts, body: B) -> Answer
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
    {
        head.uri = Uri::from_static(QUERY);
        // What else ClickHouse takes from a head is not for the page to say.
        let accepted = head.headers.remove(header::ACCEPT_ENCODING);
        head.headers = HeaderMap::new();
        if let Some(accepted) = accepted {
            head.headers.insert(header::ACCEPT_ENCODING, accepted);
        }
        let request = Request::from_parts(head, body);
        let mut answer = self.clickhouse.answer_to(Role::Reader, request).await;
        not_kept(&mut answer);
        answer
    }
}

/// What is there to read at a path.
fn read(path: &str, headers: &HeaderMap) -> Answer {
    if let Some(name) = path.strip_prefix("/assets/") {
        return files::of_page(name).map_or_else(not_found, |file| send(file, headers));
    }
    if let Some(uid) = path.strip_prefix("/api/dashboards/") {
        return files::dashboard(uid).map_or_else(not_found, |file| send(file, headers));
    }
    match path {
        "/api/dashboards" => json_answer(files::menu()),
        path if path == "/" || path.starts_with("/d/") => {
            let page = files::of_page("index.html").expect("the page is there");
            send(page, headers)
        }
        _ => not_found(),
    }
}

/// A file, unless the browser has this very one.
fn send(file: File, headers: &HeaderMap) -> Answer {
    let known = headers.get(header::IF_NONE_MATCH);
    let is_known = known.is_some_and(|known| known.as_bytes() == file.tag.as_bytes());
    let mut answer = if is_known {
        let mut answer = Response::new(AnswerBody::whole(Bytes::new()));
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        answer(StatusCode::OK, file.media_type, file.content)
    };
    let tag = HeaderValue::try_from(file.tag).expect("it is of digits and quotes");
    answer.headers_mut().insert(header::ETAG, tag);
    // Another version of this program may be there the next time.
    let asked_for = HeaderValue::from_static("no-cache");
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, asked_for);
    answer
}

fn json_answer(json: &'static str) -> Answer {
    let mut answer = answer(StatusCode::OK, "application/json", json);
    not_kept(&mut answer);
    answer
}

/// Nobody between is to keep it.
fn not_kept(answer: &mut Answer) {
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
}

fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "There is nothing here\n".to_owned())
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("Use {allowed}\n"));
    let allowed = HeaderValue::from_static(allowed);
    answer.headers_mut().insert(header::ALLOW, allowed);
    answer
}

fn refused(refusal: &Refusal) -> Answer {
    let mut answer = text(refusal.status(), format!("{refusal}\n"));
    if let Refusal::NoLogin = refusal {
        let challenge = HeaderValue::from_static("Basic realm=\"telemetry\", charset=\"UTF-8\"");
        let headers = answer.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

fn text(status: StatusCode, text: String) -> Answer {
    answer(status, "text/plain; charset=utf-8", text)
}

fn answer(status: StatusCode, media_type: &'static str, content: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(content));
    *answer.status_mut() = status;
    let media_type = HeaderValue::from_static(media_type);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    answer
}
