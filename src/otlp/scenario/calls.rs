//! What services do, with the attributes that the semantic conventions of OpenTelemetry give it.

use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::attribute::attribute;
use super::recorder::{Message, Outcome, Recorder};
use super::service::Service;

/// Where orders are announced.
const TOPIC: &str = "orders.placed";

/// A request of HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// Its method.
    pub method: &'static str,
    /// The pattern of its path.
    pub route: &'static str,
    /// Its path.
    pub path: &'r str,
    /// The status that answers it if all goes well.
    pub status: i64,
}

/// A statement of SQL.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// What it does, such as `SELECT`.
    pub operation: &'static str,
    /// The table it does that to.
    pub table: &'static str,
    /// Its text.
    pub text: &'static str,
    /// How long it usually takes, in microseconds.
    pub median_micros: f64,
}

impl Recorder {
    /// Answers a request.
    pub fn serve(
        &mut self,
        request: Request<'_>,
        work: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        let Request { method, route, .. } = request;
        let attributes = vec![
            attribute("http.request.method", method),
            attribute("http.route", route),
            attribute("url.scheme", "http"),
            attribute("url.path", request.path),
            attribute("server.address", self.service().name()),
            attribute("server.port", 8080_i64),
            attribute("network.protocol.version", "1.1"),
        ];
        self.span(
            SpanKind::Server,
            format!("{method} {route}"),
            attributes,
            |trace| {
                trace.spend(400.0);
                let outcome = work(trace);
                trace.spend(250.0);
                trace.answer(request, &outcome);
                outcome
            },
        )
    }

    /// Sends a request to another service, and answers it there.
    pub fn call(
        &mut self,
        callee: Service,
        request: Request<'_>,
        work: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        let url = format!("http://{}:8080{}", callee.name(), request.path);
        let attributes = vec![
            attribute("http.request.method", request.method),
            attribute("url.full", url),
            attribute("server.address", callee.name()),
            attribute("server.port", 8080_i64),
            attribute("network.protocol.version", "1.1"),
        ];
        self.span(SpanKind::Client, request.method, attributes, |trace| {
            trace.spend(180.0);
            let outcome = trace.within(callee, |trace| trace.serve(request, work));
            trace.spend(180.0);
            trace.answer(request, &outcome);
            outcome
        })
    }

    /// Runs a statement in the shop's database.
    pub fn sql(&mut self, statement: Statement, outcome: Outcome) -> Outcome {
        let Statement {
            operation, table, ..
        } = statement;
        let summary = format!("{operation} {table}");
        let attributes = vec![
            attribute("db.system.name", "postgresql"),
            attribute("db.namespace", "shop"),
            attribute("db.operation.name", operation),
            attribute("db.collection.name", table),
            attribute("db.query.summary", &*summary),
            attribute("db.query.text", statement.text),
            attribute("server.address", "postgres"),
            attribute("server.port", 5432_i64),
        ];
        self.span(SpanKind::Client, summary, attributes, |trace| {
            trace.spend(statement.median_micros);
            outcome
        })
    }

    /// Looks something up in the cache.
    pub fn redis(&mut self, key: &str) {
        let attributes = vec![
            attribute("db.system.name", "redis"),
            attribute("db.namespace", "0"),
            attribute("db.operation.name", "GET"),
            attribute("db.query.text", format!("GET {key}")),
            attribute("server.address", "redis"),
            attribute("server.port", 6379_i64),
        ];
        let _ = self.span(SpanKind::Client, "GET", attributes, |trace| {
            trace.spend(350.0);
            Ok(())
        });
    }

    /// Announces an order.
    pub fn publish(&mut self, order: u64) -> Message {
        let mut message = None;
        let attributes = vec![
            attribute("messaging.system", "kafka"),
            attribute("messaging.destination.name", TOPIC),
            attribute("messaging.operation.name", "send"),
            attribute("messaging.operation.type", "send"),
            attribute("messaging.message.id", order.to_string()),
            attribute("server.address", "kafka"),
            attribute("server.port", 9092_i64),
        ];
        let name = format!("send {TOPIC}");
        let _ = self.span(SpanKind::Producer, name, attributes, |trace| {
            trace.spend(900.0);
            message = Some(trace.message(order));
            Ok(())
        });
        message.expect("the span's work was done")
    }

    /// Works off the announcement of an order.
    pub fn process(
        &mut self,
        message: &Message,
        work: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        let partition = i64::try_from(message.id % 6).expect("it is small");
        let attributes = vec![
            attribute("messaging.system", "kafka"),
            attribute("messaging.destination.name", TOPIC),
            attribute("messaging.destination.partition.id", partition.to_string()),
            attribute("messaging.consumer.group.name", "fulfilment"),
            attribute("messaging.operation.name", "process"),
            attribute("messaging.operation.type", "process"),
            attribute("messaging.message.id", message.id.to_string()),
        ];
        let name = format!("process {TOPIC}");
        self.span(SpanKind::Consumer, name, attributes, |trace| {
            trace.link(message);
            trace.spend(600.0);
            let outcome = work(trace);
            trace.log(
                SeverityNumber::Info,
                format!("order {} packed", message.id),
                vec![attribute("messaging.destination.name", TOPIC)],
            );
            outcome
        })
    }

    /// Writes what a web server writes of a request.
    pub fn access_log(&mut self, request: Request<'_>, outcome: &Outcome) {
        let status = status(request, outcome);
        let millis = self.elapsed() / 1_000_000;
        let Request { method, path, .. } = request;
        let severity = match outcome {
            Ok(()) => SeverityNumber::Info,
            Err(_) => SeverityNumber::Warn,
        };
        self.log(
            severity,
            format!("{method} {path} {status} in {millis} ms"),
            vec![
                attribute("http.request.method", method),
                attribute("http.route", request.route),
                attribute("http.response.status_code", status),
            ],
        );
    }

    fn answer(&mut self, request: Request<'_>, outcome: &Outcome) {
        let status = status(request, outcome);
        self.annotate(attribute("http.response.status_code", status));
        if outcome.is_err() {
            self.annotate(attribute("error.type", status.to_string()));
        }
    }
}

fn status(request: Request<'_>, outcome: &Outcome) -> i64 {
    match outcome {
        Ok(()) => request.status,
        Err(fault) => fault.status,
    }
}
