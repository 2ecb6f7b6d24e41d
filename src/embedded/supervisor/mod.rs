//! The background process: start, watch, restart, stop.
