//! `telemetry engine`: the library that the embedded engine is.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    cli::{EngineArgs, EngineCommand},
    context::Context,
    embedded::{
        Directory,
        library::{self, Found, LibraryError, Removal, Source},
        supervisor::{self, Observed},
    },
    error::Result,
    output::{Output, Screen},
};

/// A library that is there.
#[derive(Serialize)]
struct Installed {
    path: PathBuf,
    /// The pinned version; `null` for the one that the setting names, which may be another.
    version: Option<&'static str>,
    source: Source,
    bytes: u64,
}

/// Where the library is.
#[derive(Serialize)]
struct Location {
    path: PathBuf,
}

/// Runs the command.
pub async fn run(context: &Context, args: &EngineArgs) -> Result<()> {
    let setting = context.settings.engine_library.as_ref();
    let setting = setting.map(|setting| setting.value.as_path());
    match args.command {
        EngineCommand::Install => install(context, setting).await,
        EngineCommand::Path => {
            let path = library::find(setting).await?.path;
            context.printer.print(&Location { path })
        }
        EngineCommand::Remove => remove(context).await,
    }
}

async fn install(context: &Context, setting: Option<&Path>) -> Result<()> {
    let Found {
        path,
        source,
        bytes,
    } = library::install(setting, &context.printer).await?;
    let version = (source != Source::Setting).then_some(library::VERSION);
    context.printer.print(&Installed {
        path,
        version,
        source,
        bytes,
    })
}

/// A running stack keeps its library even without the file, but could not recover from a crash.
async fn remove(context: &Context) -> Result<()> {
    let project = context.settings.project();
    let directory = Directory::new(project.root());
    let observed = supervisor::observe(&directory).map_err(|source| LibraryError::Io {
        path: project.root().to_owned(),
        source,
    })?;
    if observed != Observed::Absent && context.settings.engine_library.is_none() {
        return Err(LibraryError::InUse(project.name().to_owned()).into());
    }
    let removal = library::remove(&context.printer).await?;
    context.printer.print(&removal)
}

impl Output for Installed {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let size = indicatif::DecimalBytes(self.bytes);
        let path = self.path.display();
        match self.version {
            Some(version) => writeln!(screen, "Engine library {version} at {path} ({size})"),
            None => writeln!(screen, "Engine library at {path} ({size}), as set"),
        }
    }
}

impl Output for Location {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        writeln!(screen, "{}", self.path.display())
    }
}

impl Output for Removal {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        for directory in &self.removed {
            writeln!(screen, "Removed {}", directory.display())?;
        }
        if self.removed.is_empty() {
            return writeln!(screen, "No engine library was fetched; nothing to remove");
        }
        writeln!(screen, "Freed {}", indicatif::DecimalBytes(self.bytes))
    }
}
