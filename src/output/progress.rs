//! Progress of work that takes a while.

use std::{borrow::Cow, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Items,
}

/// One piece of work that takes a while. What shows it goes away with this value.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn on_terminal(
        bars: &MultiProgress,
        message: &str,
        total: Option<u64>,
        unit: Unit,
    ) -> Self {
        let bar = bars.add(match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        });
        bar.set_style(style(total, unit));
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    pub(super) fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
        }
    }

    /// Counts `amount` more.
    pub fn advance(&self, amount: u64) {
        self.bar.inc(amount);
    }

    /// Says how much is done.
    pub fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Says how much there is to do, once that is known.
    pub fn set_total(&self, total: u64, unit: Unit) {
        self.bar.set_length(total);
        self.bar.set_style(style(Some(total), unit));
    }

    /// Says what is being done now.
    pub fn message(&self, message: impl Into<Cow<'static, str>>) {
        self.bar.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(total: Option<u64>, unit: Unit) -> ProgressStyle {
    let template = match (total, unit) {
        (None, _) => "{spinner} {msg}",
        (Some(_), Unit::Bytes) => "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {eta}",
        (Some(_), Unit::Items) => "{msg} {wide_bar} {human_pos}/{human_len} {eta}",
    };
    ProgressStyle::with_template(template).expect("the templates are well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed() {
        for total in [None, Some(1)] {
            for unit in [Unit::Bytes, Unit::Items] {
                style(total, unit);
            }
        }
    }
}
