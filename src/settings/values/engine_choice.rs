//! What shall run the stack.

use std::str::FromStr;

/// What shall run the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineChoice {
    /// The running stack's engine, else the best there is
    #[default]
    Auto,
    /// Containers, through Docker or what speaks its API
    Docker,
    /// A process on this machine, without Docker
    Embedded,
}

impl EngineChoice {
    /// The name, as flags and variables have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Docker => "docker",
            Self::Embedded => "embedded",
        }
    }
}

impl FromStr for EngineChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "docker" => Ok(Self::Docker),
            "embedded" => Ok(Self::Embedded),
            _ => Err("expected `auto`, `docker` or `embedded`"),
        }
    }
}
