//! What holds of every request.

use std::fmt::Debug;

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
    trace::v1::ExportTraceServiceRequest,
};
use proptest::prelude::*;
use prost::Message;
use serde::Serialize;

use crate::embedded::receiver::{
    Encoding, arbitrary,
    decode::{Request, decode},
};

/// Asserts that a request, written in JSON by another implementation, is the same in both.
pub fn same_in_both<R: Request + Debug + PartialEq + Serialize>(request: &R) {
    let body = serde_json::to_vec(request).expect("requests can be written in JSON");
    let from_json = decode::<R>(&body, Encoding::Json).expect("it can be read");
    let from_protobuf = decode::<R>(&request.encode_to_vec(), Encoding::Protobuf);
    let from_protobuf = from_protobuf.expect("it can be read");
    assert_eq!(from_json.request, from_protobuf.request);
    assert_eq!(from_json.acceptance, from_protobuf.acceptance);
}

proptest! {
    // A request has hundreds of values.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn traces_are_the_same_in_both_encodings(request in arbitrary::traces()) {
        same_in_both(&request);
    }

    #[test]
    fn logs_are_the_same_in_both_encodings(request in arbitrary::logs()) {
        same_in_both(&request);
    }

    #[test]
    fn metrics_are_the_same_in_both_encodings(request in arbitrary::metrics()) {
        same_in_both(&request);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let _ = decode::<ExportTraceServiceRequest>(&bytes, encoding);
            let _ = decode::<ExportLogsServiceRequest>(&bytes, encoding);
            let _ = decode::<ExportMetricsServiceRequest>(&bytes, encoding);
        }
    }

    #[test]
    fn damaged_protobuf_is_read_or_refused(
        request in arbitrary::metrics(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut body = request.encode_to_vec();
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
            let _ = decode::<ExportMetricsServiceRequest>(&body, Encoding::Protobuf);
        }
    }

    #[test]
    fn texts_that_are_not_utf_8_are_replaced_wherever_they_are(
        traces in arbitrary::traces(),
        logs in arbitrary::logs(),
        metrics in arbitrary::metrics(),
    ) {
        broken_and_repaired(&traces);
        broken_and_repaired(&logs);
        broken_and_repaired(&metrics);
    }
}

/// Breaks the word `checkout`, which many of the generated texts are, in each of them; the request
/// is to be decoded with U+FFFD there.
fn broken_and_repaired<R: Request + Debug>(request: &R) {
    let mut body = request.encode_to_vec();
    let marker = b"checkout";
    let mut broken = 0;
    for at in 0..body.len().saturating_sub(marker.len() - 1) {
        if body[at..].starts_with(marker) {
            body[at] = 0xff;
            broken += 1;
        }
    }
    let decoded = decode::<R>(&body, Encoding::Protobuf).expect("it can be repaired");
    assert!(decoded.fixes >= broken);
    let unbroken = decode::<R>(&request.encode_to_vec(), Encoding::Protobuf).expect("it is sound");
    let expected = format!("{:?}", unbroken.request).replace("checkout", "\u{fffd}heckout");
    assert_eq!(format!("{:?}", decoded.request), expected);
}
