//! What the receiver counts, and its rendering for Prometheus.
//!
//! Where the OpenTelemetry Collector counts the same thing, the name is the collector's.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{Budget, Signal, Transport};

/// Upper bounds of the commit latency histogram, in milliseconds.
const LATENCY_BOUNDS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000];

/// Counters of one receiver.
#[derive(Debug)]
pub struct Metrics {
    signals: [SignalCounters; Signal::ALL.len()],
    budget: Budget,
}

#[derive(Debug, Default)]
struct SignalCounters {
    accepted: [AtomicU64; Transport::ALL.len()],
    refused: [AtomicU64; Transport::ALL.len()],
    failed: [AtomicU64; Transport::ALL.len()],
    refused_requests: [AtomicU64; Transport::ALL.len()],
    repeated_requests: AtomicU64,
    lenient: AtomicU64,
    inserts: AtomicU64,
    failed_inserts: AtomicU64,
    latency: [AtomicU64; LATENCY_BOUNDS.len() + 1],
    latency_micros: AtomicU64,
}

impl Metrics {
    /// All zero; `budget` is the memory whose use is shown as the queue's size.
    pub fn new(budget: Budget) -> Self {
        Self {
            signals: Default::default(),
            budget,
        }
    }

    /// An insert returned after `took`.
    pub fn inserted(&self, signal: Signal, took: Duration, committed: bool) {
        let counters = self.signal(signal);
        counters.inserts.fetch_add(1, Relaxed);
        if !committed {
            counters.failed_inserts.fetch_add(1, Relaxed);
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS.partition_point(|bound| *bound < millis);
        counters.latency[bucket].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counters.latency_micros.fetch_add(micros, Relaxed);
    }

    /// `items` that were decoded have been committed, or could not be.
    pub fn concluded(&self, signal: Signal, transport: Transport, items: u64, committed: bool) {
        let counters = self.signal(signal);
        let counter = if committed {
            &counters.accepted
        } else {
            &counters.failed
        };
        counter[transport.index()].fetch_add(items, Relaxed);
    }

    /// `items` of an accepted request were left out.
    pub fn rejected(&self, signal: Signal, transport: Transport, items: u64) {
        self.signal(signal).refused[transport.index()].fetch_add(items, Relaxed);
    }

    /// A request was turned away before its items could be counted.
    pub fn refused_request(&self, signal: Signal, transport: Transport) {
        self.signal(signal).refused_requests[transport.index()].fetch_add(1, Relaxed);
    }

    /// A request was recognised as one that is stored already, or being stored.
    pub fn repeated(&self, signal: Signal) {
        self.signal(signal).repeated_requests.fetch_add(1, Relaxed);
    }

    /// `fixes` deviations from OTLP were put right.
    pub fn lenient(&self, signal: Signal, fixes: u64) {
        self.signal(signal).lenient.fetch_add(fixes, Relaxed);
    }

    /// Items committed since the start.
    pub fn accepted(&self, signal: Signal) -> u64 {
        total(&self.signal(signal).accepted)
    }

    fn signal(&self, signal: Signal) -> &SignalCounters {
        &self.signals[signal.index()]
    }

    /// The counters in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut page = Page::default();
        for signal in Signal::ALL {
            self.render_signal(signal, &mut page);
        }
        for (name, bytes) in [
            ("otelcol_exporter_queue_size", self.budget.used()),
            ("otelcol_exporter_queue_capacity", self.budget.total()),
        ] {
            page.family(name, "gauge").sample("", "", bytes as u64);
        }
        page.render()
    }

    fn render_signal(&self, signal: Signal, page: &mut Page) {
        let counters = self.signal(signal);
        let items = signal.items();
        for (verb, by_transport) in [
            ("accepted", &counters.accepted),
            ("refused", &counters.refused),
            ("failed", &counters.failed),
        ] {
            let family = page.family(&format!("otelcol_receiver_{verb}_{items}"), "counter");
            for transport in Transport::ALL {
                let labels = format!("receiver=\"otlp\",transport=\"{}\"", transport.name());
                let value = by_transport[transport.index()].load(Relaxed);
                family.sample("", &labels, value);
            }
        }
        for (verb, by_transport) in [
            ("sent", &counters.accepted),
            ("send_failed", &counters.failed),
        ] {
            page.family(&format!("otelcol_exporter_{verb}_{items}"), "counter")
                .sample("", "exporter=\"clickhouse\"", total(by_transport));
        }
        let label = format!("signal=\"{signal}\"");
        let refused_requests = total(&counters.refused_requests);
        for (name, value) in [
            ("telemetry_refused_requests", refused_requests),
            (
                "telemetry_repeated_requests",
                counters.repeated_requests.load(Relaxed),
            ),
            ("telemetry_lenient_fixes", counters.lenient.load(Relaxed)),
            ("telemetry_inserts", counters.inserts.load(Relaxed)),
            (
                "telemetry_failed_inserts",
                counters.failed_inserts.load(Relaxed),
            ),
        ] {
            page.family(name, "counter").sample("", &label, value);
        }
        counters.render_latency(&label, page);
    }
}

impl SignalCounters {
    fn render_latency(&self, label: &str, page: &mut Page) {
        let family = page.family("telemetry_insert_duration_milliseconds", "histogram");
        let mut seen = 0;
        for (bucket, bound) in self.latency.iter().zip(LATENCY_BOUNDS) {
            seen += bucket.load(Relaxed);
            family.sample("_bucket", &format!("{label},le=\"{bound}\""), seen);
        }
        let count = self.latency.iter().map(|bucket| bucket.load(Relaxed)).sum();
        let sum = self.latency_micros.load(Relaxed) / 1000;
        family
            .sample("_bucket", &format!("{label},le=\"+Inf\""), count)
            .sample("_sum", label, sum)
            .sample("_count", label, count);
    }
}

fn total(by_transport: &[AtomicU64; Transport::ALL.len()]) -> u64 {
    by_transport
        .iter()
        .map(|counter| counter.load(Relaxed))
        .sum()
}

/// A page of metrics: a family's samples stand together, whatever order they come in.
#[derive(Debug, Default)]
struct Page {
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: String,
    kind: &'static str,
    samples: String,
}

impl Page {
    /// Begins a family, or goes on with it.
    fn family(&mut self, name: &str, kind: &'static str) -> &mut Family {
        let known = self.families.iter().position(|family| family.name == name);
        let index = known.unwrap_or_else(|| {
            self.families.push(Family {
                name: name.to_owned(),
                kind,
                samples: String::new(),
            });
            self.families.len() - 1
        });
        &mut self.families[index]
    }

    fn render(&self) -> String {
        let mut text = String::new();
        for Family {
            name,
            kind,
            samples,
        } in &self.families
        {
            let _ = write!(text, "# TYPE {name} {kind}\n{samples}");
        }
        text
    }
}

impl Family {
    fn sample(&mut self, suffix: &str, labels: &str, value: u64) -> &mut Self {
        let braces = if labels.is_empty() {
            ("", "")
        } else {
            ("{", "}")
        };
        let name = &self.name;
        let _ = writeln!(
            self.samples,
            "{name}{suffix}{}{labels}{} {value}",
            braces.0, braces.1
        );
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_what_the_collector_names() {
        let metrics = Metrics::new(Budget::new(1000, Duration::ZERO));
        metrics.concluded(Signal::Traces, Transport::Grpc, 7, true);
        metrics.concluded(Signal::Logs, Transport::Http, 2, false);
        metrics.inserted(Signal::Traces, Duration::from_millis(12), true);
        let page = metrics.render();
        for line in [
            "# TYPE otelcol_receiver_accepted_spans counter",
            "otelcol_receiver_accepted_spans{receiver=\"otlp\",transport=\"grpc\"} 7",
            "otelcol_exporter_sent_spans{exporter=\"clickhouse\"} 7",
            "otelcol_exporter_send_failed_log_records{exporter=\"clickhouse\"} 2",
            "otelcol_exporter_queue_capacity 1000",
            "telemetry_insert_duration_milliseconds_bucket{signal=\"traces\",le=\"10\"} 0",
            "telemetry_insert_duration_milliseconds_bucket{signal=\"traces\",le=\"25\"} 1",
            "telemetry_insert_duration_milliseconds_count{signal=\"traces\"} 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in {page}");
        }
        let types: Vec<_> = page.lines().filter(|line| line.starts_with('#')).collect();
        let mut distinct = types.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(types.len(), distinct.len(), "each family is declared once");
    }
}
