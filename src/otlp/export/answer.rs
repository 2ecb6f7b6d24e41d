//! What endpoints answer, and the messages they say it in.
//!
//! Sources: OTLP's `collector/*/v1/*_service.proto`, `google/rpc/status.proto` and
//! `google/rpc/error_details.proto`.

use std::time::Duration;

use prost::Message;
use serde::{Deserialize, Deserializer, de};

/// What became of a request that was accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Items that were left out.
    pub rejected: u64,
    /// Why, or a remark.
    pub remark: Option<String>,
}

/// What an endpoint answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The request is accepted, at least in part.
    Accepted(Accepted),
    /// The request may be sent again, after some time.
    TryLater {
        /// After how long, if the endpoint says so.
        after: Option<Duration>,
        /// Why not now.
        reason: String,
    },
    /// The request must not be sent again.
    Refused {
        /// The status.
        status: String,
        /// Why.
        reason: String,
    },
}

/// `Export{Trace,Metrics,Logs}ServiceResponse`: the three have one form on the wire.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExportResponse {
    /// Set only when there is something to say.
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `Export{Trace,Metrics,Logs}PartialSuccess`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    #[serde(
        alias = "rejectedSpans",
        alias = "rejectedLogRecords",
        alias = "rejectedDataPoints",
        deserialize_with = "integer"
    )]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
pub struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    /// What went wrong, for a developer.
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(skip)]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl From<ExportResponse> for Accepted {
    fn from(response: ExportResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self {
            rejected: u64::try_from(partial.rejected).unwrap_or_default(),
            remark: Some(partial.error_message).filter(|message| !message.is_empty()),
        }
    }
}

impl Status {
    /// How long to wait before the next attempt, if the status says so.
    pub fn retry_delay(&self) -> Option<Duration> {
        let info = self
            .details
            .iter()
            .find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
        let delay = RetryInfo::decode(&*info.value).ok()?.retry_delay?;
        let seconds = u64::try_from(delay.seconds).ok()?;
        Some(Duration::new(
            seconds,
            u32::try_from(delay.nanos).ok()?.min(999_999_999),
        ))
    }
}

/// Protobuf's JSON has 64-bit integers as strings; some write numbers.
fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Integer {
        Number(i64),
        Text(String),
    }
    match Integer::deserialize(deserializer)? {
        Integer::Number(number) => Ok(number),
        Integer::Text(text) => text.parse().map_err(de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_success_reads_the_same_in_both_encodings() {
        let partial_success = Some(PartialSuccess {
            rejected: 3,
            error_message: "too old".to_owned(),
        });
        let expected = ExportResponse { partial_success };
        for json in [
            r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#,
            r#"{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"too old","more":1}}"#,
        ] {
            let response: ExportResponse = serde_json::from_str(json).unwrap();
            assert_eq!(response, expected);
        }
        let bytes = expected.encode_to_vec();
        assert_eq!(ExportResponse::decode(&*bytes), Ok(expected));
        assert_eq!(
            serde_json::from_str::<ExportResponse>("{}").unwrap(),
            ExportResponse::default()
        );
    }

    #[test]
    fn a_status_tells_how_long_to_wait() {
        let delay = Delay {
            seconds: 2,
            nanos: 500_000_000,
        };
        let info = RetryInfo {
            retry_delay: Some(delay),
        };
        let mut status = Status::default();
        assert_eq!(status.retry_delay(), None);
        status.details.push(Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: info.encode_to_vec(),
        });
        assert_eq!(status.retry_delay(), Some(Duration::from_millis(2_500)));
    }
}
