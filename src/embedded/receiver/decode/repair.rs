//! Protobuf with texts that are not UTF-8.
//!
//! prost refuses a whole request for one of them, and senders that cut a text to so many bytes, or
//! that pass on what they were given, do send them. So a request that was refused is rewritten with
//! U+FFFD where its texts are broken, which takes no more than to know where its texts are.

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
    trace::v1::ExportTraceServiceRequest,
};
use prost::encoding::{decode_varint, encode_varint};

use super::Request;

/// Deeper messages are left to prost, which refuses them at this depth.
const MAX_DEPTH: usize = 100;

/// The fields of a message that are texts, or have texts in them, by number.
#[derive(Debug)]
pub struct Shape(&'static [(u64, Field)]);

#[derive(Debug)]
enum Field {
    Text,
    Message(&'static Shape),
}

/// A rewritten request.
#[derive(Debug)]
pub struct Repaired {
    /// The request.
    pub body: Vec<u8>,
    /// Texts that were rewritten.
    pub texts: u64,
}

/// Rewrites a request; `None` if its texts are not what is wrong with it.
pub fn repair(body: &[u8], shape: &Shape) -> Option<Repaired> {
    let mut repaired = Repaired {
        body: Vec::with_capacity(body.len() + body.len() / 8),
        texts: 0,
    };
    repaired.texts = rewrite(body, shape, &mut repaired.body, MAX_DEPTH)?;
    (repaired.texts > 0).then_some(repaired)
}

/// Appends a message to `output`, rewritten, and gives the number of texts that were broken.
fn rewrite(mut message: &[u8], shape: &Shape, output: &mut Vec<u8>, depth: usize) -> Option<u64> {
    const VARINT: u64 = 0;
    const SIXTY_FOUR_BITS: u64 = 1;
    const LENGTH_DELIMITED: u64 = 2;
    const THIRTY_TWO_BITS: u64 = 5;

    let mut texts = 0;
    while !message.is_empty() {
        let tag = decode_varint(&mut message).ok()?;
        encode_varint(tag, output);
        let length = match tag & 7 {
            VARINT => {
                encode_varint(decode_varint(&mut message).ok()?, output);
                continue;
            }
            SIXTY_FOUR_BITS => 8,
            THIRTY_TWO_BITS => 4,
            LENGTH_DELIMITED => usize::try_from(decode_varint(&mut message).ok()?).ok()?,
            _ => return None,
        };
        let (value, rest) = message.split_at_checked(length)?;
        message = rest;
        if tag & 7 != LENGTH_DELIMITED {
            output.extend_from_slice(value);
            continue;
        }
        match shape.field(tag >> 3) {
            Some(Field::Text) => {
                let text = String::from_utf8_lossy(value);
                texts += u64::from(text.as_bytes() != value);
                append(text.as_bytes(), output);
            }
            Some(Field::Message(shape)) => {
                let start = output.len() + PADDED_LENGTH;
                output.resize(start, 0);
                texts += rewrite(value, shape, output, depth.checked_sub(1)?)?;
                let length = padded_varint(output.len() - start);
                output[start - PADDED_LENGTH..start].copy_from_slice(&length);
            }
            None => append(value, output),
        }
    }
    Some(texts)
}

fn append(value: &[u8], output: &mut Vec<u8>) {
    encode_varint(value.len() as u64, output);
    output.extend_from_slice(value);
}

/// Room for the length of a message that is not written yet: one copy of the body is enough then,
/// however deep its messages are nested.
const PADDED_LENGTH: usize = 5;

/// A varint that is longer than it need be, which protobuf allows.
fn padded_varint(number: usize) -> [u8; PADDED_LENGTH] {
    let mut bytes: [u8; PADDED_LENGTH] =
        std::array::from_fn(|index| (number >> (7 * index)).to_le_bytes()[0] | 0x80);
    bytes[PADDED_LENGTH - 1] &= 0x7f;
    bytes
}

impl Shape {
    fn field(&self, number: u64) -> Option<&Field> {
        let (_, field) = self.0.iter().find(|(known, _)| *known == number)?;
        Some(field)
    }
}

use Field::{Message, Text};

static ANY_VALUE: Shape = Shape(&[
    (1, Text),
    (5, Message(&ARRAY_VALUE)),
    (6, Message(&KEY_VALUE_LIST)),
]);
static ARRAY_VALUE: Shape = Shape(&[(1, Message(&ANY_VALUE))]);
static KEY_VALUE_LIST: Shape = Shape(&[(1, Message(&KEY_VALUE))]);
static KEY_VALUE: Shape = Shape(&[(1, Text), (2, Message(&ANY_VALUE))]);
static RESOURCE: Shape = Shape(&[(1, Message(&KEY_VALUE)), (3, Message(&ENTITY_REF))]);
static ENTITY_REF: Shape = Shape(&[(1, Text), (2, Text), (3, Text), (4, Text)]);
static SCOPE: Shape = Shape(&[(1, Text), (2, Text), (3, Message(&KEY_VALUE))]);

static TRACES: Shape = Shape(&[(1, Message(&RESOURCE_SPANS))]);
static RESOURCE_SPANS: Shape = Shape(&[
    (1, Message(&RESOURCE)),
    (2, Message(&SCOPE_SPANS)),
    (3, Text),
]);
static SCOPE_SPANS: Shape = Shape(&[(1, Message(&SCOPE)), (2, Message(&SPAN)), (3, Text)]);
static SPAN: Shape = Shape(&[
    (3, Text),
    (5, Text),
    (9, Message(&KEY_VALUE)),
    (11, Message(&EVENT)),
    (13, Message(&LINK)),
    (15, Message(&STATUS)),
]);
static EVENT: Shape = Shape(&[(2, Text), (3, Message(&KEY_VALUE))]);
static LINK: Shape = Shape(&[(3, Text), (4, Message(&KEY_VALUE))]);
static STATUS: Shape = Shape(&[(2, Text)]);

static LOGS: Shape = Shape(&[(1, Message(&RESOURCE_LOGS))]);
static RESOURCE_LOGS: Shape = Shape(&[
    (1, Message(&RESOURCE)),
    (2, Message(&SCOPE_LOGS)),
    (3, Text),
]);
static SCOPE_LOGS: Shape = Shape(&[(1, Message(&SCOPE)), (2, Message(&LOG_RECORD)), (3, Text)]);
static LOG_RECORD: Shape = Shape(&[
    (3, Text),
    (5, Message(&ANY_VALUE)),
    (6, Message(&KEY_VALUE)),
    (12, Text),
]);

static METRICS: Shape = Shape(&[(1, Message(&RESOURCE_METRICS))]);
static RESOURCE_METRICS: Shape = Shape(&[
    (1, Message(&RESOURCE)),
    (2, Message(&SCOPE_METRICS)),
    (3, Text),
]);
static SCOPE_METRICS: Shape = Shape(&[(1, Message(&SCOPE)), (2, Message(&METRIC)), (3, Text)]);
static METRIC: Shape = Shape(&[
    (1, Text),
    (2, Text),
    (3, Text),
    (5, Message(&NUMBERS)),
    (7, Message(&NUMBERS)),
    (9, Message(&HISTOGRAM)),
    (10, Message(&EXPONENTIAL_HISTOGRAM)),
    (11, Message(&SUMMARY)),
    (12, Message(&KEY_VALUE)),
]);
static NUMBERS: Shape = Shape(&[(1, Message(&NUMBER_DATA_POINT))]);
static NUMBER_DATA_POINT: Shape = Shape(&[(5, Message(&EXEMPLAR)), (7, Message(&KEY_VALUE))]);
static HISTOGRAM: Shape = Shape(&[(1, Message(&HISTOGRAM_DATA_POINT))]);
static HISTOGRAM_DATA_POINT: Shape = Shape(&[(8, Message(&EXEMPLAR)), (9, Message(&KEY_VALUE))]);
static EXPONENTIAL_HISTOGRAM: Shape = Shape(&[(1, Message(&EXPONENTIAL_HISTOGRAM_DATA_POINT))]);
static EXPONENTIAL_HISTOGRAM_DATA_POINT: Shape =
    Shape(&[(1, Message(&KEY_VALUE)), (11, Message(&EXEMPLAR))]);
static SUMMARY: Shape = Shape(&[(1, Message(&SUMMARY_DATA_POINT))]);
static SUMMARY_DATA_POINT: Shape = Shape(&[(7, Message(&KEY_VALUE))]);
static EXEMPLAR: Shape = Shape(&[(7, Message(&KEY_VALUE))]);

impl Request for ExportTraceServiceRequest {
    const SHAPE: &'static Shape = &TRACES;
}

impl Request for ExportLogsServiceRequest {
    const SHAPE: &'static Shape = &LOGS;
}

impl Request for ExportMetricsServiceRequest {
    const SHAPE: &'static Shape = &METRICS;
}
