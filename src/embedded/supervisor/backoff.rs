//! How long to wait before the server is started again.

use std::time::Duration;

/// Waits that double from crash to crash, and start over once the server has proven stable.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    stable_after: Duration,
    crashes: u32,
}

impl Default for Backoff {
    /// A tenth of a second at first, half a minute at most, forgotten after a minute of service.
    fn default() -> Self {
        Self::new(
            Duration::from_millis(100),
            Duration::from_secs(30),
            Duration::from_mins(1),
        )
    }
}

impl Backoff {
    /// Waits from `first` up to `longest`; a server that was ready for `stable_after` counts as
    /// having worked.
    pub const fn new(first: Duration, longest: Duration, stable_after: Duration) -> Self {
        Self {
            first,
            longest,
            stable_after,
            crashes: 0,
        }
    }

    /// The wait after a crash of a server that had been ready for `served`.
    pub fn after_crash(&mut self, served: Duration) -> Duration {
        if served >= self.stable_after {
            self.crashes = 0;
        }
        let wait = 2_u32
            .checked_pow(self.crashes)
            .and_then(|factor| self.first.checked_mul(factor))
            .map_or(self.longest, |wait| wait.min(self.longest));
        self.crashes = self.crashes.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(
            Duration::from_millis(100),
            Duration::from_millis(500),
            Duration::from_mins(1),
        );
        let waits: Vec<_> = (0..5)
            .map(|_| backoff.after_crash(Duration::ZERO).as_millis())
            .collect();
        assert_eq!(waits, [100, 200, 400, 500, 500]);
    }

    #[test]
    fn a_stable_run_is_forgiven_its_past() {
        let mut backoff = Backoff::default();
        backoff.after_crash(Duration::ZERO);
        backoff.after_crash(Duration::ZERO);
        assert_eq!(
            backoff.after_crash(Duration::from_mins(1)),
            Duration::from_millis(100)
        );
    }

    proptest! {
        #[test]
        fn no_wait_leaves_its_bounds(served in proptest::collection::vec(0_u64..120, 0..200)) {
            let mut backoff = Backoff::default();
            for seconds in served {
                let wait = backoff.after_crash(Duration::from_secs(seconds));
                prop_assert!(wait >= Duration::from_millis(100) && wait <= Duration::from_secs(30));
            }
        }
    }
}
