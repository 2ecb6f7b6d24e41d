//! Times and time spans, as they are typed.

use std::{str::FromStr, time::Duration};

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// How long to wait: a number of seconds, or a time span such as `90s` or `2m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl FromStr for Patience {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a number of seconds, or a time span such as `2m`";
        if let Ok(seconds) = text.parse() {
            return Ok(Self(Duration::from_secs(seconds)));
        }
        let length = time_span(text).ok_or(EXPECTED)?;
        Duration::try_from(length).map(Self).map_err(|_| EXPECTED)
    }
}

/// A point in time: so long ago, or a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(SignedDuration),
    /// Then.
    At(Timestamp),
}

impl Since {
    /// The point in time, seen from `now`.
    pub fn timestamp(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(length) => now.checked_sub(length).unwrap_or(Timestamp::MIN),
            Self::At(timestamp) => timestamp,
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(timestamp) = text.parse() {
            return Ok(Self::At(timestamp));
        }
        time_span(text).map(Self::Ago).ok_or(
            "expected a time span such as `15m`, `24h` or `7d`, or a timestamp such as \
             `2026-01-31T09:00:00Z`",
        )
    }
}

/// A length of time; a day has 24 hours, as nobody means a date.
fn time_span(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    (!length.is_negative()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_a_time_span_or_a_timestamp() {
        let now: Timestamp = "2026-01-31T09:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("15m", "2026-01-31T08:45:00Z"),
            ("1h30m", "2026-01-31T07:30:00Z"),
            ("7d", "2026-01-24T09:00:00Z"),
            ("2025-12-31T23:00:00+01:00", "2025-12-31T22:00:00Z"),
        ] {
            let since: Since = text.parse().unwrap();
            assert_eq!(since.timestamp(now).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn patience_is_in_seconds_unless_it_says_otherwise() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("2m", 120), ("0", 0)] {
            assert_eq!(text.parse(), Ok(Patience(Duration::from_secs(seconds))));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "yesterday", "-5m", "5 parsecs"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
            assert!(text.parse::<Patience>().is_err(), "{text}");
        }
    }
}
