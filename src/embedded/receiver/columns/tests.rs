//! Requests through the real engine and its real schema.

mod model;
mod stored;

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
    trace::v1::ExportTraceServiceRequest,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use self::stored::Store;
use super::{LogRows, MetricRows, TraceRows};
use crate::embedded::receiver::arbitrary;

/// Cases of each property: an insert and a query each.
const CASES: u32 = 48;

fn check<Q: std::fmt::Debug>(
    strategy: impl Strategy<Value = Q>,
    property: impl Fn(&mut Store, &Q),
) {
    let Some(mut store) = Store::open() else {
        return;
    };
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    for _ in 0..CASES {
        let request = strategy
            .new_tree(&mut runner)
            .expect("requests can be made")
            .current();
        property(&mut store, &request);
    }
}

/// Rows have no order.
fn assert_same(mut stored: Vec<Value>, mut expected: Vec<Value>) {
    for rows in [&mut stored, &mut expected] {
        rows.iter_mut().for_each(as_written);
        rows.sort_by_cached_key(Value::to_string);
    }
    assert_eq!(stored.len(), expected.len(), "{stored:#?}");
    for (stored, expected) in stored.iter().zip(&expected) {
        assert_eq!(stored, expected);
    }
}

/// JSON has no difference between 1 and 1.0, nor an order of keys.
fn as_written(value: &mut Value) {
    match value {
        Value::Number(number) => *value = number.as_f64().into(),
        Value::Array(items) => items.iter_mut().for_each(as_written),
        Value::Object(fields) => {
            fields.sort_keys();
            fields.values_mut().for_each(as_written);
        }
        _ => {}
    }
}

#[test]
fn every_span_is_stored_as_the_model_says() {
    check(arbitrary::traces(), |store, request| {
        let (mut request, expected) = (request.clone(), model::spans(request));
        let stored = store.round_trip::<TraceRows>(
            &mut request,
            |request: &mut ExportTraceServiceRequest| {
                request
                    .resource_spans
                    .iter_mut()
                    .map(|it| it.resource.get_or_insert_default())
                    .collect()
            },
            model::SPAN_COLUMNS,
        );
        assert_same(stored, expected);
    });
}

#[test]
fn every_log_record_is_stored_as_the_model_says() {
    check(arbitrary::logs(), |store, request| {
        let (mut request, expected) = (request.clone(), model::records(request));
        let stored = store.round_trip::<LogRows>(
            &mut request,
            |request: &mut ExportLogsServiceRequest| {
                request
                    .resource_logs
                    .iter_mut()
                    .map(|it| it.resource.get_or_insert_default())
                    .collect()
            },
            model::RECORD_COLUMNS,
        );
        assert_same(stored, expected);
    });
}

#[test]
fn every_data_point_is_stored_as_the_model_says() {
    check(arbitrary::metrics(), |store, request| {
        let (mut request, expected) = (request.clone(), model::points(request));
        let stored = store.round_trip::<MetricRows>(
            &mut request,
            |request: &mut ExportMetricsServiceRequest| {
                request
                    .resource_metrics
                    .iter_mut()
                    .map(|it| it.resource.get_or_insert_default())
                    .collect()
            },
            model::POINT_COLUMNS,
        );
        assert_same(stored, expected);
    });
}
