//! Log records, one row each.

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, logs::v1::LogRecord,
};

use super::{
    attributes::{Attributes, SharedAttributes},
    block::columns,
    column::{Numbers, Seconds, Texts, Times},
    value,
    words::{Word, Words},
};
use crate::embedded::receiver::{Decoded, Encoding, Export, Rows, Signal, decode};

columns! {
    /// Log records, as the OpenTelemetry exporter for ClickHouse inserts them.
    struct LogRows into "telemetry.logs" {
        timestamp: Times => "Timestamp",
        trace_id: Texts => "TraceId",
        span_id: Texts => "SpanId",
        trace_flags: Numbers<u8> => "TraceFlags",
        severity_text: Words => "SeverityText",
        severity_number: Numbers<u8> => "SeverityNumber",
        service_name: Words => "ServiceName",
        body: Texts => "Body",
        resource_schema_url: Words => "ResourceSchemaUrl",
        resource_attributes: Attributes => "ResourceAttributes",
        scope_schema_url: Words => "ScopeSchemaUrl",
        scope_name: Words => "ScopeName",
        scope_version: Words => "ScopeVersion",
        scope_attributes: Attributes => "ScopeAttributes",
        log_attributes: Attributes => "LogAttributes",
        event_name: Words => "EventName",
        export_id: Numbers<u64> => "export_id",
        received_at: Seconds => "received_at",
    }
}

/// What the records of a scope have in common.
struct Origin<'a> {
    export: &'a Export,
    service_name: Word,
    resource_schema_url: Word,
    resource_attributes: &'a SharedAttributes,
    scope_schema_url: Word,
    scope_name: Word,
    scope_version: Word,
    scope_attributes: &'a SharedAttributes,
}

impl Rows for LogRows {
    const SIGNAL: Signal = Signal::Logs;
    const TABLE: &'static str = Self::TABLE_NAME;
    const INSERT: &'static str = Self::INSERT_INTO;
    type Request = ExportLogsServiceRequest;

    fn decode(body: &[u8], encoding: Encoding) -> Result<Decoded<Self::Request>, String> {
        decode::decode(body, encoding)
    }

    fn push(&mut self, request: &Self::Request, export: &Export) -> usize {
        let before = self.row_count();
        for of_resource in &request.resource_logs {
            let resource = of_resource.resource.as_ref();
            let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
            let resource_attributes = self.resource_attributes.share(attributes);
            let service_name = value::attribute(attributes, "service.name");
            let service_name = self.service_name.word(&service_name);
            for of_scope in &of_resource.scope_logs {
                let scope = of_scope.scope.as_ref();
                let attributes = scope.map_or(&[][..], |scope| &scope.attributes);
                let scope_attributes = self.scope_attributes.share(attributes);
                let name = scope.map_or("", |scope| &scope.name);
                let version = scope.map_or("", |scope| &scope.version);
                let origin = Origin {
                    export,
                    service_name,
                    resource_schema_url: self.resource_schema_url.word(&of_resource.schema_url),
                    resource_attributes: &resource_attributes,
                    scope_schema_url: self.scope_schema_url.word(&of_scope.schema_url),
                    scope_name: self.scope_name.word(name),
                    scope_version: self.scope_version.word(version),
                    scope_attributes: &scope_attributes,
                };
                for record in &of_scope.log_records {
                    self.push_record(record, &origin);
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

impl LogRows {
    fn push_record(&mut self, record: &LogRecord, origin: &Origin<'_>) {
        let time = match record.time_unix_nano {
            0 => record.observed_time_unix_nano,
            time => time,
        };
        if origin.export.has_stored(time) {
            return;
        }
        self.export_id.push(origin.export.id.0);
        self.received_at.push(origin.export.received_at);
        self.timestamp.push(time);
        self.trace_id.push_id::<16>(&record.trace_id);
        self.span_id.push_id::<8>(&record.span_id);
        // The flags of the W3C trace context are the lowest eight.
        self.trace_flags.push(record.flags.to_le_bytes()[0]);
        self.severity_text.push_text(&record.severity_text);
        self.severity_number
            .push(u8::try_from(record.severity_number).unwrap_or(0));
        self.service_name.push(origin.service_name);
        self.body
            .push(&value::text(value::inner(record.body.as_ref())));
        self.resource_schema_url.push(origin.resource_schema_url);
        self.resource_attributes
            .push_shared(origin.resource_attributes);
        self.scope_schema_url.push(origin.scope_schema_url);
        self.scope_name.push(origin.scope_name);
        self.scope_version.push(origin.scope_version);
        self.scope_attributes.push_shared(origin.scope_attributes);
        self.log_attributes.push(&record.attributes);
        self.event_name.push_text(&record.event_name);
    }
}
