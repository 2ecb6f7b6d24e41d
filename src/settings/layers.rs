//! Settings as text: what says them, and which of two that say the same counts.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{SettingsError, Variable, dotenv, values::MASK};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing set it.
    Default,
    /// A line of a `.env` file.
    DotEnv {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// What the stack was started with.
    Recorded,
    /// An environment variable.
    Environment,
    /// A flag of this command.
    Flag,
}

impl Origin {
    /// The kind of place, for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::DotEnv { .. } => "dotenv",
            Self::Recorded => "recorded",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::DotEnv { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Recorded => f.write_str("recorded at start"),
            Self::Environment => f.write_str("environment"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A value as it was written, and where.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw {
    /// The text.
    pub text: String,
    /// Where it was.
    pub origin: Origin,
}

/// The settings that `start` writes down: values by variable name, secrets included.
pub type Recorded = BTreeMap<String, String>;

/// Settings as text: for each, the value of the strongest layer that has one.
///
/// Each method lays one more layer on top. An empty value is none, as in `${VAR:-default}`.
#[derive(Clone, Default)]
pub struct Layers(BTreeMap<Variable, Raw>);

impl fmt::Debug for Layers {
    /// Names and origins only: some of the values are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.iter().map(|(variable, raw)| (variable, &raw.origin));
        f.debug_map().entries(origins).finish()
    }
}

impl Layers {
    /// The values where nothing sets them.
    pub fn defaults() -> Self {
        let values = Variable::ALL
            .into_iter()
            .filter_map(|variable| Some((variable, variable.default_value()?.to_owned())));
        Self::default().over(values, &Origin::Default)
    }

    /// What a `.env` file says: its path and its text.
    ///
    /// # Errors
    ///
    /// When one of our names in it has a malformed value. Other names are none of our business.
    pub fn dotenv(mut self, path: PathBuf, text: &str) -> Result<Self, SettingsError> {
        for assignment in dotenv::parse(text) {
            let line = assignment.line;
            let text = match assignment.value {
                Ok(text) => text,
                Err(problem) => {
                    return Err(SettingsError::MalformedLine {
                        path,
                        line,
                        problem,
                    });
                }
            };
            let origin = Origin::DotEnv {
                path: path.clone(),
                line,
            };
            self = self.over([(assignment.variable, text)], &origin);
        }
        Ok(self)
    }

    /// What the stack was started with.
    #[must_use]
    pub fn recorded(self, recorded: &Recorded) -> Self {
        let known = recorded
            .iter()
            .filter_map(|(name, text)| Some((Variable::from_name(name)?, text.clone())));
        self.over(known, &Origin::Recorded)
    }

    /// What environment variables say.
    #[must_use]
    pub fn environment(self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let known = variables
            .into_iter()
            .filter_map(|(name, text)| Some((Variable::from_name(&name)?, text)));
        self.over(known, &Origin::Environment)
    }

    /// What flags say.
    #[must_use]
    pub fn flags(self, flags: impl IntoIterator<Item = (Variable, String)>) -> Self {
        self.over(flags, &Origin::Flag)
    }

    /// Each value as it was written, in the order of [`Variable::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Variable, &Raw)> {
        self.0.iter().map(|(&variable, raw)| (variable, raw))
    }

    /// One value as it was written.
    pub fn get(&self, variable: Variable) -> Option<&Raw> {
        self.0.get(&variable)
    }

    /// What is wrong with a value that is there.
    pub(super) fn invalid(&self, variable: Variable, problem: &dyn fmt::Display) -> SettingsError {
        let Raw { text, origin } = self.0[&variable].clone();
        SettingsError::InvalidValue {
            variable,
            text: if variable.is_secret() {
                MASK.to_owned()
            } else {
                text
            },
            origin,
            problem: problem.to_string(),
        }
    }

    fn over(
        mut self,
        values: impl IntoIterator<Item = (Variable, String)>,
        origin: &Origin,
    ) -> Self {
        for (variable, text) in values {
            // An empty flag was typed; anything else that is empty is a variable left blank.
            if text.is_empty() && *origin != Origin::Flag {
                continue;
            }
            let origin = origin.clone();
            self.0.insert(variable, Raw { text, origin });
        }
        self
    }
}
