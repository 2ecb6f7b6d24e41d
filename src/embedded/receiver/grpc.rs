//! OTLP/gRPC: the three export methods.
//!
//! They are unary and share one form, so the framing (five bytes before the message) is read
//! here; that way a message is bounded, paid for and decompressed exactly as over HTTP, where
//! a generated service would have decoded it on the reactor first.

use std::{convert::Infallible, sync::Arc};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use prost::Message;
use tonic::{Code, Status};

use super::{
    BodyError, Compression, Encoding, Intake, Received, Refusal, Signal, Transport, messages,
    messages::ExportResponse,
};
use crate::embedded::connection::discard;

/// The compression flag and the length, before each message.
const PREFIX: usize = 5;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const ACCEPTED: HeaderValue = HeaderValue::from_static("gzip, deflate, zstd, identity");

type Answer = Response<tonic::body::Body>;

/// Answers one call.
pub async fn answer<B>(intake: Arc<Intake>, request: Request<B>) -> Result<Answer, Infallible>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    let (head, mut body) = request.into_parts();
    let answer = if is_grpc(&head) {
        let result = export(&intake, &head, &mut body).await;
        result.map_or_else(Status::into_http, |response| success(&response))
    } else {
        let mut answer = Answer::default();
        *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        answer
    };
    discard(body);
    Ok(answer)
}

fn is_grpc(head: &http::request::Parts) -> bool {
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let named = content_type.is_some_and(|name| {
        let name = name.as_bytes();
        name.strip_prefix(b"application/grpc")
            .is_some_and(|rest| rest.is_empty() || rest == b"+proto" || rest.starts_with(b";"))
    });
    named && head.method == Method::POST
}

async fn export<B>(
    intake: &Intake,
    head: &http::request::Parts,
    body: &mut B,
) -> Result<ExportResponse, Status>
where
    B: Body<Data = Bytes> + Unpin,
{
    let signal = Signal::from_grpc_path(head.uri.path())
        .ok_or_else(|| Status::unimplemented(format!("no method {}", head.uri.path())))?;
    let received = match receive(intake, &head.headers, body).await {
        Ok(received) => received,
        Err(status) => {
            intake.metrics.refused_request(signal, Transport::Grpc);
            return Err(status);
        }
    };
    let outcome = intake.accept(signal, received).await;
    let acceptance = outcome.map_err(|refusal| Status::from(&refusal))?;
    Ok(ExportResponse::from(&acceptance))
}

async fn receive<B>(intake: &Intake, headers: &HeaderMap, body: &mut B) -> Result<Received, Status>
where
    B: Body<Data = Bytes> + Unpin,
{
    let compression = compression(headers)?;
    let limit = intake.limits.body;
    let (framed, reservation) = intake
        .read(body, limit + PREFIX)
        .await
        .map_err(|error| unread(&error, limit))?;
    let (compressed, message) = unframe(framed)?;
    let compression = match (compressed, compression) {
        (false, _) => Compression::Identity,
        (true, Some(compression)) => compression,
        (true, None) => {
            return Err(Status::internal(
                "a message is flagged as compressed, but there is no grpc-encoding",
            ));
        }
    };
    let (body, reservation) = intake
        .inflate(compression, message, reservation)
        .await
        .map_err(|refusal| Status::from(&refusal))?;
    Ok(Received {
        body,
        encoding: Encoding::Protobuf,
        transport: Transport::Grpc,
        reservation,
    })
}

fn compression(headers: &HeaderMap) -> Result<Option<Compression>, Status> {
    let Some(value) = headers.get("grpc-encoding") else {
        return Ok(None);
    };
    let known = value.to_str().ok().and_then(Compression::from_name);
    known.map(Some).ok_or_else(|| {
        let mut status = Status::unimplemented("unsupported grpc-encoding");
        let accepted = "gzip, deflate, zstd, identity"
            .parse()
            .expect("a list of names is a metadata value");
        status
            .metadata_mut()
            .insert("grpc-accept-encoding", accepted);
        status
    })
}

/// The one message of a unary call, and whether it is compressed.
fn unframe(mut framed: Bytes) -> Result<(bool, Bytes), Status> {
    if framed.len() < PREFIX {
        return Err(Status::internal("the call ended before its message"));
    }
    let flag = framed.get_u8();
    let length = framed.get_u32() as usize;
    match flag {
        0 | 1 if framed.len() == length => Ok((flag == 1, framed)),
        0 | 1 if framed.len() < length => Err(Status::internal("the message broke off")),
        0 | 1 => Err(Status::internal("more than one message")),
        _ => Err(Status::internal("an unknown compression flag")),
    }
}

fn unread(error: &BodyError, limit: usize) -> Status {
    match error {
        // Without the prefix, which only this transport has.
        BodyError::Refused(Refusal::TooLarge { .. }) => Status::from(&Refusal::TooLarge { limit }),
        BodyError::Refused(refusal) => Status::from(refusal),
        BodyError::Late => Status::deadline_exceeded("the message did not come in time"),
        BodyError::Broken => Status::cancelled("the message broke off"),
    }
}

fn success(response: &ExportResponse) -> Answer {
    let length = response.encoded_len();
    let mut message = BytesMut::with_capacity(PREFIX + length);
    message.put_u8(0);
    message.put_u32(u32::try_from(length).expect("an answer is short"));
    response
        .encode(&mut message)
        .expect("there is room for its length");
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [
        Ok::<_, Infallible>(Frame::data(message.freeze())),
        Ok(Frame::trailers(trailers)),
    ];
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let mut answer = Answer::new(tonic::body::Body::new(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    answer
        .headers_mut()
        .insert("grpc-accept-encoding", ACCEPTED);
    answer
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        let status = messages::Status::from(refusal);
        let details = status.encode_to_vec().into();
        Self::with_details(Code::from_i32(status.code), status.message, details)
    }
}

#[cfg(test)]
mod tests;
