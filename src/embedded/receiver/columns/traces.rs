//! Spans, one row each.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{
        Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};

use super::{
    attributes::{Attributes, SharedAttributes},
    block::columns,
    column::{Lists, Numbers, Seconds, Texts, Times},
    value,
    words::{Word, Words},
};
use crate::embedded::receiver::{Decoded, Encoding, Export, Rows, Signal, decode};

columns! {
    /// Spans, as the OpenTelemetry exporter for ClickHouse inserts them.
    struct TraceRows into "telemetry.traces" {
        timestamp: Times => "Timestamp",
        trace_id: Texts => "TraceId",
        span_id: Texts => "SpanId",
        parent_span_id: Texts => "ParentSpanId",
        trace_state: Texts => "TraceState",
        span_name: Words => "SpanName",
        span_kind: Words => "SpanKind",
        service_name: Words => "ServiceName",
        resource_attributes: Attributes => "ResourceAttributes",
        scope_name: Words => "ScopeName",
        scope_version: Words => "ScopeVersion",
        span_attributes: Attributes => "SpanAttributes",
        duration: Numbers<u64> => "Duration",
        status_code: Words => "StatusCode",
        status_message: Texts => "StatusMessage",
        event_timestamps: Lists<Times> => "Events.Timestamp",
        event_names: Lists<Words> => "Events.Name",
        event_attributes: Lists<Attributes> => "Events.Attributes",
        link_trace_ids: Lists<Texts> => "Links.TraceId",
        link_span_ids: Lists<Texts> => "Links.SpanId",
        link_trace_states: Lists<Texts> => "Links.TraceState",
        link_attributes: Lists<Attributes> => "Links.Attributes",
        export_id: Numbers<u64> => "export_id",
        received_at: Seconds => "received_at",
    }
}

/// What the spans of a scope have in common.
struct Origin<'a> {
    export: &'a Export,
    service_name: Word,
    resource_attributes: &'a SharedAttributes,
    scope_name: Word,
    scope_version: Word,
}

impl Rows for TraceRows {
    const SIGNAL: Signal = Signal::Traces;
    const TABLE: &'static str = Self::TABLE_NAME;
    const INSERT: &'static str = Self::INSERT_INTO;
    type Request = ExportTraceServiceRequest;

    fn decode(body: &[u8], encoding: Encoding) -> Result<Decoded<Self::Request>, String> {
        decode::decode(body, encoding)
    }

    fn push(&mut self, request: &Self::Request, export: &Export) -> usize {
        let before = self.row_count();
        for of_resource in &request.resource_spans {
            let resource = of_resource.resource.as_ref();
            let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
            let resource_attributes = self.resource_attributes.share(attributes);
            let service_name = value::attribute(attributes, "service.name");
            let service_name = self.service_name.word(&service_name);
            for of_scope in &of_resource.scope_spans {
                let scope = of_scope.scope.as_ref();
                let name = scope.map_or("", |scope| &scope.name);
                let version = scope.map_or("", |scope| &scope.version);
                let origin = Origin {
                    export,
                    service_name,
                    resource_attributes: &resource_attributes,
                    scope_name: self.scope_name.word(name),
                    scope_version: self.scope_version.word(version),
                };
                for span in &of_scope.spans {
                    self.push_span(span, &origin);
                }
            }
        }
        self.row_count() - before
    }

    fn rows(&self) -> usize {
        self.row_count()
    }

    fn byte_size(&self) -> usize {
        self.size()
    }

    fn encode(self) -> Vec<u8> {
        self.into_block()
    }
}

impl TraceRows {
    fn push_span(&mut self, span: &Span, origin: &Origin<'_>) {
        // As the table has it: a span without a start is put where it ended.
        let time = match span.start_time_unix_nano {
            0 => span.end_time_unix_nano,
            time => time,
        };
        if origin.export.has_stored(time) {
            return;
        }
        self.export_id.push(origin.export.id.0);
        self.received_at.push(origin.export.received_at);
        self.timestamp.push(span.start_time_unix_nano);
        self.trace_id.push_id::<16>(&span.trace_id);
        self.span_id.push_id::<8>(&span.span_id);
        self.parent_span_id.push_id::<8>(&span.parent_span_id);
        self.trace_state.push(&span.trace_state);
        self.span_name.push_text(&span.name);
        self.span_kind.push_text(kind(span));
        self.service_name.push(origin.service_name);
        self.resource_attributes
            .push_shared(origin.resource_attributes);
        self.scope_name.push(origin.scope_name);
        self.scope_version.push(origin.scope_version);
        self.span_attributes.push(&span.attributes);
        // The table knows what an end before the start looks like.
        self.duration.push(
            span.end_time_unix_nano
                .wrapping_sub(span.start_time_unix_nano),
        );
        self.status_code.push_text(status_code(span));
        let message = span.status.as_ref().map_or("", |status| &status.message);
        self.status_message.push(message);
        self.push_events(&span.events);
        self.push_links(&span.links);
    }

    fn push_events(&mut self, events: &[Event]) {
        for event in events {
            self.event_timestamps.items().push(event.time_unix_nano);
            self.event_names.items().push_text(&event.name);
            self.event_attributes.items().push(&event.attributes);
        }
        self.event_timestamps.end();
        self.event_names.end();
        self.event_attributes.end();
    }

    fn push_links(&mut self, links: &[Link]) {
        for link in links {
            self.link_trace_ids.items().push_id::<16>(&link.trace_id);
            self.link_span_ids.items().push_id::<8>(&link.span_id);
            self.link_trace_states.items().push(&link.trace_state);
            self.link_attributes.items().push(&link.attributes);
        }
        self.link_trace_ids.end();
        self.link_span_ids.end();
        self.link_trace_states.end();
        self.link_attributes.end();
    }
}

fn kind(span: &Span) -> &'static str {
    match span.kind() {
        SpanKind::Unspecified => "Unspecified",
        SpanKind::Internal => "Internal",
        SpanKind::Server => "Server",
        SpanKind::Client => "Client",
        SpanKind::Producer => "Producer",
        SpanKind::Consumer => "Consumer",
    }
}

fn status_code(span: &Span) -> &'static str {
    match span.status.as_ref().map(Status::code) {
        None | Some(StatusCode::Unset) => "Unset",
        Some(StatusCode::Ok) => "Ok",
        Some(StatusCode::Error) => "Error",
    }
}
