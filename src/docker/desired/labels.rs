//! Labels of a stack's objects.
//!
//! Those of Compose let `docker compose -p PROJECT ps`, `logs`, `stop`, `down` and others work on
//! a stack that this program made. Networks and volumes get none with a hash of their definition:
//! Compose would make them anew when it computes another one, with what they hold.

use std::collections::HashMap;
use std::path::Path;

/// Names the project of an object.
pub const PROJECT: &str = "com.docker.compose.project";
/// Names the service of a container.
pub const SERVICE: &str = "com.docker.compose.service";
/// What the file calls a volume.
pub const VOLUME: &str = "com.docker.compose.volume";
/// The services that a container's service waits for.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// The id of a container's image.
pub const IMAGE: &str = "com.docker.compose.image";
/// This program's own: changes with everything that makes a container.
pub const FINGERPRINT: &str = "telemetry.fingerprint";
/// This program's own: of what is there only while a command runs. It names the directory of the
/// project that the command is for.
pub const TEMPORARY: &str = "telemetry.temporary";

/// The version of Compose whose labels these are.
const COMPOSE_VERSION: &str = "2.40.3";

/// The labels of a container that do not depend on anything but its service.
pub(super) fn of_container(
    project: &str,
    service: &str,
    config_hash: String,
    depends_on: String,
    directory: &Path,
) -> HashMap<String, String> {
    let file = directory.join("stack.json").display().to_string();
    let labels = [
        (PROJECT, project.to_owned()),
        (SERVICE, service.to_owned()),
        (DEPENDS_ON, depends_on),
        ("com.docker.compose.config-hash", config_hash),
        ("com.docker.compose.container-number", "1".to_owned()),
        ("com.docker.compose.oneoff", "False".to_owned()),
        ("com.docker.compose.version", COMPOSE_VERSION.to_owned()),
        (
            "com.docker.compose.project.working_dir",
            directory.display().to_string(),
        ),
        ("com.docker.compose.project.config_files", file),
    ];
    labels
        .map(|(label, value)| (label.to_owned(), value))
        .into()
}

/// The labels of the network or volume that the file calls `key`; `kind` says which.
pub(super) fn of_resource(kind: &str, project: &str, key: &str) -> HashMap<String, String> {
    [
        (PROJECT.to_owned(), project.to_owned()),
        (format!("com.docker.compose.{kind}"), key.to_owned()),
        (
            "com.docker.compose.version".to_owned(),
            COMPOSE_VERSION.to_owned(),
        ),
    ]
    .into()
}
