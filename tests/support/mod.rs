//! What tests of the real binary share.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::print_stderr, reason = "what a failed test has to say")]

pub mod clients;
pub mod collector;
pub mod docker;
pub mod otlp;
pub mod sandbox;
pub mod spans;
pub mod stack;
pub mod yaml;

/// Waits until `condition` holds.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
