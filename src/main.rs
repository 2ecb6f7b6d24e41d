//! Parses, runs, and maps an error to its exit status.

fn main() {}
