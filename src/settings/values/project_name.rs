//! Names of projects.

use std::str::FromStr;

/// A project's name, which is also that of its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(String);

/// As long as a DNS label, which names of containers and networks may have to be.
const MAX_LENGTH: usize = 63;

impl ProjectName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let well_formed = text.bytes().next().is_some_and(alphanumeric)
            && text
                .bytes()
                .all(|byte| alphanumeric(byte) || matches!(byte, b'_' | b'-'));
        if !well_formed || text.len() > MAX_LENGTH {
            return Err("expected a letter or digit, then up to 62 of `a-z`, `0-9`, `_` and `-`");
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_name_cannot_leave_the_data_directory() {
        for name in ["..", "a/b", "", "A", "-a", ".hidden", &"x".repeat(64)] {
            assert!(name.parse::<ProjectName>().is_err(), "{name}");
        }
        assert!("shop-2_b".parse::<ProjectName>().is_ok());
    }
}
