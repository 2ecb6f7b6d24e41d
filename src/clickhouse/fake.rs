//! A stand-in for ClickHouse that answers as it is told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Client;

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    pieces: Vec<Bytes>,
}

impl Reply {
    /// A successful answer.
    pub fn ok(body: &str) -> Self {
        Self::status(200, body)
    }

    /// An answer of this status.
    pub fn status(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            pieces: vec![Bytes::from(body.to_owned())],
        }
    }

    /// A successful answer that comes in pieces.
    pub fn pieces(pieces: impl IntoIterator<Item = String>) -> Self {
        Self {
            pieces: pieces.into_iter().map(Bytes::from).collect(),
            ..Self::ok("")
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    options: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Received {
    /// A value of the URL's query.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(option, _)| option == name)
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Received>>,
}

/// A stand-in for ClickHouse that answers as it is told to.
pub struct FakeClickHouse {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl FakeClickHouse {
    /// Listens on a free port and gives these answers, one after the other.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            replies: Mutex::new(replies.into_iter().collect()),
            requests: Mutex::default(),
        });
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            shared,
            server,
        }
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Client::new(
            http,
            format!("http://{}", self.address),
            "telemetry",
            "sécret",
        )
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeClickHouse {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        let value = head.headers.get(name).unwrap();
        String::from_utf8(value.as_bytes().to_vec()).unwrap()
    };
    let (user, password) = (header("x-clickhouse-user"), header("x-clickhouse-key"));
    let url = reqwest::Url::parse(&format!("http://x{}", head.uri)).unwrap();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    shared.requests.lock().unwrap().push(Received {
        options: url.query_pairs().into_owned().collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
        user,
        password,
    });
    let reply = shared.replies.lock().unwrap().pop_front().unwrap();
    let pieces = futures_util::stream::unfold(reply.pieces.into_iter(), |mut pieces| async {
        // Each in a packet of its own.
        tokio::task::yield_now().await;
        Some((Ok::<_, std::io::Error>(pieces.next()?), pieces))
    });
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from_stream(pieces)).unwrap()
}
