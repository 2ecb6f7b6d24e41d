//! What a command may use.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    cli::{SettingsUse, StackCommand},
    clickhouse::Client,
    error::{Code, Failure, Result},
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
        let variables: Vec<_> = text_variables().collect();
        warn_of_misspelt_settings(&variables, printer);
        let places = Places::of_this_process();
        let (path, dotenv) = read_dotenv(&places.current_dir)?;
        let project = project.map(|name| (Variable::Project, name.to_owned()));
        let flags: Vec<_> = project.into_iter().chain(command.flags()).collect();
        let resolve = |layers: Layers| {
            let layers = layers.environment(variables.clone()).flags(flags.clone());
            Settings::resolve(layers, &places)
        };

        let defaults = Layers::defaults();
        let settings = resolve(defaults.clone().dotenv(path.clone(), &dotenv)?)?;
        let record = read_record(&settings)?;
        let settings = match (&record, command.settings_use()) {
            (None, _) | (_, SettingsUse::Make) => settings,
            (Some(record), SettingsUse::Remake) => {
                resolve(defaults.recorded(&record.settings).dotenv(path, &dotenv)?)?
            }
            (Some(record), SettingsUse::Find) => {
                resolve(defaults.dotenv(path, &dotenv)?.recorded(&record.settings))?
            }
        };
        Ok(Self {
            settings,
            printer: Arc::clone(printer),
            record,
        })
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
        let project = self.settings.project();
        match self.engine_kind() {
            EngineKind::Embedded => Box::new(EmbeddedEngine::new(&project)),
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

/// The environment, without what is not text: no setting's name or value is.
fn text_variables() -> impl Iterator<Item = (String, String)> {
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

/// The path and the text of the `.env` file in a directory; no file is as good as an empty one.
fn read_dotenv(directory: &Path) -> Result<(PathBuf, String), SettingsError> {
    let path = directory.join(".env");
    match fs::read(&path) {
        Ok(bytes) => Ok((path, String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((path, String::new())),
        Err(error) => Err(SettingsError::Unreadable(path, error)),
    }
}

fn read_record(settings: &Settings) -> Result<Option<Record>, RecordUnreadable> {
    let path = settings.project().record_path();
    Record::read(&path).map_err(|error| RecordUnreadable(path, error))
}
