//! OTLP/HTTP: protobuf and JSON, as the OTLP specification 1.x words it.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use prost::Message;

use super::{
    BodyError, Compression, Encoding, Intake, Outcome, Received, Refusal, Signal, Transport, cors,
    messages::{ExportResponse, RETRY_SECONDS, Status},
};
use crate::embedded::connection::discard;

type Answer = Response<Full<Bytes>>;

/// Answers one request.
pub async fn answer<B>(intake: Arc<Intake>, request: Request<B>) -> Result<Answer, Infallible>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    let (head, mut body) = request.into_parts();
    let mut answer = match examine(&head) {
        Err(answer) => *answer,
        Ok(export) => match receive(&intake, &export, &mut body).await {
            Ok(received) => {
                let outcome = intake.accept(export.signal, received).await;
                export.answer(&outcome)
            }
            Err(error) => {
                intake
                    .metrics
                    .refused_request(export.signal, Transport::Http);
                export.answer_unread(&error)
            }
        },
    };
    cors::allow(&head.headers, answer.headers_mut());
    // Who waits to be told to send the body is told not to; whoever sends it already may miss
    // an answer that comes before they are done, unless they are heard out.
    if !head.headers.contains_key(header::EXPECT) {
        discard(body);
    }
    Ok(answer)
}

/// An export request, by its head.
struct Export {
    signal: Signal,
    encoding: Encoding,
    compression: Compression,
}

fn examine(head: &http::request::Parts) -> Result<Export, Box<Answer>> {
    let signal = Signal::from_http_path(head.uri.path())
        .ok_or_else(|| text(StatusCode::NOT_FOUND, "404 page not found"))?;
    if head.method == Method::OPTIONS {
        let mut answer = allowed(StatusCode::NO_CONTENT, "");
        cors::allow_preflight(&head.headers, answer.headers_mut());
        return Err(answer.into());
    }
    if head.method != Method::POST {
        return Err(allowed(
            StatusCode::METHOD_NOT_ALLOWED,
            "405 method not allowed, supported: [POST]",
        )
        .into());
    }
    let encoding = encoding(&head.headers).ok_or_else(|| {
        text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "415 unsupported media type, supported: [application/json, application/x-protobuf]",
        )
    })?;
    let compression = compression(&head.headers).ok_or_else(|| {
        let mut answer = text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "415 unsupported content encoding, supported: [gzip, deflate, zstd, identity]",
        );
        answer.headers_mut().insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static(Compression::NAMES),
        );
        answer
    })?;
    Ok(Export {
        signal,
        encoding,
        compression,
    })
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (media_type, _parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let is = |name| media_type.trim().eq_ignore_ascii_case(name);
    if is("application/x-protobuf") || is("application/protobuf") {
        Some(Encoding::Protobuf)
    } else if is("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

fn compression(headers: &HeaderMap) -> Option<Compression> {
    match headers.get(header::CONTENT_ENCODING) {
        None => Some(Compression::Identity),
        Some(value) if value.is_empty() => Some(Compression::Identity),
        Some(value) => Compression::from_name(value.to_str().ok()?.trim()),
    }
}

async fn receive<B>(intake: &Intake, export: &Export, body: &mut B) -> Result<Received, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (compressed, reservation) = intake.read(body, intake.limits.body).await?;
    let (body, reservation) = intake
        .inflate(export.compression, compressed, reservation)
        .await
        .map_err(BodyError::Refused)?;
    Ok(Received {
        body,
        encoding: export.encoding,
        transport: Transport::Http,
        reservation,
    })
}

impl Export {
    fn answer(&self, outcome: &Outcome) -> Answer {
        match outcome {
            Ok(acceptance) => {
                let response = ExportResponse::from(acceptance);
                let body = match self.encoding {
                    Encoding::Protobuf => response.encode_to_vec(),
                    Encoding::Json => response.to_json(self.signal).to_string().into(),
                };
                self.encoded(StatusCode::OK, body)
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn answer_unread(&self, error: &BodyError) -> Answer {
        match error {
            BodyError::Refused(refusal) => self.refuse(refusal),
            BodyError::Late => self.status(
                StatusCode::REQUEST_TIMEOUT,
                &Status::new(
                    tonic::Code::DeadlineExceeded,
                    "the body did not come in time",
                ),
            ),
            BodyError::Broken => self.status(
                StatusCode::BAD_REQUEST,
                &Status::new(tonic::Code::Cancelled, "the body broke off"),
            ),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        let mut answer = self.status(refusal.http_status(), &Status::from(refusal));
        if refusal.is_retryable() {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_SECONDS.into());
        }
        answer
    }

    /// An error in the encoding of the request, as OTLP wants it.
    fn status(&self, code: StatusCode, status: &Status) -> Answer {
        let body = match self.encoding {
            Encoding::Protobuf => status.encode_to_vec(),
            Encoding::Json => status.to_json().to_string().into(),
        };
        self.encoded(code, body)
    }

    fn encoded(&self, code: StatusCode, body: Vec<u8>) -> Answer {
        let content_type = match self.encoding {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        };
        plain(code, content_type, body)
    }
}

/// An answer to what is no export request, of which no encoding is known.
fn text(code: StatusCode, message: &'static str) -> Answer {
    plain(code, "text/plain; charset=utf-8", message)
}

fn allowed(code: StatusCode, message: &'static str) -> Answer {
    let mut answer = text(code, message);
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    answer
}

fn plain(code: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = code;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

#[cfg(test)]
mod tests;
