//! Numbers as people read them.

use std::fmt::Display;

use indicatif::{BinaryBytes, HumanCount};

/// A number of things, such as `1,234,567`.
pub fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A number of things and what they are, such as `1 row` or `1,234 rows`.
pub fn counted(number: u64, thing: impl Display) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

/// A size, such as `1.50 MiB`.
pub fn bytes(number: u64) -> String {
    BinaryBytes(number).to_string()
}

/// A time span, to three digits or so: `850 ns`, `12.3 ms`, `4.56 s`, `2m 5s`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn time_span(nanoseconds: u64) -> String {
    let scaled = |unit: u64, name| {
        let number = nanoseconds as f64 / unit as f64;
        let digits = match number {
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        format!("{number:.digits$} {name}")
    };
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => scaled(1_000, "µs"),
        1_000_000..1_000_000_000 => scaled(1_000_000, "ms"),
        1_000_000_000..60_000_000_000 => scaled(1_000_000_000, "s"),
        _ => {
            let seconds = nanoseconds / 1_000_000_000;
            format!("{}m {}s", seconds / 60, seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_have_three_digits() {
        for (nanoseconds, expected) in [
            (0, "0 ns"),
            (1_500, "1.50 µs"),
            (12_340_000, "12.3 ms"),
            (456_000_000, "456 ms"),
            (4_560_000_000, "4.56 s"),
            (125_000_000_000, "2m 5s"),
        ] {
            assert_eq!(time_span(nanoseconds), expected);
        }
    }

    #[test]
    fn one_thing_is_not_several() {
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(1_234, "row"), "1,234 rows");
    }
}
