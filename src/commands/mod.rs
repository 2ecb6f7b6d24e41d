//! One file per subcommand: a function from a context and arguments to an output value.
pub mod serve;
pub mod supervise;
