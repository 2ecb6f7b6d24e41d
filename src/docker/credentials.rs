//! What a person has logged in to registries with, as Docker's own client keeps it.
//!
//! The engine is given credentials with each pull; it keeps none. They are in `config.json` of
//! Docker's directory, or with a program `docker-credential-NAME` that this file names.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What Docker's registry is called among credentials.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The user name by which helpers say that the secret is an identity token.
const TOKEN: &str = "<token>";

/// How long a helper may take; it may ask a person to unlock something.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: HashMap<String, Auth>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// The credentials for an image's registry; `None` if there are none, or none that can be had:
/// then the registry says whether it needs them.
pub(super) async fn of_image(image: &str, directory: Option<&Path>) -> Option<DockerCredentials> {
    let registry = registry(image);
    let text = tokio::fs::read(directory?.join("config.json")).await.ok()?;
    let config: Config = serde_json::from_slice(&text).ok()?;
    let helper = config
        .cred_helpers
        .get(registry)
        .or(config.creds_store.as_ref());
    if let Some(helper) = helper
        && let Some(credentials) = ask(helper, registry).await
    {
        return Some(credentials);
    }
    written_down(&config, registry)
}

/// The registry of an image: what stands before the first slash, if it looks like a host.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some(("docker.io" | "index.docker.io", _)) => DOCKER_HUB,
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => DOCKER_HUB,
    }
}

fn written_down(config: &Config, registry: &str) -> Option<DockerCredentials> {
    // Older clients wrote a URL where newer ones write a host.
    let host = |key: &str| {
        let key = key
            .trim_start_matches("https://")
            .trim_start_matches("http://");
        key.split('/').next().unwrap_or_default().to_owned()
    };
    let exact = config.auths.get(registry);
    let auth = exact.or_else(|| {
        let mut auths = config.auths.iter();
        auths.find_map(|(key, auth)| (host(key) == host(registry)).then_some(auth))
    })?;
    let decoded = STANDARD.decode(auth.auth.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (username, password) = decoded.split_once(':')?;
    let identity = auth.identitytoken.clone();
    Some(DockerCredentials {
        username: Some(username.to_owned()),
        password: Some(password.trim_end_matches('\0').to_owned()),
        identitytoken: identity.filter(|token| !token.is_empty()),
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    })
}

async fn ask(helper: &str, registry: &str) -> Option<DockerCredentials> {
    let ask = async {
        let mut child = Command::new(format!("docker-credential-{helper}"))
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut stdin = child.stdin.take()?;
        stdin.write_all(registry.as_bytes()).await.ok()?;
        drop(stdin);
        let output = child.wait_with_output().await.ok()?;
        output.status.success().then_some(output.stdout)
    };
    let answer = tokio::time::timeout(PATIENCE, ask).await.ok()??;
    let told: Helped = serde_json::from_slice(&answer).ok()?;
    let mut credentials = DockerCredentials {
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    };
    if told.username == TOKEN {
        credentials.identitytoken = Some(told.secret);
    } else {
        credentials.username = Some(told.username);
        credentials.password = Some(told.secret);
    }
    Some(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_what_looks_like_a_host() {
        for (image, expected) in [
            ("clickhouse/clickhouse-server:1", DOCKER_HUB),
            ("docker.io/grafana/grafana:1", DOCKER_HUB),
            ("ghcr.io/a/b:1", "ghcr.io"),
            ("127.0.0.1:5000/a:1", "127.0.0.1:5000"),
            ("localhost/a", "localhost"),
            ("busybox", DOCKER_HUB),
        ] {
            assert_eq!(registry(image), expected, "{image}");
        }
    }

    #[tokio::test]
    async fn what_is_written_down_is_found_by_host_or_url() {
        let directory = tempfile::tempdir().unwrap();
        let auth = STANDARD.encode("me:pass:word");
        let config = format!(
            r#"{{"auths": {{"https://ghcr.io/v1/": {{"auth": "{auth}"}}, "x": {{}}}}, "other": 1}}"#
        );
        std::fs::write(directory.path().join("config.json"), config).unwrap();
        let found = of_image("ghcr.io/a/b:1", Some(directory.path())).await;
        let found = found.unwrap();
        assert_eq!(found.username.as_deref(), Some("me"));
        assert_eq!(found.password.as_deref(), Some("pass:word"));
        assert_eq!(of_image("quay.io/a", Some(directory.path())).await, None);
        assert_eq!(of_image("ghcr.io/a", None).await, None);
    }
}
