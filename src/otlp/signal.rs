//! The three kinds of telemetry.

use std::fmt;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// A kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Data points of metrics.
    Metrics,
}

impl Signal {
    /// Every signal, in the order in which they are sent and shown.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// The signal as OTLP and the tables of the stack name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// So many items of the signal, in words.
    pub fn count(self, n: u64) -> String {
        let (one, many) = match self {
            Self::Traces => ("span", "spans"),
            Self::Logs => ("log", "logs"),
            Self::Metrics => ("metric point", "metric points"),
        };
        format!("{n} {}", if n == 1 { one } else { many })
    }

    /// Its path in OTLP/HTTP.
    pub(super) const fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// Its method in OTLP/gRPC.
    pub(super) const fn grpc_method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A value for each signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerSignal<T>([T; 3]);

impl<T> PerSignal<T> {
    /// What `of` gives for each signal.
    pub fn new(of: impl FnMut(Signal) -> T) -> Self {
        Self(Signal::ALL.map(of))
    }

    /// Each signal with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Signal, &T)> {
        Signal::ALL.into_iter().zip(&self.0)
    }
}

impl<T> Index<Signal> for PerSignal<T> {
    type Output = T;

    fn index(&self, signal: Signal) -> &T {
        &self.0[signal as usize]
    }
}

impl<T> IndexMut<Signal> for PerSignal<T> {
    fn index_mut(&mut self, signal: Signal) -> &mut T {
        &mut self.0[signal as usize]
    }
}
