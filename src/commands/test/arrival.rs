//! Finds out how much of a run can be queried.

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::clickhouse::{ClickHouseError, Client};
use crate::otlp::{PROJECT, PerSignal, RUN_ID, Scenario, Signal, Tally};

/// What of a run is in each table, and how much of that is different. The project and the times
/// are what the tables are sorted by.
const COUNT: &str = "
SELECT
    'traces' AS signal,
    count() AS stored,
    uniqExact(cityHash64(trace_id, span_id)) AS distinct
FROM telemetry.traces
WHERE project_name = {project:String}
    AND timestamp BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
    AND resource_attributes[{run_id_attribute:String}] = {run_id:String}
UNION ALL
SELECT
    'logs',
    count(),
    uniqExact(cityHash64(trace_id, span_id, attributes['log.record.uid']))
FROM telemetry.logs
WHERE project_name = {project:String}
    AND timestamp BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
    AND resource_attributes[{run_id_attribute:String}] = {run_id:String}
UNION ALL
SELECT
    'metrics',
    count(),
    uniqExact(cityHash64(service_name, metric_name, mapSort(attributes), timestamp))
FROM telemetry.metrics
WHERE project_name = {project:String}
    AND timestamp BETWEEN fromUnixTimestamp64Nano({since:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
    AND resource_attributes[{run_id_attribute:String}] = {run_id:String}";

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(30);

/// The first and the longest pause between questions.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// How much of one signal is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Rows.
    pub stored: u64,
    /// Rows that differ from each other.
    pub distinct: u64,
    /// When the last of them was found, counted from the answer to the last request.
    pub after: Duration,
}

/// Counts what of a run is there.
#[derive(Debug)]
pub struct Arrivals<'a> {
    clickhouse: &'a Client,
    scenario: &'a Scenario,
}

#[derive(Deserialize)]
struct Row {
    signal: Signal,
    stored: u64,
    distinct: u64,
}

impl<'a> Arrivals<'a> {
    /// Counts what of this scenario is there.
    pub const fn new(clickhouse: &'a Client, scenario: &'a Scenario) -> Self {
        Self {
            clickhouse,
            scenario,
        }
    }

    /// Counts once.
    pub async fn count(&self) -> Result<PerSignal<Arrived>, ClickHouseError> {
        let (since, until) = self.scenario.times();
        let rows: Vec<Row> = self
            .clickhouse
            .query(COUNT)
            .param("project", PROJECT)
            .param("since", since)
            .param("until", until)
            .param("run_id_attribute", RUN_ID)
            .param("run_id", &self.scenario.run_id)
            .timeout(QUESTION)
            .rows()
            .await?;
        let mut arrived = PerSignal::<Arrived>::default();
        for row in rows {
            arrived[row.signal].stored = row.stored;
            arrived[row.signal].distinct = row.distinct;
        }
        Ok(arrived)
    }

    /// Counts until all that was accepted is there, or patience ends; `on_progress` is told how
    /// much there is.
    pub async fn wait(
        &self,
        tallies: &PerSignal<Tally>,
        patience: Duration,
        on_progress: impl Fn(u64),
    ) -> Result<PerSignal<Arrived>, ClickHouseError> {
        let start = Instant::now();
        let mut pause = PAUSES.0;
        let mut arrived = PerSignal::<Arrived>::default();
        loop {
            let counted = self.count().await?;
            let elapsed = start.elapsed();
            for (signal, now) in counted.iter() {
                let before = arrived[signal];
                let after = if now.distinct > before.distinct {
                    elapsed
                } else {
                    before.after
                };
                arrived[signal] = Arrived { after, ..*now };
            }
            on_progress(arrived.iter().map(|(_, arrived)| arrived.distinct).sum());
            let is_complete = arrived
                .iter()
                .all(|(signal, arrived)| arrived.distinct >= tallies[signal].accepted());
            if is_complete || elapsed >= patience {
                return Ok(arrived);
            }
            tokio::time::sleep(pause.min(patience.saturating_sub(elapsed))).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}
