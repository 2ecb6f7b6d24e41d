//! What an engine can tell of itself and of the machine it runs on.

use std::path::PathBuf;

use super::Finding;

/// What an engine can tell of itself and of the machine it runs on; what it means is for others
/// to say.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// What only this engine has, and what is to be said of it.
    pub findings: Vec<Finding>,
    /// The ports that it knows to be held.
    pub ports: Vec<HeldPort>,
    /// Whether the stack can be reached from other machines, whatever the settings say.
    pub is_exposed: bool,
    /// Whether its ports are another machine's, so that whether they are free cannot be seen here.
    pub is_remote: bool,
    /// Where it keeps data, as far as that is on this machine.
    pub rooms: Vec<Room>,
    /// The memory of its machine.
    pub memory: Option<MemoryRoom>,
    /// The clock of its machine, where that may be another than this one's.
    pub clock: Option<ClockReading>,
    /// Whether it refuses trace ids of 64 digits, which the automagik SDKs send over OTLP.
    pub refuses_long_trace_ids: bool,
}

/// A port that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPort {
    /// The port.
    pub port: u16,
    /// By whom.
    pub holder: Holder,
}

/// Who holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The stack itself.
    ThisStack,
    /// Somebody else.
    Other {
        /// Who: a container, and its project.
        who: String,
        /// What frees the port, if that is known.
        fix: Option<String>,
    },
}

/// A directory that data is kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The directory, which may not be there yet.
    pub directory: PathBuf,
    /// What is kept in it.
    pub holds: &'static str,
}

/// The memory of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRoom {
    /// Whose it is, as `this machine`.
    pub of: &'static str,
    /// What there is for the stack, in bytes, with what it has already.
    pub available: u64,
    /// The least that the stack gets anywhere with, in bytes.
    pub least: u64,
    /// What the stack may take, as its limits say, in bytes.
    pub most: u64,
    /// The settings that limit it.
    pub limits: &'static str,
}

/// What a clock showed, against this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// By how many milliseconds it is ahead; negative if it is behind.
    pub ahead_ms: i64,
    /// How many milliseconds that may be off, as an answer takes its time.
    pub give_or_take_ms: i64,
}

impl Examination {
    /// Who holds a port, if the engine knows.
    pub fn holder(&self, port: u16) -> Option<&Holder> {
        let held = self.ports.iter().find(|held| held.port == port);
        held.map(|held| &held.holder)
    }
}

impl ClockReading {
    /// A clock that showed `shown` between two looks at this machine's; all in milliseconds since
    /// 1970.
    pub fn between(before: i64, shown: i64, after: i64) -> Self {
        let half = after.saturating_sub(before).max(0) / 2;
        Self {
            ahead_ms: shown.saturating_sub(before.saturating_add(half)),
            give_or_take_ms: half,
        }
    }

    /// By how many milliseconds it differs at least.
    pub fn certain_ms(self) -> i64 {
        (self.ahead_ms.saturating_abs() - self.give_or_take_ms).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_makes_a_difference_of_clocks_uncertain() {
        let quick = ClockReading::between(1_000, 6_010, 1_020);
        assert_eq!((quick.ahead_ms, quick.certain_ms()), (5_000, 4_990));
        let slow = ClockReading::between(1_000, 2_500, 5_000);
        assert_eq!((slow.ahead_ms, slow.certain_ms()), (-500, 0));
        let behind = ClockReading::between(10_000, 1_000, 10_000);
        assert_eq!((behind.ahead_ms, behind.certain_ms()), (-9_000, 9_000));
    }
}
