//! What `telemetry test` found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use serde::Serialize;

use super::arrival::Arrived;
use crate::otlp::{Delivery, PerSignal, Protocol, Scenario, Signal};
use crate::output::{Output, Screen};

/// What was run.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// The form of OTLP.
    pub protocol: Protocol,
    /// What was sent.
    pub scenario: &'a Scenario,
    /// What shows a trace of it: a command, and an address for a browser.
    pub next: [String; 2],
}

/// What `telemetry test` found.
#[derive(Debug, Serialize)]
pub struct Report {
    run_id: String,
    seed: u64,
    protocol: String,
    traces: u32,
    /// The trace that is worth a first look.
    trace_id: String,
    sending_ms: u64,
    signals: BTreeMap<&'static str, SignalReport>,
    #[serde(skip)]
    next: [String; 2],
}

/// What became of one signal.
#[derive(Debug, Serialize)]
struct SignalReport {
    #[serde(skip)]
    signal: Signal,
    sent: u64,
    rejected: u64,
    /// Why the first of the rejected were.
    rejection: Option<String>,
    found: u64,
    missing: u64,
    duplicates: u64,
    /// From the answer to the last request to when the last of them was found.
    found_after_ms: u64,
}

/// So many traces, in words.
pub fn traces(n: u64) -> String {
    format!("{n} {}", if n == 1 { "trace" } else { "traces" })
}

impl Report {
    /// The report of a run.
    pub fn new(run: Run<'_>, delivery: &Delivery, arrived: &PerSignal<Arrived>) -> Self {
        let Run {
            protocol,
            scenario,
            next,
        } = run;
        let signals = Signal::ALL.map(|signal| {
            let tally = &delivery.tallies[signal];
            let Arrived {
                stored,
                distinct,
                after,
            } = arrived[signal];
            let report = SignalReport {
                signal,
                sent: tally.sent,
                rejected: tally.rejected,
                rejection: tally.reason.clone(),
                found: distinct,
                missing: tally.accepted().saturating_sub(distinct),
                duplicates: stored - distinct,
                found_after_ms: millis(after),
            };
            (signal.as_str(), report)
        });
        Self {
            run_id: scenario.run_id.clone(),
            seed: scenario.seed,
            protocol: protocol.to_string(),
            traces: scenario.traces,
            sending_ms: millis(delivery.elapsed),
            signals: signals.into_iter().collect(),
            trace_id: scenario.first_trace_id(),
            next,
        }
    }

    /// What is wrong, if anything is.
    pub fn problem(&self) -> Option<String> {
        let mut problems = Vec::new();
        for report in self.in_order() {
            let sent = report.signal.count(report.sent);
            let mut problem = |count: u64, what: &str| {
                if count > 0 {
                    problems.push(format!("{count} of {sent} {what}"));
                }
            };
            let mut rejected = "refused".to_owned();
            if let Some(reason) = &report.rejection {
                let _ = write!(rejected, " ({reason})");
            }
            problem(report.rejected, &rejected);
            problem(report.missing, "never became visible");
            if report.duplicates > 0 {
                let duplicates = report.signal.count(report.duplicates);
                problems.push(format!("{duplicates} stored more than once"));
            }
        }
        (!problems.is_empty()).then(|| problems.join(", "))
    }

    fn in_order(&self) -> impl Iterator<Item = &SignalReport> {
        Signal::ALL
            .iter()
            .map(|signal| &self.signals[signal.as_str()])
    }
}

impl Output for Report {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let sent = self
            .in_order()
            .map(|report| report.signal.count(report.sent));
        writeln!(
            screen,
            "Sent {} in {} over {} in {} ms",
            listed(sent),
            traces(self.traces.into()),
            self.protocol,
            self.sending_ms
        )?;
        for report in self.in_order() {
            let SignalReport { sent, found, .. } = report;
            writeln!(
                screen,
                "Found {found}/{} after {} ms",
                report.signal.count(*sent),
                report.found_after_ms
            )?;
        }
        if self.problem().is_none() {
            let [command, address] = &self.next;
            writeln!(
                screen,
                "\nLook at one of the traces:\n  {command}\n  {address}"
            )?;
        }
        Ok(())
    }
}

/// `a, b and c`.
fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    match items.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::Tally;

    fn report(rejected: u64, stored: u64, distinct: u64) -> Report {
        let scenario = Scenario {
            seed: 1,
            traces: 12,
            now: 1_800_000_000_000_000_000,
            spread: Duration::from_mins(1),
            run_id: "run".to_owned(),
            environment: "ci".to_owned(),
        };
        let mut delivery = Delivery::default();
        for signal in Signal::ALL {
            delivery.tallies[signal] = Tally {
                sent: 10,
                rejected,
                reason: (rejected > 0).then(|| "too old".to_owned()),
            };
        }
        let arrived = PerSignal::new(|_| Arrived {
            stored,
            distinct,
            after: Duration::from_millis(183),
        });
        let run = Run {
            protocol: Protocol::HttpProtobuf,
            scenario: &scenario,
            next: [
                "telemetry --project shop query-traces --trace 0123".to_owned(),
                "http://127.0.0.1:3000/d/telemetry-traces?var-trace=0123".to_owned(),
            ],
        };
        Report::new(run, &delivery, &arrived)
    }

    fn human(report: &Report) -> String {
        let mut text = Vec::new();
        report.human(&mut Screen::new(&mut text, false)).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn all_found_is_said_with_what_to_look_at_next() {
        let report = report(0, 10, 10);
        assert_eq!(report.problem(), None);
        insta::assert_snapshot!(human(&report));
    }

    #[test]
    fn every_way_to_lose_telemetry_is_counted() {
        let problem = report(1, 9, 7).problem().unwrap();
        let of_spans = "1 of 10 spans refused (too old), 2 of 10 spans never became visible, \
                        2 spans stored more than once";
        assert!(problem.starts_with(of_spans), "{problem}");
        assert!(
            problem.contains("2 metric points stored more than once"),
            "{problem}"
        );
    }
}
