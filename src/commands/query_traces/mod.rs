//! `telemetry query-traces`: recent spans, or one trace as a tree.

mod tree;

use std::io;

use jiff::Timestamp;
use serde::Serialize;

use self::tree::TraceTree;
use crate::{
    cli::QueryTracesArgs,
    clickhouse::{
        Client,
        spans::{self, LONGEST_TRACE, Span, SpanFilter},
    },
    context::Context,
    error::{Code, Failure, Result},
    output::{Output, Screen, Table, figures},
};

/// No one trace is meant.
#[derive(Debug, thiserror::Error)]
enum TraceError {
    #[error("there is no trace whose id is or begins with `{0}`")]
    Unknown(String),
    #[error("several traces begin with `{prefix}`: {}", candidates.join(", "))]
    Ambiguous {
        prefix: String,
        candidates: Vec<String>,
    },
    #[error("`{0}` is not a trace id, which has hex digits only")]
    NotAnId(String),
}

impl Failure for TraceError {
    fn code(&self) -> Code {
        Code::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Ambiguous { .. } => "give more of the id".to_owned(),
            Self::Unknown(_) | Self::NotAnId(_) => {
                "`telemetry query-traces` lists recent spans with their trace ids".to_owned()
            }
        })
    }
}

#[derive(Serialize)]
struct Spans {
    spans: Vec<Span>,
}

/// Shows spans, the newest first, or one trace.
pub(super) async fn run(context: &Context, args: &QueryTracesArgs) -> Result<()> {
    let client = context.clickhouse();
    if let Some(trace) = &args.trace {
        let spans = find(&client, trace).await?;
        if spans.len() >= LONGEST_TRACE as usize {
            let most = figures::count(LONGEST_TRACE.into());
            context.printer.warn(format!(
                "the trace is long; only its first {most} spans are shown"
            ));
        }
        return context.printer.print(&TraceTree::new(spans));
    }
    let filter = SpanFilter {
        project: args.project.clone(),
        service: args.service.clone(),
        since: args.since.map(|since| since.timestamp(Timestamp::now())),
        errors: args.errors,
        min_duration_ms: args.min_duration,
    };
    let spans = spans::recent(&client, &filter, args.limit).await?;
    if spans.is_empty() && args.limit > 0 {
        context.printer.status(if filter.is_empty() {
            "there are no spans yet; `telemetry test` sends some"
        } else {
            "no span passes these filters"
        });
    }
    context.printer.print(&Spans { spans })
}

/// The spans of the trace whose id is, or begins with, `text`.
async fn find(client: &Client, text: &str) -> Result<Vec<Span>> {
    let id = text.trim().to_ascii_lowercase();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(TraceError::NotAnId(text.to_owned()).into());
    }
    let spans = spans::of_trace(client, &id).await?;
    if !spans.is_empty() {
        return Ok(spans);
    }
    let mut candidates = spans::traces_like(client, &id, 3).await?;
    match candidates.len() {
        0 => Err(TraceError::Unknown(id).into()),
        1 => Ok(spans::of_trace(client, &candidates[0]).await?),
        more => {
            if more > 3 {
                candidates.truncate(3);
                candidates.push("…".to_owned());
            }
            Err(TraceError::Ambiguous {
                prefix: id,
                candidates,
            }
            .into())
        }
    }
}

impl Output for Spans {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        if self.spans.is_empty() {
            return Ok(());
        }
        let mut table = Table::new([
            "Time (UTC)",
            "Service",
            "Span",
            "Kind",
            "Duration",
            "Status",
            "Trace",
        ])
        .right(4);
        for span in &self.spans {
            let cells = [
                &*span.start.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
                &span.service_name,
                &span.span_name,
                &span.span_kind,
                &figures::time_span(span.duration_ns),
                &span.status_code,
                &span.trace_id,
            ];
            if span.is_error() {
                table.failed_row(cells);
            } else {
                table.row(cells);
            }
        }
        screen.table(&table)
    }
}
