//! Amounts of memory as Compose has them.

use std::{fmt, str::FromStr};

/// An amount in bytes, written as `512m`, `1GiB`, `1.5 GB` or a number. Every unit is binary, with
/// or without its `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The amount in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected an amount such as `512MiB`";
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
        let unit = unit.strip_suffix('b').unwrap_or(&unit);
        let power = match unit.strip_suffix('i').unwrap_or(unit) {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            "t" => 40,
            "p" => 50,
            _ => return Err(EXPECTED),
        };
        if let Ok(whole) = number.parse::<u64>() {
            let bytes = whole.checked_mul(1 << power);
            return bytes.map(Self).ok_or("more than can be counted");
        }
        let number: f64 = number.parse().map_err(|_| EXPECTED)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a part of a byte is dropped, and no sign was taken"
        )]
        let bytes = (number * (1_u64 << power) as f64) as u64;
        Ok(Self(bytes))
    }
}

impl fmt::Display for ByteSize {
    /// The number of bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_those_of_docker() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("64b", 64),
            ("1k", 1 << 10),
            ("1KB", 1 << 10),
            ("512m", 512 << 20),
            ("1GiB", 1 << 30),
            ("1gib", 1 << 30),
            ("1.5 GB", 3 << 29),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "m", "-1", "1x", "1..5", "99999999999P", "1  m"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_comes_back_from_its_text(bytes: u64) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
    }
}
