use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use proptest::prelude::*;

use super::*;
use crate::embedded::receiver::{self, LogRows, MetricRows, Rows, TraceRows};
use crate::otlp::{Encoding, Payload, Signal, json};

const NOW: u64 = 1_800_000_000_000_000_000;

fn scenario(seed: u64, traces: u32) -> Scenario {
    Scenario {
        seed,
        traces,
        now: NOW,
        spread: Duration::from_mins(10),
        run_id: "0123456789abcdef".to_owned(),
        environment: "test".to_owned(),
    }
}

fn spans(scenario: &Scenario) -> Vec<(String, Span)> {
    let of_batch = |batch: Batch| {
        batch.spans.resource_spans.into_iter().flat_map(|group| {
            let service = format!("{:?}", group.resource.unwrap().attributes[0].value);
            let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans
                .map(move |span| (service.clone(), span))
                .collect::<Vec<_>>()
        })
    };
    scenario.batches().flat_map(of_batch).collect()
}

/// What the receiver makes of a batch in JSON.
fn received<R: Rows>(batch: &Batch, signal: Signal) -> R::Request {
    let payload = Payload::of(batch, signal, Encoding::Json).unwrap();
    let decoded = R::decode(&payload.body, receiver::Encoding::Json).unwrap();
    assert_eq!((decoded.acceptance.rejected, decoded.fixes), (0, 0));
    decoded.request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_seed_gives_the_same_telemetry_each_time(seed: u64, traces in 1..200_u32) {
        let scenario = scenario(seed, traces);
        prop_assert!(scenario.batches().eq(scenario.batches()));
    }

    #[test]
    fn a_later_time_moves_the_telemetry_and_changes_nothing_else(seed: u64) {
        let (now, mut later) = (scenario(seed, 12), scenario(seed, 12));
        later.now += 86_400_000_000_000;
        for ((_, now), (_, later)) in spans(&now).into_iter().zip(spans(&later)) {
            prop_assert_eq!(now.start_time_unix_nano + 86_400_000_000_000, later.start_time_unix_nano);
            prop_assert_eq!(now.end_time_unix_nano + 86_400_000_000_000, later.end_time_unix_nano);
            prop_assert_eq!(now.span_id, later.span_id);
        }
    }

    #[test]
    fn every_child_is_within_its_parent_and_in_its_trace(seed: u64, traces in 1..200_u32) {
        let spans = spans(&scenario(seed, traces));
        let by_id: HashMap<_, _> = spans.iter().map(|(_, span)| (&span.span_id, span)).collect();
        for (_, child) in &spans {
            prop_assert!(child.start_time_unix_nano < child.end_time_unix_nano);
            let Some(parent) = by_id.get(&child.parent_span_id) else { continue };
            prop_assert!(parent.start_time_unix_nano <= child.start_time_unix_nano);
            prop_assert!(child.end_time_unix_nano <= parent.end_time_unix_nano);
            prop_assert_eq!(&parent.trace_id, &child.trace_id);
        }
    }

    #[test]
    fn every_identifier_is_well_formed_and_the_only_one(seed: u64, traces in 1..400_u32) {
        let spans = spans(&scenario(seed, traces));
        let mut span_ids = HashSet::new();
        let mut trace_ids = HashSet::new();
        for (_, span) in &spans {
            prop_assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
            prop_assert!(span.span_id.iter().any(|byte| *byte != 0));
            prop_assert!(matches!(span.parent_span_id.len(), 0 | 8));
            prop_assert!(span_ids.insert(&span.span_id));
            trace_ids.insert(&span.trace_id);
        }
        prop_assert_eq!(trace_ids.len(), usize::try_from(traces).unwrap());
    }

    #[test]
    fn all_of_it_is_between_its_times(seed: u64, traces in 1..200_u32) {
        let scenario = scenario(seed, traces);
        let (since, until) = scenario.times();
        for (_, span) in spans(&scenario) {
            prop_assert!(span.start_time_unix_nano >= since);
            prop_assert!(span.end_time_unix_nano <= until);
        }
    }

    #[test]
    fn json_says_what_protobuf_says(seed: u64, traces in 1..40_u32) {
        for batch in scenario(seed, traces).batches() {
            let spans = serde_json::from_value(json::traces(&batch.spans)).unwrap();
            prop_assert_eq!(&batch.spans, &spans);
            let logs = serde_json::from_value(json::logs(&batch.logs)).unwrap();
            prop_assert_eq!(&batch.logs, &logs);
            let metrics = serde_json::from_value(json::metrics(&batch.metrics)).unwrap();
            prop_assert_eq!(&batch.metrics, &metrics);
            // The receiver finds nothing to put right or to leave out.
            prop_assert_eq!(&received::<TraceRows>(&batch, Signal::Traces), &batch.spans);
            prop_assert_eq!(&received::<LogRows>(&batch, Signal::Logs), &batch.logs);
            prop_assert_eq!(&received::<MetricRows>(&batch, Signal::Metrics), &batch.metrics);
        }
    }
}

#[test]
fn different_seeds_share_no_identifier() {
    let ids = |seed| -> HashSet<_> {
        let spans = spans(&scenario(seed, 120));
        spans.into_iter().map(|(_, span)| span.span_id).collect()
    };
    assert!(ids(1).is_disjoint(&ids(2)));
}

#[test]
fn a_dozen_traces_show_what_tracing_is_for() {
    let spans = spans(&scenario(1, 12));
    let ids: HashSet<_> = spans.iter().map(|(_, span)| &span.span_id).collect();
    let services: HashSet<_> = spans.iter().map(|(service, _)| service).collect();
    let kinds: HashSet<_> = spans.iter().map(|(_, span)| span.kind).collect();
    assert_eq!((services.len(), kinds.len()), (4, 5));

    let is_orphan = |span: &&(String, Span)| {
        !span.1.parent_span_id.is_empty() && !ids.contains(&span.1.parent_span_id)
    };
    assert_eq!(
        spans.iter().filter(is_orphan).count(),
        1,
        "one partial trace"
    );
    let linked = spans.iter().flat_map(|(_, span)| &span.links);
    assert!(linked.clone().count() > 0, "an asynchronous hop");
    assert!(linked.into_iter().all(|link| ids.contains(&link.span_id)));

    let is_error = |span: &&(String, Span)| {
        let status = span.1.status.as_ref();
        status.is_some_and(|status| status.code == i32::from(StatusCode::Error))
    };
    let failed: Vec<_> = spans.iter().filter(is_error).collect();
    assert!(failed.len() > 1, "an error and those it failed");
    let told = failed.iter().flat_map(|(_, span)| &span.events);
    assert!(told.into_iter().all(|event| event.name == "exception"));

    let mut same = HashMap::<_, usize>::new();
    for (_, span) in &spans {
        *same.entry((&span.parent_span_id, &span.name)).or_default() += 1;
    }
    assert!(same.values().any(|queries| *queries >= 8), "one N+1 trace");
}

#[test]
fn a_large_scenario_comes_in_batches_of_bounded_size() {
    let scenario = scenario(3, 1_000);
    let mut traces = 0;
    for batch in scenario.batches() {
        traces += batch.traces;
        assert!(batch.items[Signal::Traces] <= 2_000, "{:?}", batch.items);
    }
    assert_eq!(traces, 1_000);
}

#[test]
fn counts_are_those_of_the_requests() {
    for batch in scenario(5, 30).batches() {
        let spans = batch
            .spans
            .resource_spans
            .iter()
            .flat_map(|group| &group.scope_spans);
        let spans: usize = spans.map(|scope| scope.spans.len()).sum();
        assert_eq!(batch.items[Signal::Traces], spans as u64);
        for signal in Signal::ALL {
            let payload = Payload::of(&batch, signal, Encoding::Protobuf).unwrap();
            assert_eq!(payload.items, batch.items[signal]);
        }
    }
}

#[test]
fn one_trace_as_json() {
    let batch = scenario(1, 1).batch(0);
    let json = json::traces(&batch.spans);
    let gateway = &json["resourceSpans"][0];
    insta::assert_json_snapshot!(gateway);
}

#[test]
fn one_round_in_outline() {
    let mut outline = String::new();
    let spans = spans(&scenario(1, 12));
    let roots = spans.iter().map(|(_, span)| span);
    for root in roots.clone().filter(|span| span.parent_span_id.is_empty()) {
        describe(&mut outline, 0, root, &roots.clone().collect::<Vec<_>>());
    }
    insta::assert_snapshot!(outline);
}

fn describe(outline: &mut String, depth: usize, span: &Span, spans: &[&Span]) {
    use std::fmt::Write as _;
    let micros = (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000;
    let _ = writeln!(outline, "{:depth$}{} {micros} µs", "", span.name);
    let children = spans
        .iter()
        .filter(|child| child.parent_span_id == span.span_id);
    for child in children {
        describe(outline, depth + 2, child, spans);
    }
}
