//! Sends a whole scenario.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};

use super::{ExportError, Exporter, Payload, PerSignal, Protocol, Scenario, Signal};

/// How many requests are on their way at once.
const CONCURRENCY: usize = 4;

/// What became of all that was sent.
#[derive(Debug, Default)]
pub struct Delivery {
    /// What became of each signal.
    pub tallies: PerSignal<Tally>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// What became of what was sent of one signal.
#[derive(Debug, Default)]
pub struct Tally {
    /// Items that were sent, accepted or not.
    pub sent: u64,
    /// Items that were not accepted.
    pub rejected: u64,
    /// Why the first of them were not.
    pub reason: Option<String>,
}

impl Tally {
    /// Items that the endpoint said it keeps.
    pub const fn accepted(&self) -> u64 {
        self.sent.saturating_sub(self.rejected)
    }
}

/// Sends all telemetry of a scenario, a few requests at a time. What is refused is counted;
/// `on_progress` is told of the traces of each batch that is done.
///
/// # Errors
///
/// When the endpoint is not reached, or is none.
pub async fn deliver(
    scenario: &Scenario,
    exporter: &Exporter,
    protocol: Protocol,
    on_progress: impl Fn(u64),
) -> Result<Delivery, ExportError> {
    let start = Instant::now();
    let mut delivery = Delivery::default();
    let payloads = scenario.batches().flat_map(|batch| {
        let mut payloads = Vec::new();
        for signal in Signal::ALL {
            payloads.extend(Payload::of(&batch, signal, protocol.encoding()));
        }
        // The last of them is when the batch is done.
        let last = payloads.len().saturating_sub(1);
        let traces = move |index| if index == last { batch.traces } else { 0 };
        let numbered = payloads.into_iter().enumerate();
        numbered.map(move |(index, payload)| (payload, traces(index)))
    });
    // Who is turned away until patience ends need not be asked again.
    let abandoned = PerSignal::new(|_| AtomicBool::new(false));
    let abandoned = &abandoned;
    let mut answers = stream::iter(payloads)
        .map(|(payload, traces)| async move {
            if abandoned[payload.signal].load(Ordering::Relaxed) {
                return (payload, traces, None);
            }
            let answer = exporter.send(&payload).await;
            if matches!(answer, Err(ExportError::GaveUp { .. })) {
                abandoned[payload.signal].store(true, Ordering::Relaxed);
            }
            (payload, traces, Some(answer))
        })
        .buffer_unordered(CONCURRENCY);
    while let Some((payload, traces, answer)) = answers.next().await {
        let tally = &mut delivery.tallies[payload.signal];
        tally.sent += payload.items;
        let (rejected, reason) = match answer {
            None => (payload.items, None),
            Some(Ok(accepted)) => (accepted.rejected, accepted.remark),
            Some(Err(error @ (ExportError::Refused { .. } | ExportError::GaveUp { .. }))) => {
                (payload.items, Some(error.reason()))
            }
            Some(Err(error)) => return Err(error),
        };
        tally.rejected += rejected;
        if rejected > 0 && tally.reason.is_none() {
            tally.reason = reason.or_else(|| Some("no reason given".to_owned()));
        }
        on_progress(traces.into());
    }
    drop(answers);
    delivery.elapsed = start.elapsed();
    Ok(delivery)
}
