//! The archive of Grafana's plugin: it must be the one that Grafana would fetch, or Grafana fetches
//! that nevertheless, which fails where there is no network.

use std::path::PathBuf;

use serde::Deserialize;

use crate::compose::Project;
use crate::docker::Definition;
use crate::error::{Code, Failure};
use crate::stack::Service;

/// What Grafana fetches before it starts: `ID@VERSION`.
const PREINSTALLED: &str = "GF_PLUGINS_PREINSTALL_SYNC";

/// Why an archive is not the one that Grafana needs.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It has no such plugin.
    #[error("`{}` does not have the Grafana plugin `{id}`", .archive.display())]
    Absent {
        /// The archive.
        archive: PathBuf,
        /// The plugin's name.
        id: String,
        /// The version that is needed.
        needed: String,
    },
    /// It has another version of it.
    #[error("`{}` has version {found} of the Grafana plugin `{id}`", .archive.display())]
    OtherVersion {
        /// The archive.
        archive: PathBuf,
        /// The plugin's name.
        id: String,
        /// The version that it has.
        found: String,
        /// The version that is needed.
        needed: String,
    },
}

impl Failure for PluginError {
    fn code(&self) -> Code {
        Code::InvalidSetting
    }

    fn hint(&self) -> Option<String> {
        let (Self::Absent { id, needed, .. } | Self::OtherVersion { id, needed, .. }) = self;
        Some(format!(
            "`TELEMETRY_GRAFANA_PLUGIN` names the archive: `{id}-{needed}.linux_amd64.zip`, or that \
             for the processor of Docker's machine"
        ))
    }
}

/// What a plugin says of itself in `plugin.json`.
#[derive(Deserialize)]
struct Manifest {
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    version: String,
}

/// Checks the archive that Grafana's container gets, if it gets one.
///
/// # Errors
///
/// When that has another plugin than the container is to have.
pub(super) fn check(project: &Project, definition: &Definition) -> Result<(), PluginError> {
    let name = Service::Grafana.as_str();
    let (Some(grafana), Some(container)) =
        (project.services.get(name), definition.containers.get(name))
    else {
        return Ok(());
    };
    let preinstalled = grafana.environment.get(PREINSTALLED).cloned().flatten();
    let needed = preinstalled.as_deref().and_then(|it| it.split_once('@'));
    let (Some(unpack), Some((id, needed))) = (&grafana.unpack, needed) else {
        return Ok(());
    };
    let path = format!("{}/{id}/plugin.json", unpack.directory);
    let manifest = container.files.iter().find(|file| file.path == path);
    let manifest: Option<Manifest> =
        manifest.and_then(|file| serde_json::from_slice(&file.content).ok());
    let archive = unpack.archive.clone();
    let (id, needed) = (id.to_owned(), needed.to_owned());
    match manifest.map(|manifest| manifest.info.version) {
        Some(found) if found == needed => Ok(()),
        Some(found) => Err(PluginError::OtherVersion {
            archive,
            id,
            found,
            needed,
        }),
        None => Err(PluginError::Absent {
            archive,
            id,
            needed,
        }),
    }
}
