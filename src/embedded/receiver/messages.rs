//! The protocol messages of answers.
//!
//! Few and small, hence written out here. Sources: `google/rpc/status.proto`,
//! `google/rpc/error_details.proto` and OTLP's `collector/*/v1/*_service.proto`.

use bytes::Bytes;
use prost::Message;
use serde_json::json;

use super::{Acceptance, Refusal, Signal};

/// Seconds after which a request that was turned away may be sent again.
pub const RETRY_SECONDS: u32 = 1;

/// `Export{Trace,Metrics,Logs}ServiceResponse`: the three have one form on the wire.
#[derive(Clone, PartialEq, Message)]
pub struct ExportResponse {
    /// Set only when there is something to say.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

/// `Export{Trace,Metrics,Logs}PartialSuccess`.
#[derive(Clone, PartialEq, Message)]
pub struct PartialSuccess {
    /// Items that were left out.
    #[prost(int64, tag = "1")]
    pub rejected: i64,
    /// Why.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// A gRPC status code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// What went wrong, for a developer.
    #[prost(string, tag = "2")]
    pub message: String,
    /// Further messages about it.
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    /// The type of `value`.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// A message of that type.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`, in whole seconds.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

impl From<&Acceptance> for ExportResponse {
    fn from(acceptance: &Acceptance) -> Self {
        let Acceptance { rejected, reason } = acceptance;
        let partial_success = (*rejected > 0 || reason.is_some()).then(|| PartialSuccess {
            rejected: i64::try_from(*rejected).unwrap_or(i64::MAX),
            error_message: reason.as_deref().unwrap_or_default().to_owned(),
        });
        Self { partial_success }
    }
}

impl ExportResponse {
    /// As OTLP/HTTP answers in JSON; 64-bit integers are strings there.
    pub fn to_json(&self, signal: Signal) -> serde_json::Value {
        match &self.partial_success {
            None => json!({}),
            Some(partial) => json!({"partialSuccess": {
                signal.rejected_field(): partial.rejected.to_string(),
                "errorMessage": partial.error_message,
            }}),
        }
    }
}

impl Status {
    /// A status without details.
    pub fn new(code: tonic::Code, message: impl Into<String>) -> Self {
        Self {
            code: code as i32,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// As OTLP/HTTP answers in JSON.
    pub fn to_json(&self) -> serde_json::Value {
        json!({"code": self.code, "message": self.message})
    }
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        let mut status = Self::new(refusal.grpc_code(), refusal.to_string());
        if refusal.is_retryable() {
            let retry = RetryInfo {
                retry_delay: Some(Delay {
                    seconds: RETRY_SECONDS.into(),
                }),
            };
            status.details.push(Any {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: retry.encode_to_vec().into(),
            });
        }
        status
    }
}

impl Refusal {
    /// The gRPC status code that says this, also inside of a `google.rpc.Status`.
    pub const fn grpc_code(&self) -> tonic::Code {
        match self {
            Self::Malformed(_) | Self::Rejected(_) => tonic::Code::InvalidArgument,
            Self::TooLarge { .. } | Self::TooComplex { .. } => tonic::Code::ResourceExhausted,
            Self::Overloaded | Self::Unavailable(_) => tonic::Code::Unavailable,
        }
    }

    /// The HTTP status that says this.
    pub const fn http_status(&self) -> http::StatusCode {
        match self {
            Self::Malformed(_) | Self::Rejected(_) => http::StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } | Self::TooComplex { .. } => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::Overloaded | Self::Unavailable(_) => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
