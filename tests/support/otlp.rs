//! OTLP as bytes: what no SDK would send.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::{net::TcpStream, runtime::Runtime};

use super::stack::Stack;

pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";

pub const TRACES: &str = "trace.v1.TraceService";
pub const LOGS: &str = "logs.v1.LogsService";
pub const METRICS: &str = "metrics.v1.MetricsService";

/// Bytes of the longest body that is taken.
pub const LIMIT: usize = 20 << 20;

/// Sends to a stack, and waits for each answer.
pub struct Sender<'s> {
    stack: &'s Stack,
    runtime: Runtime,
    http: reqwest::Client,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer over gRPC.
#[derive(Debug)]
pub struct GrpcAnswer {
    /// The status of gRPC, `None` where there is none.
    pub code: Option<i32>,
    pub headers: HeaderMap,
    /// The message, without its prefix.
    pub message: Bytes,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub details: Vec<Bytes>,
}

impl<'s> Sender<'s> {
    pub fn new(stack: &'s Stack) -> Self {
        Self {
            stack,
            runtime: Runtime::new().expect("a runtime can be made"),
            http: reqwest::Client::new(),
        }
    }

    /// A `POST` of a body to a path of OTLP over HTTP.
    pub fn post(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(|http, url| {
            http.post(url(path))
                .header("content-type", content_type)
                .body(body)
        })
    }

    /// Any request; the client and the URL of a path are given.
    pub fn send(
        &self,
        request: impl FnOnce(&reqwest::Client, &dyn Fn(&str) -> String) -> reqwest::RequestBuilder,
    ) -> Answer {
        let request = request(&self.http, &|path| self.stack.otlp_http_url(path));
        self.runtime.block_on(async {
            let answer = request.send().await.expect("it is answered");
            Answer {
                status: answer.status().as_u16(),
                headers: answer.headers().clone(),
                body: answer.bytes().await.expect("the answer has an end"),
            }
        })
    }

    /// A call of the export method of a service such as `trace.v1.TraceService`.
    pub fn call(&self, service: &str, message: &[u8]) -> GrpcAnswer {
        self.call_raw(
            &format!("/opentelemetry.proto.collector.{service}/Export"),
            &[("content-type", "application/grpc")],
            framed(0, message),
        )
    }

    /// A `POST` on the port of gRPC.
    pub fn call_raw(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> GrpcAnswer {
        let authority = format!("127.0.0.1:{}", self.stack.ports.otlp_grpc);
        let mut request =
            Request::post(format!("http://{authority}{path}")).header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.expect("it is a request");
        self.runtime.block_on(async {
            let stream = TcpStream::connect(authority).await.expect("it listens");
            let (mut client, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .expect("it speaks HTTP/2");
            let connection = tokio::spawn(connection);
            let answer = client.send_request(request).await.expect("it is answered");
            let (head, body) = answer.into_parts();
            let body = body.collect().await.expect("the answer has an end");
            let code = [Some(&head.headers), body.trailers()]
                .into_iter()
                .flatten()
                .find_map(|headers| headers.get("grpc-status"))
                .map(|code| code.to_str().expect("it is text").parse());
            let mut message = body.to_bytes();
            let _prefix = message.split_to(message.len().min(5));
            connection.abort();
            GrpcAnswer {
                code: code.map(|code| code.expect("it is a number")),
                headers: head.headers,
                message,
            }
        })
    }
}

impl Answer {
    /// The `google.rpc.Status` that it is, in the encoding that it says it is in.
    pub fn error(&self) -> Status {
        match self.header("content-type") {
            Some(PROTOBUF) => Status::decode(self.body.clone()).expect("it is a status"),
            Some(JSON) => {
                let status: serde_json::Value =
                    serde_json::from_slice(&self.body).expect("it is JSON");
                Status {
                    code: i32::try_from(status["code"].as_i64().expect("it has one"))
                        .expect("it is small"),
                    message: status["message"]
                        .as_str()
                        .expect("it has a message")
                        .to_owned(),
                    details: Vec::new(),
                }
            }
            other => panic!("an error in {other:?}: {self:?}"),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("it is text"))
    }
}

/// A message of gRPC with its prefix.
pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(flag);
    framed.put_u32(u32::try_from(message.len()).expect("it is short"));
    framed.put_slice(message);
    framed.into()
}
