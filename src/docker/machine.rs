//! The engine's account of itself and of its machine.

use std::path::PathBuf;

use bollard::models::{SystemInfo, SystemVersion};
use jiff::Timestamp;

use super::Connection;

/// The engine's account of itself and of its machine; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// What kind of engine it is, where that makes a difference, such as `rootless`.
    pub kinds: Vec<&'static str>,
    /// Its operating system, such as `Debian GNU/Linux 12 (bookworm)`.
    pub system: Option<String>,
    /// Whether it can keep containers from taking more memory than their limits.
    pub limits_memory: bool,
    /// Its memory, in bytes.
    pub memory: Option<u64>,
    /// Where it keeps images and volumes, if that is on this machine.
    pub root: Option<PathBuf>,
    /// What its clock showed, in milliseconds since 1970.
    pub time_ms: Option<i64>,
}

impl Connection {
    /// Asks the engine.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn machine(&self) -> Result<Machine, bollard::errors::Error> {
        let (info, version) = tokio::try_join!(self.docker.info(), self.docker.version())?;
        Ok(machine(info, &version, self.endpoint.address.is_local()))
    }
}

fn machine(info: SystemInfo, version: &SystemVersion, is_local: bool) -> Machine {
    let time = info.system_time.as_deref();
    let root = info.docker_root_dir.as_ref().map(PathBuf::from);
    Machine {
        kinds: kinds(&info, version),
        limits_memory: info.memory_limit != Some(false),
        memory: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()),
        // The directory of an engine in a virtual machine is not this machine's.
        root: root.filter(|root| is_local && root.is_dir()),
        time_ms: time
            .and_then(|time| time.parse::<Timestamp>().ok())
            .map(Timestamp::as_millisecond),
        system: info.operating_system,
    }
}

fn kinds(info: &SystemInfo, version: &SystemVersion) -> Vec<&'static str> {
    let security = info.security_options.as_deref().unwrap_or_default();
    let system = info.operating_system.as_deref().unwrap_or_default();
    let components = version.components.as_deref().unwrap_or_default();
    [
        (
            "Podman",
            components.iter().any(|it| it.name.contains("Podman")),
        ),
        ("Docker Desktop", system.contains("Docker Desktop")),
        (
            "rootless",
            security.iter().any(|it| it.contains("name=rootless")),
        ),
    ]
    .into_iter()
    .filter_map(|(kind, is_so)| is_so.then_some(kind))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_tells_what_kind_it_is() {
        let rootless: SystemInfo = serde_json::from_str(
            r#"{"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
                "OperatingSystem": "Debian GNU/Linux 12", "MemTotal": 4096,
                "MemoryLimit": false,
                "SystemTime": "2026-01-31T09:00:00.5+01:00", "DockerRootDir": "/nowhere"}"#,
        )
        .unwrap();
        let podman: SystemVersion = serde_json::from_str(
            r#"{"Components": [{"Name": "Podman Engine", "Version": "4.3.1"}]}"#,
        )
        .unwrap();
        let machine = machine(rootless, &podman, true);
        assert_eq!(machine.kinds, ["Podman", "rootless"]);
        assert!(!machine.limits_memory);
        assert_eq!(machine.memory, Some(4096));
        assert_eq!(machine.root, None);
        let expected: Timestamp = "2026-01-31T08:00:00.5Z".parse().unwrap();
        assert_eq!(machine.time_ms, Some(expected.as_millisecond()));
    }

    #[test]
    fn an_ordinary_engine_is_of_no_kind() {
        let info: SystemInfo =
            serde_json::from_str(r#"{"SecurityOptions": ["name=apparmor"]}"#).unwrap();
        assert_eq!(kinds(&info, &SystemVersion::default()), [""; 0]);
    }
}
