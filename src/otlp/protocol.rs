//! The forms of OTLP.

use std::fmt;

/// A form of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with bodies in protobuf.
    HttpProtobuf,
    /// OTLP/HTTP with bodies in JSON.
    HttpJson,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Protocol buffers.
    Protobuf,
    /// OTLP's JSON.
    Json,
}

impl Protocol {
    /// How its bodies are written.
    pub const fn encoding(self) -> Encoding {
        match self {
            Self::Grpc | Self::HttpProtobuf => Encoding::Protobuf,
            Self::HttpJson => Encoding::Json,
        }
    }

    /// The setting of the port that takes it.
    pub(super) const fn port_setting(self) -> &'static str {
        match self {
            Self::Grpc => "TELEMETRY_OTLP_GRPC_PORT",
            Self::HttpProtobuf | Self::HttpJson => "TELEMETRY_OTLP_HTTP_PORT",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Grpc => "OTLP/gRPC",
            Self::HttpProtobuf => "OTLP/HTTP",
            Self::HttpJson => "OTLP/HTTP in JSON",
        })
    }
}

impl Encoding {
    /// The media type of such a body.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}
