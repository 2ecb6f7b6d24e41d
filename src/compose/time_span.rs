//! Lengths of time as Compose has them.

use std::{fmt, str::FromStr, time::Duration};

/// A length of time, written as `1m30s`. It is shown as Go shows it, which is what Compose hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(Duration);

/// Longer names first.
const UNITS: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

impl TimeSpan {
    /// The length.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for TimeSpan {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a time such as `1m30s`";
        let mut nanoseconds = 0_u64;
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or(EXPECTED)?;
            let (number, after) = rest.split_at(end);
            let (after, unit) = UNITS
                .iter()
                .find_map(|(name, unit)| Some((after.strip_prefix(name)?, *unit)))
                .ok_or(EXPECTED)?;
            nanoseconds = scaled(number, unit)
                .and_then(|amount| nanoseconds.checked_add(amount))
                .ok_or(EXPECTED)?;
            rest = after;
        }
        if text.is_empty() {
            return Err(EXPECTED);
        }
        Ok(Self(Duration::from_nanos(nanoseconds)))
    }
}

/// `number`, which may have decimals, times `unit`.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let mut amount = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut unit = unit;
    for digit in decimals.bytes() {
        unit /= 10;
        amount =
            amount.checked_add(u64::from(digit.checked_sub(b'0').filter(|d| *d < 10)?) * unit)?;
    }
    Some(amount)
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_nanos();
        let (unit, name) = match nanoseconds {
            0 => return f.write_str("0s"),
            1..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let mut whole = nanoseconds / unit;
        if unit == 1_000_000_000 && whole >= 60 {
            if whole >= 3_600 {
                write!(f, "{}h", whole / 3_600)?;
            }
            write!(f, "{}m", whole / 60 % 60)?;
            whole %= 60;
        }
        write!(f, "{whole}")?;
        let part = nanoseconds % unit;
        if part != 0 {
            let width = unit.ilog10() as usize;
            let decimals = format!("{part:0width$}");
            write!(f, ".{}", decimals.trim_end_matches('0'))?;
        }
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_length_is_shown_as_go_shows_it() {
        for (text, shown) in [
            ("0s", "0s"),
            ("5s", "5s"),
            ("90s", "1m30s"),
            ("1m", "1m0s"),
            ("1h", "1h0m0s"),
            ("1d", "24h0m0s"),
            ("1.5s", "1.5s"),
            ("1500ms", "1.5s"),
            ("20ms", "20ms"),
            ("1us", "1µs"),
            ("1h0.25s", "1h0m0.25s"),
        ] {
            let span: TimeSpan = text.parse().expect(text);
            assert_eq!(span.to_string(), shown, "{text}");
        }
        for text in ["", "5", "s", "1x", "1.s.", "-1s", "1 s", "99999999999h"] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_length_comes_back_from_its_text(nanoseconds: u64) {
            let span = TimeSpan(Duration::from_nanos(nanoseconds));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
