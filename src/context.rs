//! What a command may use.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    cli::{SettingsUse, StackCommand},
    clickhouse::Client,
    error::{Code, Error, Failure, Result},
    output::Printer,
    settings::{EngineChoice, Layers, Origin, Places, Settings, SettingsError, Variable, misspelt},
    stack::{DockerEngine, EmbeddedEngine, Endpoint, Endpoints, Engine, EngineKind, Record},
};

/// What a command may use.
#[derive(Debug)]
pub struct Context {
    /// Every setting.
    pub settings: Settings,
    /// The way to stdout and stderr.
    pub printer: Arc<Printer>,
    /// What the last `start` used, if the stack was ever started.
    pub record: Option<Record>,
}

/// The record of what a stack was started with is damaged.
#[derive(Debug, thiserror::Error)]
#[error("cannot read what the stack was started with, `{}`", .0.display())]
struct RecordUnreadable(PathBuf, #[source] io::Error);

impl Failure for RecordUnreadable {
    fn code(&self) -> Code {
        Code::Io
    }

    fn hint(&self) -> Option<String> {
        Some("remove the file; `telemetry restart` writes it anew".to_owned())
    }
}

/// What settings are taken from.
struct Sources {
    variables: Vec<(String, String)>,
    places: Places,
    dotenv_path: PathBuf,
    dotenv: String,
    flags: Vec<(Variable, String)>,
}

/// Something that says settings, and cannot be understood.
#[derive(Debug)]
enum Obstacle {
    Settings(SettingsError),
    Record(RecordUnreadable),
}

impl Context {
    /// Gathers the settings for a command on a stack, from the surroundings of this process.
    /// `project` is what a flag says of the stack.
    ///
    /// # Errors
    ///
    /// When a setting has a value it cannot have.
    pub fn gather(
        project: Option<&str>,
        command: &StackCommand,
        printer: &Arc<Printer>,
    ) -> Result<Self> {
        let (sources, unreadable) = Sources::of_this_process(project, command.flags());
        warn_of_misspelt_settings(&sources.variables, printer);
        if let Some(error) = unreadable {
            return Err(error.into());
        }
        let gathered = sources.understand(command.settings_use(), true);
        let (settings, record) = gathered.map_err(Obstacle::into_error)?;
        Ok(Self {
            settings,
            printer: Arc::clone(printer),
            record,
        })
    }

    /// The same for a command that is to say what is wrong, and finds a stack as it was made: what
    /// cannot be understood is left out, and told beside.
    ///
    /// # Errors
    ///
    /// When a flag cannot be understood, or nothing is left to leave out.
    pub fn gather_in_spite(
        project: Option<&str>,
        printer: &Arc<Printer>,
    ) -> Result<(Self, Vec<Error>)> {
        let (mut sources, unreadable) = Sources::of_this_process(project, Vec::new());
        let mut left_out: Vec<Error> = unreadable.into_iter().map(Error::from).collect();
        let mut with_record = true;
        loop {
            let obstacle = match sources.understand(SettingsUse::Find, with_record) {
                Ok((settings, record)) => {
                    let context = Self {
                        settings,
                        printer: Arc::clone(printer),
                        record,
                    };
                    return Ok((context, left_out));
                }
                Err(obstacle) => obstacle,
            };
            let has_left_out = match &obstacle {
                Obstacle::Record(_) => std::mem::take(&mut with_record),
                Obstacle::Settings(error) if error.is_recorded() => {
                    std::mem::take(&mut with_record)
                }
                Obstacle::Settings(error) => sources.leave_out(error),
            };
            if !has_left_out {
                return Err(obstacle.into_error());
            }
            left_out.push(obstacle.into_error());
        }
    }

    /// What the stack runs on; what it would run on, if it was never started.
    pub fn engine_kind(&self) -> EngineKind {
        match (&self.record, self.settings.engine.value) {
            (Some(record), _) => record.engine,
            (None, EngineChoice::Docker) => EngineKind::Docker,
            (None, EngineChoice::Auto | EngineChoice::Embedded) => EngineKind::Embedded,
        }
    }

    /// The engine that the stack runs on, to look after what runs.
    pub fn engine(&self) -> Box<dyn Engine> {
        self.engine_of(self.engine_kind())
    }

    /// An engine that the stack may run on, to look after what runs.
    pub fn engine_of(&self, kind: EngineKind) -> Box<dyn Engine> {
        let project = self.settings.project();
        match kind {
            EngineKind::Embedded => {
                let library = self.settings.engine_library.as_ref();
                let library = library.map(|setting| setting.value.clone());
                Box::new(EmbeddedEngine::new(&project).with_library_setting(library))
            }
            EngineKind::Docker => Box::new(DockerEngine::new(&project, &self.printer)),
        }
    }

    /// Where the stack is reached.
    pub fn endpoints(&self) -> Endpoints {
        let kind = self.engine_kind();
        let endpoints = self.settings.endpoints();
        endpoints.only(|endpoint| kind.offers(endpoint))
    }

    /// A command to try next, as it is typed for this stack.
    pub fn command(&self, command: &str) -> String {
        let project = &self.settings.project;
        match project.origin {
            Origin::Flag => format!("telemetry --project {} {command}", project.value.as_str()),
            _ => format!("telemetry {command}"),
        }
    }

    /// A client of what the stack offers over HTTP.
    pub fn http() -> reqwest::Client {
        // What is on this machine is never behind a proxy.
        reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("without TLS, nothing has to be loaded")
    }

    /// A client of the stack's ClickHouse, as the user with all rights.
    pub fn clickhouse(&self) -> Client {
        Client::new(
            Self::http(),
            self.settings.endpoints().url(Endpoint::ClickhouseHttp),
            &self.settings.clickhouse_user.value,
            self.settings.clickhouse_password.value.expose(),
        )
    }
}

impl Sources {
    /// Those of this process; and why `.env` is not one of them, if it cannot be read.
    fn of_this_process(
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
        };
        (sources, unreadable)
    }

    /// What they say, with what the stack was started with.
    fn understand(
        &self,
        wanted: SettingsUse,
        with_record: bool,
    ) -> Result<(Settings, Option<Record>), Obstacle> {
        let resolve = |layers: Layers| {
            let layers = layers
                .environment(self.variables.clone())
                .flags(self.flags.clone());
            Settings::resolve(layers, &self.places)
        };
        let dotenv = |layers: Layers| layers.dotenv(self.dotenv_path.clone(), &self.dotenv);
        let defaults = Layers::defaults();
        let settings = resolve(dotenv(defaults.clone())?)?;
        let record = if with_record {
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

    /// Leaves out the line or the variable that an error is about; says whether it could.
    fn leave_out(&mut self, error: &SettingsError) -> bool {
        match error {
            SettingsError::MalformedLine { line, .. }
            | SettingsError::InvalidValue {
                origin: Origin::DotEnv { line, .. },
                ..
            } => {
                let lines = self.dotenv.lines().enumerate();
                let kept: Vec<_> = lines
                    .map(|(index, text)| if index + 1 == *line { "" } else { text })
                    .collect();
                let kept = kept.join("\n");
                let has_changed = kept.trim_end() != self.dotenv.trim_end();
                self.dotenv = kept;
                has_changed
            }
            SettingsError::InvalidValue {
                variable,
                origin: Origin::Environment,
                ..
            } => {
                let before = self.variables.len();
                self.variables.retain(|(name, _)| name != variable.name());
                self.variables.len() < before
            }
            _ => false,
        }
    }
}

impl Obstacle {
    fn into_error(self) -> Error {
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

/// A misspelt setting would be ignored in silence.
fn warn_of_misspelt_settings(variables: &[(String, String)], printer: &Printer) {
    for (name, meant) in variables.iter().filter_map(|(name, _)| misspelt(name)) {
        printer.warn(match meant {
            Some(meant) => format!("`{name}` is not a setting; did you mean `{meant}`?"),
            None => format!("`{name}` is not a setting; `telemetry config` shows all"),
        });
    }
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
