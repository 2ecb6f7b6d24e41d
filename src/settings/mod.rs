//! Settings: their names, their values, and where each value came from.
