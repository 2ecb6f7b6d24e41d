//! OTLP over gRPC.

use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use http::uri::PathAndQuery;
use prost::Message as _;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use super::answer::{Answer, ExportResponse, Status};
use super::error::ExportError;
use super::http::ATTEMPT;
use crate::otlp::{Protocol, Signal};

const CONNECT: Duration = Duration::from_secs(5);

/// An OTLP/gRPC endpoint.
#[derive(Clone, Debug)]
pub struct Grpc {
    channel: Channel,
    url: String,
    /// Whether messages are compressed.
    pub gzip: bool,
}

impl Grpc {
    pub async fn connect(url: &str) -> Result<Self, ExportError> {
        let unreachable = |error: tonic::transport::Error| ExportError::Unreachable {
            protocol: Protocol::Grpc,
            url: url.to_owned(),
            source: error.into(),
        };
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(unreachable)?;
        let endpoint = endpoint.connect_timeout(CONNECT).timeout(ATTEMPT);
        let channel = endpoint.connect().await.map_err(unreachable)?;
        Ok(Self {
            channel,
            url: url.to_owned(),
            gzip: true,
        })
    }

    /// Sends a message once.
    pub async fn attempt(&self, signal: Signal, message: Bytes) -> Result<Answer, ExportError> {
        let mut client = tonic::client::Grpc::new(self.channel.clone())
            .accept_compressed(CompressionEncoding::Gzip);
        if self.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let method = PathAndQuery::from_static(signal.grpc_method());
        let sent = match client.ready().await {
            Ok(()) => client.unary(Request::new(message), method, Encoded).await,
            Err(error) => Err(tonic::Status::from_error(error.into())),
        };
        match sent {
            Ok(response) => Ok(Answer::Accepted(response.into_inner().into())),
            Err(status) if status.code() == Code::Unimplemented => Err(ExportError::NotOtlp {
                protocol: Protocol::Grpc,
                url: self.url.clone(),
                problem: describe(&status),
            }),
            Err(status) => Ok(failed(&status)),
        }
    }
}

/// What OTLP says of each status.
fn failed(status: &tonic::Status) -> Answer {
    let details = Status::decode(status.details()).unwrap_or_default();
    let after = details.retry_delay();
    let may_try_again = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => after.is_some(),
        _ => false,
    };
    if may_try_again {
        Answer::TryLater {
            after,
            reason: describe(status),
        }
    } else {
        Answer::Refused {
            status: format!("gRPC status {:?}", status.code()),
            reason: status.message().to_owned(),
        }
    }
}

fn describe(status: &tonic::Status) -> String {
    format!("gRPC status {:?}: {}", status.code(), status.message())
}

/// Messages that are encoded already, so that one is encoded once however often it is sent.
#[derive(Clone, Copy, Debug)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        buffer.reserve(message.len());
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportResponse;
    type Error = tonic::Status;

    fn decode(
        &mut self,
        buffer: &mut DecodeBuf<'_>,
    ) -> Result<Option<ExportResponse>, tonic::Status> {
        let response = ExportResponse::decode(buffer);
        response
            .map(Some)
            .map_err(|error| tonic::Status::internal(error.to_string()))
    }
}
