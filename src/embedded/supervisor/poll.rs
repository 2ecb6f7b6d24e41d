//! Waiting for what another process does: often at first, then less.

use std::time::{Duration, Instant};

/// The waits between looks: from a few milliseconds, when an answer is likely soon, to what a
/// person does not notice.
#[derive(Debug)]
pub struct Poll(Duration);

impl Poll {
    const FIRST: Duration = Duration::from_millis(2);
    const LONGEST: Duration = Duration::from_millis(100);

    /// Before the first look.
    pub const fn new() -> Self {
        Self(Self::FIRST)
    }

    /// Waits for the next look, not beyond `deadline`.
    pub async fn wait_until(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        tokio::time::sleep(self.0.min(left)).await;
        self.0 = (self.0 * 3 / 2).min(Self::LONGEST);
    }
}
