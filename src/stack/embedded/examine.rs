//! What the embedded engine can tell of itself and of this machine.

use super::EmbeddedEngine;
use crate::embedded::library::{self, Inspected, LibraryError, Source};
use crate::embedded::server;
use crate::embedded::supervisor::{self, Observed, Phase, State};
use crate::stack::port_holder::holder_of;
use crate::stack::{
    Desired, Examination, Finding, HeldPort, Holder, Level, MemoryRoom, Room, Topic,
    available_bytes, resident_bytes,
};

/// What the server takes when it has little to do, with its library.
const LEAST_MEMORY: u64 = 400 << 20;

impl EmbeddedEngine {
    pub(super) async fn examination(&self, desired: &Desired) -> Examination {
        let inspected = library::inspect(self.library_setting.as_deref()).await;
        let observed = supervisor::observe(&self.directory);
        let processes = observed.as_ref().map(processes).unwrap_or_default();
        let mut findings = vec![library_finding(&inspected)];
        if let Ok(inspected) = &inspected {
            findings.extend(self.data_version(&inspected.version));
        }
        match &observed {
            Ok(Observed::Supervised {
                state: Some(state), ..
            }) => findings.push(running_version(state)),
            Ok(Observed::Absent) => findings.extend(self.unclean_end()),
            _ => {}
        }
        Examination {
            findings,
            ports: own_ports(desired, &processes),
            rooms: vec![Room {
                directory: self.directory.root().to_owned(),
                holds: "the data of the stack",
            }],
            memory: memory(desired, &processes),
            ..Examination::default()
        }
    }

    /// That the library can read what is there.
    fn data_version(&self, version: &str) -> Option<Finding> {
        let refused = server::check_data_version(&self.directory, version).err()?;
        Some(Finding::of_failure(Topic::Versions, "data", &refused))
    }

    /// What the last supervisor said, if it did not get to say that it has ended.
    fn unclean_end(&self) -> Option<Finding> {
        let state = State::read(&self.directory.state()).ok().flatten()?;
        match state.phase {
            Phase::Stopped | Phase::Failed => None,
            Phase::Starting | Phase::Running | Phase::Restarting | Phase::Stopping => Some(
                Finding::note(
                    Topic::Leftovers,
                    "the last run",
                    format!(
                        "process {} of it ended without having been stopped, as by a power cut; \
                         its data is kept",
                        state.supervisor
                    ),
                )
                .mended_by("`telemetry start` goes on from there"),
            ),
        }
    }

    /// Its data, if there is any.
    pub(super) fn data_there(&self) -> Option<String> {
        let data = self.directory.data();
        data.is_dir()
            .then(|| format!("directory `{}`", data.display()))
    }
}

fn library_finding(inspected: &Result<Inspected, LibraryError>) -> Finding {
    const SUBJECT: &str = "engine library";
    match inspected {
        Ok(Inspected { found, version }) if *version == library::ENGINE_VERSION => Finding::ok(
            Topic::Engine,
            SUBJECT,
            format!("chDB {version} at `{}`", found.path.display()),
        ),
        Ok(Inspected { found, version }) => {
            let is_set = found.source == Source::Setting;
            let fix = if is_set {
                "unset `TELEMETRY_ENGINE_LIBRARY`, and `telemetry engine install` fetches that one"
            } else {
                "`telemetry engine remove`, then `telemetry engine install`"
            };
            let text = format!(
                "chDB {version} at `{}`, and this `telemetry` is tested with {}",
                found.path.display(),
                library::ENGINE_VERSION
            );
            Finding::note(Topic::Engine, SUBJECT, text).mended_by(fix)
        }
        Err(error @ (LibraryError::NotInstalled | LibraryError::Damaged(_))) => {
            // `start` fetches it.
            Finding::note(Topic::Engine, SUBJECT, sentence(error))
                .mended_by("`telemetry engine install` fetches it, and so does `telemetry start`")
        }
        Err(error) => Finding::of_failure(Topic::Engine, SUBJECT, error),
    }
}

/// Without the words that the subject says already.
fn sentence(error: &LibraryError) -> String {
    match error {
        LibraryError::NotInstalled => "not installed".to_owned(),
        error => error.to_string(),
    }
}

fn running_version(state: &State) -> Finding {
    let this = env!("CARGO_PKG_VERSION");
    let clickhouse = state
        .server
        .as_ref()
        .and_then(|server| server.clickhouse_version.as_deref())
        .unwrap_or("not ready yet");
    let found = format!("telemetry {}, ClickHouse {clickhouse}", state.version);
    let finding = Finding::ok(Topic::Versions, "what runs", found);
    if state.version == this {
        return finding;
    }
    finding
        .at(Level::Note)
        .mended_by(format!("`telemetry restart` brings it to {this}"))
}

fn processes(observed: &Observed) -> Vec<u32> {
    let number = |pid: &rustix::process::Pid| pid.as_raw_nonzero().get().unsigned_abs();
    match observed {
        Observed::Absent => Vec::new(),
        Observed::Orphaned { server } => vec![number(server)],
        Observed::Supervised { supervisor, state } => {
            let server = state.as_ref().and_then(|state| state.server.as_ref());
            let server = server.map(|server| server.pid);
            std::iter::once(number(supervisor)).chain(server).collect()
        }
    }
}

/// The ports that the stack's own processes listen on. Where nobody can be told to hold a port,
/// the stack that runs is taken to hold its own.
fn own_ports(desired: &Desired, processes: &[u32]) -> Vec<HeldPort> {
    if processes.is_empty() {
        return Vec::new();
    }
    let endpoints = &desired.endpoints;
    let ports = endpoints.offered().filter_map(|it| endpoints.port(it));
    ports
        .filter(|&port| holder_of(port).is_none_or(|holder| processes.contains(&holder.pid)))
        .map(|port| HeldPort {
            port,
            holder: Holder::ThisStack,
        })
        .collect()
}

fn memory(desired: &Desired, processes: &[u32]) -> Option<MemoryRoom> {
    let used: u64 = processes
        .iter()
        .filter_map(|&pid| resident_bytes(pid))
        .sum();
    Some(MemoryRoom {
        of: "this machine",
        available: available_bytes()?.saturating_add(used),
        least: LEAST_MEMORY,
        most: desired.memory_limit.max(LEAST_MEMORY),
        limits: "`TELEMETRY_MEMORY_LIMIT`",
    })
}
