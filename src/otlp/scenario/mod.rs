//! A small shop and what happens in it, as a pure function of a seed and a time.

mod attribute;
mod calls;
mod dice;
mod metrics;
mod recorder;
mod service;
mod stories;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::Metric;

pub use service::{SCHEMA_URL, Service};

use dice::{Dice, mix};
pub use metrics::points;
use recorder::{Ids, Recorded, Recorder};
use stories::Story;

use super::Batch;

/// The `project.name` of sample telemetry.
pub const PROJECT: &str = "telemetry-test";

/// The resource attribute that tells one run's telemetry from all other.
pub const RUN_ID: &str = "test.run_id";

#[expect(clippy::cast_possible_truncation, reason = "it is a dozen")]
const TRACES_PER_ROUND: u32 = Story::ROUND.len() as u32;

/// About a thousand spans, in whole rounds.
const TRACES_PER_BATCH: u32 = 12 * TRACES_PER_ROUND;

/// How long before the end the last story begins. None takes longer.
const HEADROOM: Duration = Duration::from_secs(30);

/// What sample telemetry is made from. The same seed gives the same identifiers, shapes and
/// latencies, at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Where chance begins.
    pub seed: u64,
    /// How many traces.
    pub traces: u32,
    /// When everything has ended, in nanoseconds of Unix time.
    pub now: u64,
    /// Over how long the traces are spread.
    pub spread: Duration,
    /// Tells this run's telemetry from all other.
    pub run_id: String,
    /// The environment that the services say they run in.
    pub environment: String,
}

/// One round of stories.
#[derive(Debug, Default)]
pub struct Round {
    /// Spans and log records.
    pub recorded: Recorded,
    /// Metrics.
    pub metrics: Vec<(Service, Metric)>,
}

impl Scenario {
    /// All of the telemetry, in batches that are made when they are asked for.
    pub fn batches(&self) -> impl Iterator<Item = Batch> + Send + use<'_> {
        let batches = self.traces.div_ceil(TRACES_PER_BATCH);
        (0..batches).map(|number| self.batch(number))
    }

    /// One batch of the telemetry.
    pub fn batch(&self, number: u32) -> Batch {
        let first = number * TRACES_PER_BATCH;
        let last = self.traces.min(first + TRACES_PER_BATCH);
        let rounds = (first..last)
            .step_by(Story::ROUND.len())
            .map(|first| self.round(first..last.min(first + TRACES_PER_ROUND)));
        Batch::new(self, last - first, rounds)
    }

    /// Between which times all of it is, in nanoseconds of Unix time.
    pub fn times(&self) -> (u64, u64) {
        (self.start(0), self.now)
    }

    /// The trace that is worth a first look, in hexadecimal: the first.
    pub fn first_trace_id(&self) -> String {
        let round = self.round(0..1);
        hex::encode(&round.recorded.spans[0].1.trace_id)
    }

    fn round(&self, traces: Range<u32>) -> Round {
        let (since, until) = (self.start(traces.start), self.start(traces.end));
        let mut round = Round::default();
        let mut message = None;
        for (story, number) in Story::ROUND.into_iter().zip(traces.clone()) {
            // A message waits a little before it is worked off.
            let sent_at = message
                .as_ref()
                .map(|message: &recorder::Message| message.sent_at);
            let start = match sent_at {
                Some(sent_at) if story == Story::Fulfilment => sent_at + 2_000_000,
                _ => self.start(number),
            };
            let ids = Ids::new(self.seed, number.into());
            let mut trace = Recorder::new(ids, story.begins_in(), start);
            story.tell(&mut trace, &mut message);
            let Recorded { spans, logs } = trace.finish();
            round.recorded.spans.extend(spans);
            round.recorded.logs.extend(logs);
        }
        let mut dice = Dice::new(mix(!self.seed ^ u64::from(traces.start)));
        round.metrics = metrics::measure(&round.recorded, &mut dice, since, until);
        round
    }

    /// When the trace of this number begins.
    fn start(&self, number: u32) -> u64 {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let spread = nanos(self.spread);
        let first = self
            .now
            .saturating_sub(nanos(HEADROOM))
            .saturating_sub(spread);
        let passed = u128::from(spread) * u128::from(number) / u128::from(self.traces.max(1));
        first + u64::try_from(passed).expect("it is at most the spread")
    }
}
