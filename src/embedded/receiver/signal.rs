//! The three kinds of telemetry and the ways they arrive.

use std::fmt;

/// A kind of telemetry: OTLP has a service, a path and a table for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Data points of metrics.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// Every signal, in the order of [`Signal::index`].
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// Position in [`Signal::ALL`], for tables indexed by signal.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The signal as OTLP names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// What is counted of this signal, as the OpenTelemetry Collector's own metrics name it.
    pub const fn items(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "metric_points",
            Self::Logs => "log_records",
        }
    }

    /// The field of a JSON partial success that counts rejected items.
    pub const fn rejected_field(self) -> &'static str {
        match self {
            Self::Traces => "rejectedSpans",
            Self::Metrics => "rejectedDataPoints",
            Self::Logs => "rejectedLogRecords",
        }
    }

    /// The signal whose OTLP/HTTP path this is.
    pub fn from_http_path(path: &str) -> Option<Self> {
        match path {
            "/v1/traces" => Some(Self::Traces),
            "/v1/metrics" => Some(Self::Metrics),
            "/v1/logs" => Some(Self::Logs),
            _ => None,
        }
    }

    /// The signal whose OTLP/gRPC export method this is.
    pub fn from_grpc_path(path: &str) -> Option<Self> {
        match path {
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Self::Traces),
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
                Some(Self::Metrics)
            }
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Self::Logs),
            _ => None,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a request reached the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// OTLP/HTTP.
    Http,
    /// OTLP/gRPC.
    Grpc,
}

impl Transport {
    /// Both transports, in the order of [`Transport::index`].
    pub const ALL: [Self; 2] = [Self::Http, Self::Grpc];

    /// Position in [`Transport::ALL`], for tables indexed by transport.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The transport as it labels a metric.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

/// How the body of a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Protocol buffers.
    Protobuf,
    /// OTLP's JSON.
    Json,
}
