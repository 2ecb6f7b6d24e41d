//! How long to wait before a request is sent again.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait that nobody asked for.
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait before a request is sent again: twice as long each time, and at least as long
/// as the endpoint asks for.
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// How long to wait after one more attempt has failed.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        let factor = 2_u32.saturating_pow(self.attempts);
        self.attempts += 1;
        // So that those who were turned away together do not come back together.
        let jitter = rand::random_range(0.75..1.25);
        let own = FIRST.saturating_mul(factor).min(LONGEST).mul_f64(jitter);
        own.max(asked.unwrap_or_default())
    }

    /// How many attempts have failed.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_heed_what_was_asked_for() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..40).map(|_| backoff.next(None).as_secs_f64()).collect();
        assert!((0.075..=0.125).contains(&waits[0]), "{waits:?}");
        assert!((0.3..=0.5).contains(&waits[2]), "{waits:?}");
        assert!(waits[39] <= 6.25, "{waits:?}");
        assert_eq!(backoff.next(Some(Duration::from_mins(1))).as_secs(), 60);
        assert_eq!(backoff.attempts(), 41);
    }
}
