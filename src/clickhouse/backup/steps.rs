//! Progress of a backup or a restore.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::super::DataTable;

/// How often is told what has been done.
const INTERVAL: Duration = Duration::from_millis(100);

/// One of the steps that a backup or a restore consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All of the archive is read; counted in bytes.
    Check,
    /// The telemetry of a table is on its way; counted in rows.
    Table(DataTable),
}

/// Told what is done.
pub trait Steps {
    /// This comes next.
    fn begin(&self, step: Step);
    /// It is known now how much there is to do.
    fn total(&self, total: u64);
    /// So much of it is done.
    fn done(&self, amount: u64);
}

/// Counts what passes, on whatever thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(super) fn count(&self, amount: usize) {
        self.0.fetch_add(amount as u64, Ordering::Relaxed);
    }

    /// Waits for `work`, and tells again and again how much it has counted.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>, tell: impl Fn(u64)) -> T {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => tell(self.0.load(Ordering::Relaxed)),
            }
        }
    }
}

/// About how many of `rows` there are in `bytes` of `all_bytes`: blocks of the Native format are
/// not taken apart.
pub(super) fn share(rows: u64, bytes: u64, all_bytes: u64) -> u64 {
    let share = u128::from(rows) * u128::from(bytes) / u128::from(all_bytes.max(1));
    u64::try_from(share).unwrap_or(rows).min(rows)
}
