//! What tests of the real binary share.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod sandbox;
