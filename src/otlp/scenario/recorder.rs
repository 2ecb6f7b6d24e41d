//! Records what happens in one trace, on a clock that only moves when something takes time: so
//! children lie within their parents, however long anything takes.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::trace::v1::{
    Span, Status,
    span::{Event, Link, SpanKind},
    status::StatusCode,
};

use super::attribute::{any_value, attribute};
use super::dice::{Dice, mix};
use super::service::Service;

/// The longest that a single step takes, in nanoseconds.
const LONGEST_STEP: f64 = 500e6;

/// The W3C's flag that a trace is sampled.
const SAMPLED: u32 = 1;

/// The identifiers of one trace of a seed. Within a seed no two are the same.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    seed: u64,
    trace: u64,
}

impl Ids {
    /// Those of the trace of this number, which is below 2⁴⁷.
    pub const fn new(seed: u64, trace: u64) -> Self {
        Self { seed, trace }
    }

    /// Dice of the trace's own.
    pub const fn dice(self) -> Dice {
        Dice::new(mix(self.seed ^ mix(self.trace)))
    }

    fn trace_id(self) -> Vec<u8> {
        let first = mix(mix(self.seed) ^ self.trace).max(1);
        [first, mix(first ^ self.seed)]
            .map(u64::to_be_bytes)
            .concat()
    }

    /// `mix` keeps different numbers different, and an item is below 2¹⁶.
    fn item(self, item: u64) -> u64 {
        mix(mix(!self.seed) ^ (self.trace << 16 | item)).max(1)
    }
}

/// Something went wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The type of the exception.
    pub exception: &'static str,
    /// What it says.
    pub message: &'static str,
    /// Where it was thrown.
    pub stacktrace: &'static str,
    /// The HTTP status that callers get.
    pub status: i64,
    /// Whether a span tells of the exception already.
    told: bool,
}

impl Fault {
    /// A fault that nobody has told of.
    pub const fn new(
        status: i64,
        exception: &'static str,
        message: &'static str,
        stacktrace: &'static str,
    ) -> Self {
        Self {
            exception,
            message,
            stacktrace,
            status,
            told: false,
        }
    }
}

/// How a piece of work ended.
pub type Outcome = Result<(), Fault>;

/// A message on its way through a queue.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number.
    pub id: u64,
    /// When it was sent, in nanoseconds of Unix time.
    pub sent_at: u64,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
}

/// Spans and log records, each with the service it is of.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Spans, parents before children.
    pub spans: Vec<(Service, Span)>,
    /// Log records.
    pub logs: Vec<(Service, LogRecord)>,
}

/// Records what happens in one trace.
#[derive(Debug)]
pub struct Recorder {
    /// Chance.
    pub dice: Dice,
    ids: Ids,
    /// How many spans and log records have got an identifier.
    items: u64,
    /// Nanoseconds of Unix time.
    clock: u64,
    /// How much longer everything takes than usual.
    slowness: f64,
    service: Service,
    parent: Vec<u8>,
    recorded: Recorded,
}

impl Recorder {
    /// Begins a trace in `service`.
    pub fn new(ids: Ids, service: Service, start: u64) -> Self {
        Self {
            dice: ids.dice(),
            ids,
            items: 0,
            clock: start,
            slowness: 1.0,
            service,
            parent: Vec::new(),
            recorded: Recorded::default(),
        }
    }

    /// Lets everything take so much longer.
    pub const fn slow_down(&mut self, factor: f64) {
        self.slowness = factor;
    }

    /// Pretends that a span, which nobody will ever see, is the parent of what follows.
    pub fn lose_parent(&mut self) {
        self.parent = self.next_item().to_be_bytes().to_vec();
    }

    /// What was recorded.
    pub fn finish(self) -> Recorded {
        self.recorded
    }

    /// Lets time pass: about so many microseconds, and now and then many more.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the duration is positive and at most the longest step"
    )]
    pub fn spend(&mut self, median_micros: f64) {
        let outlier = if self.dice.chance(0.005) { 15.0 } else { 1.0 };
        let nanos = self.dice.log_normal(median_micros * 1e3, 0.45) * self.slowness * outlier;
        self.clock += nanos.clamp(1e3, LONGEST_STEP) as u64;
    }

    /// Records a span around some work.
    pub fn span(
        &mut self,
        kind: SpanKind,
        name: impl Into<String>,
        attributes: Vec<KeyValue>,
        work: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        let id = self.next_item().to_be_bytes().to_vec();
        let parent = std::mem::replace(&mut self.parent, id.clone());
        let index = self.recorded.spans.len();
        let span = Span {
            trace_id: self.ids.trace_id(),
            span_id: id,
            parent_span_id: parent.clone(),
            flags: SAMPLED,
            name: name.into(),
            kind: kind.into(),
            start_time_unix_nano: self.clock,
            attributes,
            ..Span::default()
        };
        self.recorded.spans.push((self.service, span));
        let mut outcome = work(self);
        if let Err(fault) = &mut outcome {
            self.blame(index, fault);
        }
        self.recorded.spans[index].1.end_time_unix_nano = self.clock;
        self.parent = parent;
        outcome
    }

    /// Records work that another service does.
    pub fn within(&mut self, service: Service, work: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let caller = std::mem::replace(&mut self.service, service);
        let outcome = work(self);
        self.service = caller;
        outcome
    }

    /// The service that works now.
    pub const fn service(&self) -> Service {
        self.service
    }

    /// Adds an attribute to the span that is open.
    pub fn annotate(&mut self, attribute: KeyValue) {
        self.open_span().attributes.push(attribute);
    }

    /// Sends a message from the span that is open.
    pub fn message(&mut self, id: u64) -> Message {
        Message {
            id,
            sent_at: self.clock,
            trace_id: self.ids.trace_id(),
            span_id: self.parent.clone(),
        }
    }

    /// Links the span that is open to where a message comes from.
    pub fn link(&mut self, message: &Message) {
        let link = Link {
            trace_id: message.trace_id.clone(),
            span_id: message.span_id.clone(),
            flags: SAMPLED,
            ..Link::default()
        };
        self.open_span().links.push(link);
    }

    /// Writes a log record within the span that is open.
    pub fn log(&mut self, severity: SeverityNumber, body: String, attributes: Vec<KeyValue>) {
        let uid = format!("{:016x}", self.next_item());
        let record = LogRecord {
            time_unix_nano: self.clock,
            observed_time_unix_nano: self.clock,
            severity_number: severity.into(),
            severity_text: severity
                .as_str_name()
                .trim_start_matches("SEVERITY_NUMBER_")
                .to_owned(),
            body: Some(any_value(body)),
            attributes: [vec![attribute("log.record.uid", uid)], attributes].concat(),
            flags: SAMPLED,
            trace_id: self.ids.trace_id(),
            span_id: self.parent.clone(),
            ..LogRecord::default()
        };
        self.recorded.logs.push((self.service, record));
    }

    /// How long the span that is open has taken, in nanoseconds.
    pub fn elapsed(&mut self) -> u64 {
        self.clock - self.open_span().start_time_unix_nano
    }

    /// Marks a span as failed; the first one that fails tells of the exception.
    fn blame(&mut self, index: usize, fault: &mut Fault) {
        let mut status = Status {
            code: StatusCode::Error.into(),
            message: String::new(),
        };
        if !fault.told {
            fault.told = true;
            let exception = vec![
                attribute("exception.type", fault.exception),
                attribute("exception.message", fault.message),
                attribute("exception.stacktrace", fault.stacktrace),
            ];
            fault.message.clone_into(&mut status.message);
            let body = format!("{}: {}", fault.exception, fault.message);
            self.log(SeverityNumber::Error, body, exception.clone());
            let span = &mut self.recorded.spans[index].1;
            span.attributes
                .push(attribute("error.type", fault.exception));
            span.events.push(Event {
                time_unix_nano: self.clock,
                name: "exception".to_owned(),
                attributes: exception,
                ..Event::default()
            });
        }
        self.recorded.spans[index].1.status = Some(status);
    }

    fn open_span(&mut self) -> &mut Span {
        let open = &self.parent;
        let spans = self.recorded.spans.iter_mut().rev();
        spans
            .map(|(_, span)| span)
            .find(|span| span.span_id == *open)
            .expect("a span is open")
    }

    fn next_item(&mut self) -> u64 {
        self.items += 1;
        self.ids.item(self.items)
    }
}
