//! Sends requests as a well-behaved OTLP client does: it understands partial success and error
//! bodies, waits as long as it is told to, and gives up in the end.

mod answer;
mod error;
mod grpc;
mod http;
mod retry;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use answer::Accepted;
pub use error::ExportError;

use answer::Answer;
use grpc::Grpc;
use http::Http;
use retry::Backoff;

use super::{Payload, Protocol};

/// Sends requests to one endpoint. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Exporter {
    transport: Transport,
    patience: Duration,
}

#[derive(Clone, Debug)]
enum Transport {
    Http(Http),
    Grpc(Grpc),
}

impl Exporter {
    /// An exporter to the endpoint at `url`, such as `http://127.0.0.1:4318`, that compresses
    /// what it sends and retries each request for at most `patience`.
    ///
    /// # Errors
    ///
    /// When nothing answers there.
    pub async fn connect(
        protocol: Protocol,
        url: &str,
        patience: Duration,
    ) -> Result<Self, ExportError> {
        let transport = match protocol {
            Protocol::Grpc => Transport::Grpc(Grpc::connect(url).await?),
            Protocol::HttpProtobuf | Protocol::HttpJson => {
                Transport::Http(Http::new(protocol, url))
            }
        };
        Ok(Self {
            transport,
            patience,
        })
    }

    /// Sends bodies as they are.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        match &mut self.transport {
            Transport::Http(http) => http.gzip = false,
            Transport::Grpc(grpc) => grpc.gzip = false,
        }
        self
    }

    /// Sends a request until it is accepted or refused, or patience ends.
    ///
    /// # Errors
    ///
    /// When it is not accepted.
    pub async fn send(&self, payload: &Payload) -> Result<Accepted, ExportError> {
        let deadline = Instant::now() + self.patience;
        let mut backoff = Backoff::default();
        let body = match &self.transport {
            Transport::Http(http) => http.encode(&payload.body),
            Transport::Grpc(_) => payload.body.clone(),
        };
        loop {
            let answer = match &self.transport {
                Transport::Http(http) => http.attempt(payload.signal, body.clone()).await?,
                Transport::Grpc(grpc) => grpc.attempt(payload.signal, body.clone()).await?,
            };
            let protocol = self.protocol();
            match answer {
                Answer::Accepted(accepted) => return Ok(accepted),
                Answer::Refused { status, reason } => {
                    return Err(ExportError::Refused {
                        signal: payload.signal,
                        protocol,
                        status,
                        reason,
                    });
                }
                Answer::TryLater { after, reason } => {
                    let wait = backoff.next(after);
                    if Instant::now() + wait >= deadline {
                        return Err(ExportError::GaveUp {
                            signal: payload.signal,
                            protocol,
                            attempts: backoff.attempts(),
                            reason,
                        });
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn protocol(&self) -> Protocol {
        match &self.transport {
            Transport::Http(http) => http.protocol,
            Transport::Grpc(_) => Protocol::Grpc,
        }
    }
}
