//! Texts that are not UTF-8, through a real stack.

mod support;

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest},
    common::v1::InstrumentationScope,
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
        number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{
        Span, Status,
        span::{Event, Link},
    },
};
use prost::Message;
use support::{
    otlp::{LOGS, METRICS, PROTOBUF, Sender, TRACES},
    spans::{any, attribute, good, request, text},
    stack::Stack,
};

/// A request in protobuf whose texts all say `broken` has them begin with a byte that is no UTF-8.
fn broken(request: &impl Message) -> Vec<u8> {
    let mut body = request.encode_to_vec();
    for at in 0..body.len() {
        if body[at..].starts_with(b"broken") {
            body[at] = 0xff;
        }
    }
    body
}

#[test]
#[expect(clippy::too_many_lines, reason = "a text of every kind")]
fn texts_that_are_not_utf_8_are_stored_with_a_replacement() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let sender = Sender::new(&stack);
    let word = || "broken".to_owned();
    let attributes = || vec![attribute("broken", text("broken"))];
    let resource = Some(Resource {
        attributes: vec![attribute("service.name", text("broken"))],
        ..Resource::default()
    });
    let scope = Some(InstrumentationScope {
        name: word(),
        version: word(),
        ..InstrumentationScope::default()
    });
    let span = Span {
        name: word(),
        trace_state: word(),
        attributes: attributes(),
        events: vec![Event {
            name: word(),
            attributes: attributes(),
            ..Event::default()
        }],
        links: vec![Link {
            trace_state: word(),
            attributes: attributes(),
            ..Link::default()
        }],
        status: Some(Status {
            message: word(),
            ..Status::default()
        }),
        ..good("")
    };
    let mut traces = request(Vec::new(), vec![span]);
    traces.resource_spans[0].resource.clone_from(&resource);
    traces.resource_spans[0].scope_spans[0]
        .scope
        .clone_from(&scope);
    let logs = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource.clone(),
            scope_logs: vec![ScopeLogs {
                scope: scope.clone(),
                log_records: vec![LogRecord {
                    severity_text: word(),
                    body: Some(any(text("broken"))),
                    attributes: attributes(),
                    event_name: word(),
                    ..LogRecord::default()
                }],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    let point = NumberDataPoint {
        attributes: attributes(),
        value: Some(number_data_point::Value::AsInt(1)),
        ..NumberDataPoint::default()
    };
    let metrics = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource,
            scope_metrics: vec![ScopeMetrics {
                scope,
                metrics: vec![Metric {
                    name: word(),
                    description: word(),
                    unit: word(),
                    data: Some(Data::Gauge(Gauge {
                        data_points: vec![point],
                    })),
                    ..Metric::default()
                }],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };

    let b = "\u{fffd}roken";
    let map = format!("{{'{b}':'{b}'}}");
    for (path, service, body, table, columns, row) in [
        (
            "/v1/traces",
            TRACES,
            broken(&traces),
            "traces",
            "service_name, instrumentation_library_version, span_name, trace_state, status_message,
             attributes, events.name, events.attributes, links.trace_state, links.attributes",
            format!("{b}\t{b}\t{b}\t{b}\t{b}\t{map}\t['{b}']\t[{map}]\t['{b}']\t[{map}]"),
        ),
        (
            "/v1/logs",
            LOGS,
            broken(&logs),
            "logs",
            "service_name, instrumentation_library_name, severity_text, body, attributes, event_name",
            format!("{b}\t{b}\t{b}\t{b}\t{map}\t{b}"),
        ),
        (
            "/v1/metrics",
            METRICS,
            broken(&metrics),
            "metrics",
            "service_name, metric_name, metric_description, metric_unit, attributes, value",
            format!("{b}\t{b}\t{b}\t{b}\t{map}\t1"),
        ),
    ] {
        assert_eq!(
            sender.post(path, PROTOBUF, body.clone()).status,
            200,
            "{path}"
        );
        // Two requests joined are one with the rows of both.
        let joined = [body.clone(), body].concat();
        assert_eq!(sender.call(service, &joined).code, Some(0), "{service}");
        let sql = format!("SELECT {columns} FROM {table}");
        assert_eq!(stack.query(&sql), [row.as_str(); 3].join("\n"), "{sql}");
    }
}
