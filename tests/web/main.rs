//! The page that draws the dashboards on the embedded engine: what is served and to whom, and what
//! a real browser makes of it.

mod browser;
#[allow(dead_code, reason = "here the page asks")]
#[path = "../dashboards/engine.rs"]
mod engine;
mod serving;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;

/// Where the page's own tests are.
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/web");

#[test]
fn the_modules_of_the_page_do_what_they_say() {
    let units = std::fs::read_dir(format!("{TESTS}/units")).expect("they are there");
    let units = units.map(|entry| entry.expect("it can be read").path());
    let output = Command::new("node").arg("--test").args(units).output();
    let output = output.expect("Node is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
