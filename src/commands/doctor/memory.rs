//! Room in memory.

use crate::{
    output::figures::bytes,
    stack::{Finding, Level, MemoryRoom, Topic},
};

pub(super) fn finding(memory: MemoryRoom) -> Finding {
    let MemoryRoom {
        of,
        available,
        least,
        most,
        limits,
    } = memory;
    let (level, needs) = if available < least {
        (
            Level::Problem,
            format!("it needs {} at least", bytes(least)),
        )
    } else if available < most {
        (Level::Note, format!("it may take {}", bytes(most)))
    } else {
        (Level::Ok, format!("it may take {}", bytes(most)))
    };
    let found = format!("{} for the stack, and {needs}", bytes(available));
    let finding = Finding::ok(Topic::Memory, of, found).at(level);
    match level {
        Level::Ok => finding,
        Level::Note => finding.mended_by(format!("end something else, or lower {limits}")),
        Level::Problem => finding.mended_by("end something else, or give the machine more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_limits_allow_is_worth_a_note_and_what_it_needs_a_problem() {
        let level = |available| {
            let memory = MemoryRoom {
                of: "this machine",
                available,
                least: 400,
                most: 1000,
                limits: "`TELEMETRY_MEMORY_LIMIT`",
            };
            finding(memory).level
        };
        assert_eq!(level(1000), Level::Ok);
        assert_eq!(level(999), Level::Note);
        assert_eq!(level(399), Level::Problem);
    }
}
