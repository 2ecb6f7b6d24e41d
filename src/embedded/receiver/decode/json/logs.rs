//! Logs.

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
};
use serde::de::MapAccess;

use super::field::{Field, Object};

impl Object for ExportLogsServiceRequest {
    const NAME: &'static str = "an export request";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "resourceLogs" => self.resource_logs = field.objects()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ResourceLogs {
    const NAME: &'static str = "the logs of a resource";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "resource" => self.resource = field.object()?,
            "scopeLogs" => self.scope_logs = field.objects()?,
            "schemaUrl" => self.schema_url = field.text()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for ScopeLogs {
    const NAME: &'static str = "the logs of a scope";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "scope" => self.scope = field.object()?,
            "logRecords" => self.log_records = field.objects()?,
            "schemaUrl" => self.schema_url = field.text()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

impl Object for LogRecord {
    const NAME: &'static str = "a log record";

    fn read<'de, A: MapAccess<'de>>(&mut self, field: Field<'_, A>) -> Result<(), A::Error> {
        match field.name() {
            "timeUnixNano" => self.time_unix_nano = field.number()?,
            "observedTimeUnixNano" => self.observed_time_unix_nano = field.number()?,
            "severityNumber" => self.severity_number = field.choice(severity)?,
            "severityText" => self.severity_text = field.text()?,
            "body" => self.body = field.object()?,
            "attributes" => self.attributes = field.objects()?,
            "droppedAttributesCount" => self.dropped_attributes_count = field.number()?,
            "flags" => self.flags = field.number()?,
            "traceId" => self.trace_id = field.id()?,
            "spanId" => self.span_id = field.id()?,
            "eventName" => self.event_name = field.text()?,
            _ => return field.ignore(),
        }
        Ok(())
    }
}

fn severity(name: &str) -> Option<i32> {
    SeverityNumber::from_str_name(name).map(Into::into)
}
