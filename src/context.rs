//! What a command may use.

mod sources;

use std::sync::Arc;

use crate::{
    cli::StackCommand,
    clickhouse::Client,
    error::{Error, Result},
    output::Printer,
    settings::{EngineChoice, Origin, Settings, misspelt},
    stack::{DockerEngine, EmbeddedEngine, Endpoint, Endpoints, Engine, EngineKind, Record},
};

pub(crate) use sources::text_variables;
use sources::{Obstacle, Sources};

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
        warn_of_misspelt_settings(sources.variables(), printer);
        if let Some(error) = unreadable {
            return Err(error.into());
        }
        let understood = sources.understand(command.settings_use());
        let (settings, record) = understood.map_err(Obstacle::into_error)?;
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
        let (sources, unreadable) = Sources::of_this_process(project, Vec::new());
        let ((settings, record), left_out) = sources.understand_in_spite()?;
        let context = Self {
            settings,
            printer: Arc::clone(printer),
            record,
        };
        let unreadable = unreadable.into_iter().map(Error::from);
        Ok((context, unreadable.chain(left_out).collect()))
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

/// A misspelt setting would be ignored in silence.
fn warn_of_misspelt_settings(variables: &[(String, String)], printer: &Printer) {
    for (name, meant) in variables.iter().filter_map(|(name, _)| misspelt(name)) {
        printer.warn(match meant {
            Some(meant) => format!("`{name}` is not a setting; did you mean `{meant}`?"),
            None => format!("`{name}` is not a setting; `telemetry config` shows all"),
        });
    }
}
