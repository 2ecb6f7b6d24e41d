//! A body of any signal in either encoding is decoded or refused, and what is decoded makes a
//! block of rows.
//!
//! The first byte says which signal and encoding it is, the rest is the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use telemetry::embedded::receiver::{Encoding, Export, LogRows, MetricRows, Rows, TraceRows};

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let (signal, encoding) = match choice {
        b't' => ('t', Encoding::Json),
        b'l' => ('l', Encoding::Json),
        b'm' => ('m', Encoding::Json),
        b'T' => ('t', Encoding::Protobuf),
        b'L' => ('l', Encoding::Protobuf),
        b'M' => ('m', Encoding::Protobuf),
        _ => return,
    };
    match signal {
        't' => store::<TraceRows>(body, encoding),
        'l' => store::<LogRows>(body, encoding),
        _ => store::<MetricRows>(body, encoding),
    }
});

fn store<R>(body: &[u8], encoding: Encoding)
where
    R: Rows,
    R::Request: Message,
{
    let Ok(decoded) = R::decode(body, encoding) else {
        return;
    };
    let block = block::<R>(&decoded.request);

    // Whatever was wrong with it has been put right: sent as it is now, it is the same again.
    let body = decoded.request.encode_to_vec();
    let again = R::decode(&body, Encoding::Protobuf).expect("it is in order now");
    assert_eq!((again.acceptance.rejected, again.fixes), (0, 0));
    assert_eq!(again.request.encode_to_vec(), body);
    assert!(self::block::<R>(&again.request) == block);
}

fn block<R: Rows>(request: &R::Request) -> Vec<u8> {
    let mut rows = R::default();
    assert_eq!(rows.push(request, &Export::default()), rows.rows());
    rows.encode()
}
