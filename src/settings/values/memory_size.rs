//! Amounts of memory.

use std::str::FromStr;

/// An amount of memory, written as `600MiB`, `2GB` or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemorySize(u64);

/// Longer suffixes first, as `b` ends them all; `m` and `g` are binary, as in Docker.
const UNITS: [(&str, u64); 8] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("m", 1 << 20),
    ("g", 1 << 30),
];

/// With less, the engine cannot merge what it has stored.
const MINIMUM: u64 = 256 << 20;

impl MemorySize {
    /// The amount in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for MemorySize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.trim().to_ascii_lowercase();
        let (digits, unit) = UNITS
            .into_iter()
            .find_map(|(suffix, unit)| Some((lower.strip_suffix(suffix)?, unit)))
            .unwrap_or((&lower, 1));
        let bytes = digits
            .trim_end()
            .parse::<u64>()
            .ok()
            .and_then(|amount| amount.checked_mul(unit))
            .ok_or("expected an amount such as `600MiB` or `2GB`")?;
        if bytes < MINIMUM {
            return Err("expected at least `256MiB`");
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_and_decimal_units_are_understood() {
        for (text, bytes) in [
            ("600MiB", 600 << 20),
            ("2 GB", 2_000_000_000),
            ("1g", 1 << 30),
            ("1073741824", 1 << 30),
        ] {
            assert_eq!(text.parse().map(MemorySize::bytes), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn nonsense_and_too_little_are_refused() {
        for text in ["", "lots", "-1GB", "99999999999GiB", "10MiB", "0"] {
            assert!(text.parse::<MemorySize>().is_err(), "{text}");
        }
    }
}
