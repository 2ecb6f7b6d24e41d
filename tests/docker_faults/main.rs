//! The real binary against a Docker engine that fails as it is told to.

#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod engine;
mod faults;
mod interruptions;
mod pulls;
mod stack;
