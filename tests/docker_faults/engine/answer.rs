//! What the engine answers.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{Response, body::Frame};
use serde_json::{Value, json};

pub type Body = UnsyncBoxBody<Bytes, io::Error>;
pub type Answer = Response<Body>;

fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// JSON as an answer of this status.
pub fn value(status: u16, value: &Value) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("api-version", "1.41")
        .body(whole(format!("{value}\n")))
        .expect("it is an answer")
}

/// A refusal, as the engine words it.
pub fn refusal(status: u16, message: impl AsRef<str>) -> Answer {
    value(status, &json!({ "message": message.as_ref() }))
}

/// An answer without a body.
pub fn empty(status: u16) -> Answer {
    Response::builder()
        .status(status)
        .body(whole(""))
        .expect("it is an answer")
}

/// An answer that comes piece by piece; an error cuts the connection.
pub fn stream(
    content_type: &str,
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Answer {
    use futures_util::StreamExt as _;
    let frames = pieces.map(|piece| piece.map(Frame::data));
    Response::builder()
        .status(200)
        .header("content-type", content_type)
        .header("api-version", "1.41")
        .body(StreamBody::new(frames).boxed_unsync())
        .expect("it is an answer")
}

pub fn no_such_container(name: &str) -> Answer {
    refusal(404, format!("No such container: {name}"))
}
