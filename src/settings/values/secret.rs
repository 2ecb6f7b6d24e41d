//! Text that must not be shown.

use std::{fmt, str::FromStr};

/// What stands for a secret wherever settings are shown.
pub(in crate::settings) const MASK: &str = "••••••";

/// A password. No formatter shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // They cannot be sent in an HTTP header.
        if text.contains(char::is_control) {
            return Err("expected no control characters");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
