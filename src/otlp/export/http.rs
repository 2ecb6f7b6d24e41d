//! OTLP over HTTP.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use prost::Message as _;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::answer::{Accepted, Answer, ExportResponse, Status};
use super::error::ExportError;
use crate::otlp::{Encoding, Protocol, Signal};

/// How long one attempt may take: what SDKs grant by default.
pub const ATTEMPT: Duration = Duration::from_secs(10);

/// The most that is shown of an answer that is no OTLP.
const LONGEST_REASON: usize = 200;

/// An OTLP/HTTP endpoint.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    url: String,
    /// Which of the two encodings is spoken.
    pub protocol: Protocol,
    /// Whether bodies are compressed.
    pub gzip: bool,
}

impl Http {
    pub fn new(protocol: Protocol, url: &str) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(ATTEMPT)
            .build()
            .expect("nothing in it depends on the system");
        Self {
            client,
            url: url.to_owned(),
            protocol,
            gzip: true,
        }
    }

    /// The body as it is sent.
    pub fn encode(&self, body: &Bytes) -> Bytes {
        if !self.gzip {
            return body.clone();
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let written = encoder.write_all(body).and_then(|()| encoder.finish());
        written.expect("a vector takes everything").into()
    }

    /// Sends a body once.
    pub async fn attempt(&self, signal: Signal, body: Bytes) -> Result<Answer, ExportError> {
        let encoding = self.protocol.encoding();
        let mut request = self
            .client
            .post(format!("{}{}", self.url, signal.http_path()))
            .header(CONTENT_TYPE, encoding.media_type())
            .body(body);
        if self.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => {
                return Err(ExportError::Unreachable {
                    protocol: self.protocol,
                    url: self.url.clone(),
                    source: error.without_url().into(),
                });
            }
            Err(error) => return Ok(interrupted(error)),
        };
        self.read(response, encoding).await
    }

    async fn read(&self, response: Response, encoding: Encoding) -> Result<Answer, ExportError> {
        let status = response.status();
        let is_otlp = response.headers().get(CONTENT_TYPE).is_some_and(|value| {
            value
                .as_bytes()
                .starts_with(encoding.media_type().as_bytes())
        });
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return Ok(interrupted(error)),
        };
        if status.is_success() {
            return accepted(&body, encoding)
                .filter(|_| is_otlp)
                .map(Answer::Accepted)
                .ok_or_else(|| self.not_otlp(format!("HTTP status {status}, but no OTLP answer")));
        }
        let reason = if is_otlp {
            error_message(&body, encoding)
        } else {
            let text = String::from_utf8_lossy(&body);
            text.trim().chars().take(LONGEST_REASON).collect()
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Ok(Answer::TryLater {
                after,
                reason: format!("HTTP status {status}: {reason}"),
            }),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED if !is_otlp => {
                Err(self.not_otlp(format!("HTTP status {status}")))
            }
            _ => Ok(Answer::Refused {
                status: format!("HTTP status {status}"),
                reason,
            }),
        }
    }

    fn not_otlp(&self, problem: String) -> ExportError {
        ExportError::NotOtlp {
            protocol: self.protocol,
            url: self.url.clone(),
            problem,
        }
    }
}

fn accepted(body: &[u8], encoding: Encoding) -> Option<Accepted> {
    let response = match encoding {
        Encoding::Protobuf => ExportResponse::decode(body).ok()?,
        Encoding::Json => serde_json::from_slice(body).ok()?,
    };
    Some(response.into())
}

fn error_message(body: &[u8], encoding: Encoding) -> String {
    let status: Option<Status> = match encoding {
        Encoding::Protobuf => Status::decode(body).ok(),
        Encoding::Json => serde_json::from_slice(body).ok(),
    };
    status.unwrap_or_default().message
}

/// The request may or may not have arrived. OTLP says to send it again.
fn interrupted(error: reqwest::Error) -> Answer {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    Answer::TryLater {
        after: None,
        reason,
    }
}
