//! What is shown of a backup or a restore while it goes on.

use std::cell::RefCell;

use crate::{
    clickhouse::backup::{Step, Steps},
    output::{Printer, Progress, Unit},
};

/// A bar for each step.
pub(in crate::commands) struct Bars<'p> {
    printer: &'p Printer,
    verb: &'static str,
    current: RefCell<Option<(Progress, Unit)>>,
}

impl<'p> Bars<'p> {
    /// Bars of what is done to the tables, such as "Backing up".
    pub(in crate::commands) const fn new(printer: &'p Printer, verb: &'static str) -> Self {
        Self {
            printer,
            verb,
            current: RefCell::new(None),
        }
    }
}

impl Steps for Bars<'_> {
    fn begin(&self, step: Step) {
        // The last goes away before the next appears.
        self.current.take();
        let (message, unit) = match step {
            Step::Check => ("Checking the archive".to_owned(), Unit::Bytes),
            Step::Table(table) => (format!("{} {table}", self.verb), Unit::Items),
        };
        let bar = self.printer.progress(&message, None, unit);
        self.current.replace(Some((bar, unit)));
    }

    fn total(&self, total: u64) {
        if let Some((bar, unit)) = &*self.current.borrow() {
            bar.set_total(total, *unit);
        }
    }

    fn done(&self, amount: u64) {
        if let Some((bar, _)) = &*self.current.borrow() {
            bar.set(amount);
        }
    }
}
