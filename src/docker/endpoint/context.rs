//! Docker's contexts, as its command-line client keeps them.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Where a context's engine is.
pub(super) struct Context {
    /// As `DOCKER_HOST` would have it.
    pub host: String,
    /// Where its certificates are, if it has any.
    pub certificates: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Docker,
}

#[derive(Deserialize)]
struct Docker {
    #[serde(rename = "Host")]
    host: String,
}

/// The name of the current context, from `config.json` in Docker's directory.
pub(super) fn current(config: &Path) -> Option<String> {
    let text = std::fs::read(config.join("config.json")).ok()?;
    let config: Config = serde_json::from_slice(&text).ok()?;
    config.current_context.filter(|name| !name.is_empty())
}

/// A context of this name: its files are in directories that are called after the name's SHA-256.
pub(super) fn read(config: &Path, name: &str) -> Option<Context> {
    let digest = hex::encode(Sha256::digest(name));
    let contexts = config.join("contexts");
    let text = std::fs::read(contexts.join("meta").join(&digest).join("meta.json")).ok()?;
    let meta: Meta = serde_json::from_slice(&text).ok()?;
    let certificates = contexts.join("tls").join(&digest).join("docker");
    Some(Context {
        host: meta.endpoints.docker.host,
        certificates: certificates.is_dir().then_some(certificates),
    })
}
