//! What tells which engine is meant.

use std::path::{Path, PathBuf};

use super::{Address, AddressError, Endpoint, EndpointError, Reason, context};

/// What of this process's surroundings tells which engine is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// Where the certificates are, if `DOCKER_TLS_VERIFY` is set: `DOCKER_CERT_PATH`, else
    /// Docker's own directory.
    pub certificates: Option<PathBuf>,
    /// Docker's own directory: `DOCKER_CONFIG`, else `~/.docker`.
    pub config: Option<PathBuf>,
    /// Where engines listen that nobody names, with the products that do.
    pub sockets: Vec<(PathBuf, &'static str)>,
}

/// Sockets below the home directory.
const AT_HOME: [(&str, &str); 9] = [
    (".docker/run/docker.sock", "Docker Desktop"),
    (".docker/desktop/docker.sock", "Docker Desktop"),
    (".rd/docker.sock", "Rancher Desktop"),
    (".config/colima/default/docker.sock", "Colima"),
    (".colima/default/docker.sock", "Colima"),
    (".colima/docker.sock", "Colima"),
    (".orbstack/run/docker.sock", "OrbStack"),
    (
        ".local/share/containers/podman/machine/podman.sock",
        "Podman",
    ),
    (".lima/docker/sock/docker.sock", "Lima"),
];

impl Surroundings {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let home = etcetera::home_dir().ok();
        let config = text("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| Some(home.as_ref()?.join(".docker")));
        let certificates = text("DOCKER_TLS_VERIFY").and_then(|_| {
            text("DOCKER_CERT_PATH")
                .map(PathBuf::from)
                .or_else(|| config.clone())
        });
        Self {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            certificates,
            config,
            sockets: sockets(home.as_deref(), text("XDG_RUNTIME_DIR").as_deref()),
        }
    }

    /// The engine that is named; `None` if none is, which means whatever listens where engines do.
    ///
    /// A current context that cannot be used is an error, too: what the person means by
    /// `docker` would be another engine than the one that is taken.
    pub(super) fn named(&self) -> Result<Option<Endpoint>, EndpointError> {
        if let Some(host) = &self.docker_host {
            let certificates = self.certificates.as_deref();
            return endpoint(host, certificates, Reason::DockerHost).map(Some);
        }
        let Some(config) = &self.config else {
            return Ok(None);
        };
        let (name, reason): (_, fn(String) -> Reason) = match &self.docker_context {
            Some(name) => (Some(name.clone()), Reason::DockerContext),
            None => (context::current(config), Reason::CurrentContext),
        };
        match name {
            None => Ok(None),
            Some(name) if name == "default" => Ok(None),
            Some(name) => {
                let context = context::read(config, &name)
                    .ok_or_else(|| EndpointError::NoContext(name.clone()))?;
                endpoint(&context.host, context.certificates.as_deref(), reason(name)).map(Some)
            }
        }
    }

    /// Where engines listen, the likeliest first.
    pub(super) fn well_known(&self) -> impl Iterator<Item = Endpoint> {
        self.sockets.iter().map(|(path, product)| Endpoint {
            address: Address::Unix(path.clone()),
            reason: Reason::WellKnown(product),
        })
    }
}

fn endpoint(
    text: &str,
    certificates: Option<&Path>,
    reason: Reason,
) -> Result<Endpoint, EndpointError> {
    match Address::parse(text, certificates) {
        Ok(address) => Ok(Endpoint { address, reason }),
        Err(AddressError::Password) => Err(EndpointError::Password(reason)),
        Err(AddressError::Malformed) => Err(EndpointError::Malformed {
            address: text.to_owned(),
            reason,
        }),
    }
}

/// Podman comes last: where both are, Docker is meant.
fn sockets(home: Option<&Path>, runtime: Option<&str>) -> Vec<(PathBuf, &'static str)> {
    let mut sockets = vec![(PathBuf::from("/var/run/docker.sock"), "Docker")];
    if let Some(runtime) = runtime {
        sockets.push((Path::new(runtime).join("docker.sock"), "rootless Docker"));
    }
    if let Some(home) = home {
        sockets.extend(AT_HOME.map(|(path, product)| (home.join(path), product)));
    }
    sockets.push(("/run/podman/podman.sock".into(), "Podman"));
    if let Some(runtime) = runtime {
        sockets.push((
            Path::new(runtime).join("podman/podman.sock"),
            "rootless Podman",
        ));
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    fn with_context(name: &str, host: &str) -> (tempfile::TempDir, Surroundings) {
        let config = tempfile::tempdir().unwrap();
        let digest = hex::encode(Sha256::digest(name));
        let directory = config.path().join("contexts/meta").join(digest);
        std::fs::create_dir_all(&directory).unwrap();
        let meta = format!(r#"{{"Name":"{name}","Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
        std::fs::write(directory.join("meta.json"), meta).unwrap();
        let surroundings = Surroundings {
            config: Some(config.path().to_owned()),
            ..Surroundings::default()
        };
        (config, surroundings)
    }

    fn named(surroundings: &Surroundings) -> Option<String> {
        let named = surroundings.named().unwrap();
        named.map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn docker_host_is_stronger_than_every_context() {
        let (_config, mut surroundings) = with_context("vm", "unix:///vm.sock");
        surroundings.docker_context = Some("vm".to_owned());
        assert_eq!(
            named(&surroundings).unwrap(),
            "`unix:///vm.sock` (context `vm`, as `DOCKER_CONTEXT` says)"
        );
        surroundings.docker_host = Some("unix:///host.sock".to_owned());
        assert_eq!(
            named(&surroundings).unwrap(),
            "`unix:///host.sock` (as `DOCKER_HOST` says)"
        );
    }

    #[test]
    fn the_current_context_is_that_of_dockers_configuration() {
        let (config, surroundings) = with_context("vm", "unix:///vm.sock");
        assert_eq!(named(&surroundings), None);
        let write = |text: &str| std::fs::write(config.path().join("config.json"), text).unwrap();
        write(r#"{"currentContext":"vm"}"#);
        assert_eq!(
            named(&surroundings).unwrap(),
            "`unix:///vm.sock` (the current context `vm`)"
        );
        write(r#"{"currentContext":"default"}"#);
        assert_eq!(named(&surroundings), None);
        write(r#"{"currentContext":"gone"}"#);
        let error = surroundings.named().unwrap_err();
        assert_eq!(error.to_string(), "there is no Docker context `gone`");
    }

    #[test]
    fn docker_comes_before_podman_and_rootless_before_desktops() {
        let sockets = sockets(Some(Path::new("/home/a")), Some("/run/user/1000"));
        let products: Vec<_> = sockets.iter().map(|(_, product)| *product).collect();
        assert_eq!(
            products[..3],
            ["Docker", "rootless Docker", "Docker Desktop"]
        );
        assert_eq!(
            products[products.len() - 2..],
            ["Podman", "rootless Podman"]
        );
    }
}
