//! What settings are taken from, and what of it cannot be understood.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    cli::SettingsUse,
    error::{Code, Error, Failure},
    settings::{Layers, Origin, Places, Settings, SettingsError, Variable},
    stack::Record,
};

/// What settings are taken from.
pub(super) struct Sources {
    variables: Vec<(String, String)>,
    places: Places,
    dotenv_path: PathBuf,
    dotenv: String,
    flags: Vec<(Variable, String)>,
    with_record: bool,
}

/// What the sources say: the settings, and what the stack was started with, if it ever was.
pub(super) type Understood = (Settings, Option<Record>);

/// Something that says settings, and cannot be understood.
#[derive(Debug)]
pub(super) enum Obstacle {
    Settings(SettingsError),
    Record(RecordUnreadable),
}

/// The record of what a stack was started with is damaged.
#[derive(Debug, thiserror::Error)]
#[error("cannot read what the stack was started with, `{}`", .0.display())]
pub(super) struct RecordUnreadable(PathBuf, #[source] io::Error);

impl Failure for RecordUnreadable {
    fn code(&self) -> Code {
        Code::Io
    }

    fn hint(&self) -> Option<String> {
        Some("remove the file; `telemetry restart` writes it anew".to_owned())
    }
}

impl Sources {
    /// Those of this process; and why `.env` is not one of them, if it cannot be read. `project`
    /// is what a flag says of the stack, `flags` is what others say.
    pub(super) fn of_this_process(
        project: Option<&str>,
        flags: Vec<(Variable, String)>,
    ) -> (Self, Option<SettingsError>) {
        let places = Places::of_this_process();
        let dotenv_path = places.current_dir.join(".env");
        let (dotenv, unreadable) = match read_dotenv(&dotenv_path) {
            Ok(text) => (text, None),
            Err(error) => (String::new(), Some(error)),
        };
        let project = project.map(|name| (Variable::Project, name.to_owned()));
        let sources = Self {
            variables: text_variables().collect(),
            places,
            dotenv_path,
            dotenv,
            flags: project.into_iter().chain(flags).collect(),
            with_record: true,
        };
        (sources, unreadable)
    }

    /// The environment.
    pub(super) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// What they say, as a command that leaves out what it must understands it; with all that was
    /// left out.
    pub(super) fn understand_in_spite(mut self) -> Result<(Understood, Vec<Error>), Error> {
        let mut left_out = Vec::new();
        loop {
            match self.understand(SettingsUse::Find) {
                Ok(understood) => return Ok((understood, left_out)),
                Err(obstacle) => {
                    let has_left_out = self.leave_out(&obstacle);
                    let error = obstacle.into_error();
                    if !has_left_out {
                        return Err(error);
                    }
                    left_out.push(error);
                }
            }
        }
    }

    /// What they say.
    pub(super) fn understand(&self, wanted: SettingsUse) -> Result<Understood, Obstacle> {
        let resolve = |layers: Layers| {
            let layers = layers
                .environment(self.variables.clone())
                .flags(self.flags.clone());
            Settings::resolve(layers, &self.places)
        };
        let dotenv = |layers: Layers| layers.dotenv(self.dotenv_path.clone(), &self.dotenv);
        let defaults = Layers::defaults();
        let settings = resolve(dotenv(defaults.clone())?)?;
        let record = if self.with_record {
            read_record(&settings).map_err(Obstacle::Record)?
        } else {
            None
        };
        let settings = match (&record, wanted) {
            (None, _) | (_, SettingsUse::Make) => settings,
            (Some(record), SettingsUse::Remake) => {
                resolve(dotenv(defaults.recorded(&record.settings))?)?
            }
            (Some(record), SettingsUse::Find) => {
                resolve(dotenv(defaults)?.recorded(&record.settings))?
            }
        };
        Ok((settings, record))
    }

    /// Leaves out what an obstacle is about: a line, a variable, or the record; says whether there
    /// was something to leave out.
    fn leave_out(&mut self, obstacle: &Obstacle) -> bool {
        match obstacle {
            Obstacle::Record(_)
            | Obstacle::Settings(SettingsError::InvalidValue {
                origin: Origin::Recorded,
                ..
            }) => std::mem::take(&mut self.with_record),
            Obstacle::Settings(
                SettingsError::MalformedLine { line, .. }
                | SettingsError::InvalidValue {
                    origin: Origin::DotEnv { line, .. },
                    ..
                },
            ) => self.leave_out_line(*line),
            Obstacle::Settings(SettingsError::InvalidValue {
                variable,
                origin: Origin::Environment,
                ..
            }) => {
                let before = self.variables.len();
                self.variables.retain(|(name, _)| name != variable.name());
                self.variables.len() < before
            }
            Obstacle::Settings(_) => false,
        }
    }

    /// Empties a line of `.env`, counted from 1; the others keep their numbers.
    fn leave_out_line(&mut self, line: usize) -> bool {
        let mut lines: Vec<_> = self.dotenv.lines().collect();
        let Some(text) = lines.get_mut(line - 1).filter(|text| !text.is_empty()) else {
            return false;
        };
        *text = "";
        self.dotenv = lines.join("\n");
        true
    }
}

impl Obstacle {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Settings(error) => error.into(),
            Self::Record(error) => error.into(),
        }
    }
}

impl From<SettingsError> for Obstacle {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

/// The environment, without what is not text: no setting's name or value is.
pub(crate) fn text_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The text of a `.env` file; no file is as good as an empty one.
fn read_dotenv(path: &Path) -> Result<String, SettingsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(SettingsError::Unreadable(path.to_owned(), error)),
    }
}

fn read_record(settings: &Settings) -> Result<Option<Record>, RecordUnreadable> {
    let path = settings.project().record_path();
    Record::read(&path).map_err(|error| RecordUnreadable(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(dotenv: &str, variables: &[(&str, &str)]) -> Sources {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Sources {
            variables: variables.iter().map(owned).collect(),
            places: Places {
                current_dir: "/nowhere".into(),
                data_dir: Some("/nowhere/data".into()),
            },
            dotenv_path: ".env".into(),
            dotenv: dotenv.to_owned(),
            flags: Vec::new(),
            with_record: true,
        }
    }

    #[test]
    fn what_cannot_be_understood_is_left_out_and_nothing_else() {
        let dotenv = "TELEMETRY_HEALTH_PORT=high\nENVIRONMENT=ci\nTELEMETRY_HOST='open\n";
        let variables = [
            ("TELEMETRY_RETENTION_DAYS", "x"),
            ("TELEMETRY_CPU_LIMIT", "2"),
        ];
        let sources = sources(dotenv, &variables);
        let ((settings, record), left_out) = sources.understand_in_spite().unwrap();
        assert_eq!(settings.environment.value, "ci");
        assert_eq!(settings.cpu_limit.value, "2");
        assert_eq!(settings.health_port.value, 13133);
        assert_eq!(record, None);
        let mut left_out: Vec<_> = left_out.iter().map(ToString::to_string).collect();
        left_out.sort();
        assert_eq!(left_out.len(), 3, "{left_out:?}");
        assert!(left_out[0].starts_with(".env:1: `TELEMETRY_HEALTH_PORT`"));
        assert!(left_out[1].starts_with(".env:3: the quote"));
        assert!(left_out[2].starts_with("`TELEMETRY_RETENTION_DAYS` in the environment"));
    }

    #[test]
    fn what_nothing_says_cannot_be_left_out() {
        let sources = Sources {
            flags: vec![(Variable::Project, "no/name".to_owned())],
            ..sources("", &[])
        };
        assert!(sources.understand_in_spite().is_err());
    }
}
