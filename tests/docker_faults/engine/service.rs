//! What runs in a container that is started: something that answers, on the published ports, the
//! questions by which the real services are known to be ready.

use std::{
    convert::Infallible,
    io,
    net::{Shutdown, SocketAddr},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

/// What containers of a service do once they are started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Their work.
    #[default]
    Works,
    /// They listen, and say that they are not ready.
    NeverReady,
    /// They say something and end at once, with this status.
    ExitsAtOnce(i64, &'static str),
}

/// What listens on a published port, until it is dropped.
pub struct Listening {
    listener: std::net::TcpListener,
    task: JoinHandle<()>,
}

/// Closing it would not do: a test's child between its fork and its exec has it, too.
impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// Listens on `address`, which must be free, for what listens on `port` in the container.
pub fn listen(
    address: SocketAddr,
    service: &str,
    port: u16,
    behaviour: Behaviour,
) -> io::Result<Listening> {
    let own = std::net::TcpListener::bind(address)?;
    own.set_nonblocking(true)?;
    let listener = TcpListener::from_std(own.try_clone()?)?;
    let service = service.to_owned();
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            connections.spawn(async move {
                let answering = service_fn(|request| answer(&service, port, behaviour, request));
                let io = TokioIo::new(stream);
                let _ = http1::Builder::new().serve_connection(io, answering).await;
            });
            while connections.try_join_next().is_some() {}
        }
    });
    Ok(Listening {
        listener: own,
        task,
    })
}

async fn answer(
    service: &str,
    port: u16,
    behaviour: Behaviour,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
    let (status, text) = match (behaviour, service, port) {
        (Behaviour::NeverReady, ..) => (503, "not ready"),
        (_, "clickhouse", 8123) => (200, clickhouse(head.uri.path(), &body)),
        (_, "collector", 13133) => (200, r#"{"status":"Server available"}"#),
        (_, "collector", 8888) => (200, "otelcol_process_uptime 1\n"),
        (_, "collector", 4318) => (200, "{}"),
        (_, "grafana", 3000) => (200, r#"{"database":"ok","status":"OK"}"#),
        _ => (404, ""),
    };
    let response = Response::builder().status(status);
    Ok(response.body(Full::from(text)).expect("it is an answer"))
}

/// A database that takes every statement, has none of the tables that are asked for, and so gets
/// the whole schema at each start.
fn clickhouse(path: &str, sql: &str) -> &'static str {
    match path {
        "/ping" => "Ok.\n",
        _ if sql.contains("AS durations") => "{\"records\":0,\"traces\":0,\"durations\":0}\n",
        _ => "",
    }
}
