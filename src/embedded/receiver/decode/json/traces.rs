//! Traces.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};
use serde::de::MapAccess;

use super::field::{Field, Object};

impl Object for ExportTraceServiceRequest {
    const NAME: &'static str = "an export request";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "resourceSpans" => self.resource_spans = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ResourceSpans {
    const NAME: &'static str = "the spans of a resource";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "resource" => self.resource = field.object()?,
            "scopeSpans" => self.scope_spans = field.objects()?,
            "schemaUrl" => self.schema_url = field.text()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ScopeSpans {
    const NAME: &'static str = "the spans of a scope";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "scope" => self.scope = field.object()?,
            "spans" => self.spans = field.objects()?,
            "schemaUrl" => self.schema_url = field.text()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Span {
    const NAME: &'static str = "a span";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "traceId" => self.trace_id = field.id()?,
            "spanId" => self.span_id = field.id()?,
            "parentSpanId" => self.parent_span_id = field.id()?,
            "traceState" => self.trace_state = field.text()?,
            "flags" => self.flags = field.number()?,
            "name" => self.name = field.text()?,
            "kind" => self.kind = field.choice(kind)?,
            "startTimeUnixNano" => self.start_time_unix_nano = field.number()?,
            "endTimeUnixNano" => self.end_time_unix_nano = field.number()?,
            "attributes" => self.attributes = field.objects()?,
            "droppedAttributesCount" => self.dropped_attributes_count = field.number()?,
            "events" => self.events = field.objects()?,
            "droppedEventsCount" => self.dropped_events_count = field.number()?,
            "links" => self.links = field.objects()?,
            "droppedLinksCount" => self.dropped_links_count = field.number()?,
            "status" => self.status = field.object()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Event {
    const NAME: &'static str = "an event";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "timeUnixNano" => self.time_unix_nano = field.number()?,
            "name" => self.name = field.text()?,
            "attributes" => self.attributes = field.objects()?,
            "droppedAttributesCount" => self.dropped_attributes_count = field.number()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Link {
    const NAME: &'static str = "a link";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "traceId" => self.trace_id = field.id()?,
            "spanId" => self.span_id = field.id()?,
            "traceState" => self.trace_state = field.text()?,
            "attributes" => self.attributes = field.objects()?,
            "droppedAttributesCount" => self.dropped_attributes_count = field.number()?,
            "flags" => self.flags = field.number()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for Status {
    const NAME: &'static str = "a status";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "message" => self.message = field.text()?,
            "code" => self.code = field.choice(status_code)?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

fn kind(name: &str) -> Option<i32> {
    SpanKind::from_str_name(name).map(Into::into)
}

fn status_code(name: &str) -> Option<i32> {
    StatusCode::from_str_name(name).map(Into::into)
}
