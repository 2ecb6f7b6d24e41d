//! The calls that are about one container.

use std::{sync::Arc, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use hyper::Response;
use serde_json::json;

use super::{
    Behaviour, Call, Shared,
    answer::{Answer, empty, no_such_container, refusal, stream, value},
    locked, service,
    state::{Container, Line, Resource, Status},
};

/// How long the engine waits before it starts a container again that has ended at once; each
/// further wait is twice as long.
const RESTART_DELAY: Duration = Duration::from_millis(100);

/// A container of this name or id, if there is one.
pub struct Named {
    pub shared: Arc<Shared>,
    pub name: String,
}

impl Named {
    pub fn answer(&self, method: &str, rest: &[&str], call: &Call) -> Answer {
        if self.shared.state().container(&self.name).is_none() {
            let mut absent = no_such_container(&self.name);
            if method == "HEAD" {
                *absent.body_mut() = empty(404).into_body();
            }
            return absent;
        }
        match (method, rest) {
            ("GET", ["json"]) => self.inspect(),
            ("POST", ["start"]) => self.start(),
            ("POST", ["stop"]) => self.stop(0),
            ("POST", ["unpause"]) => self.unpause(),
            ("POST", ["rename"]) => self.rename(call.option("name").unwrap_or_default()),
            ("POST", ["wait"]) => self.wait(),
            ("DELETE", []) => self.remove(call.is_set("force")),
            ("HEAD", ["archive"]) => self.stat(call.option("path").unwrap_or_default()),
            ("PUT", ["archive"]) => self.unpack(call),
            ("GET", ["logs"]) => self.logs(call),
            ("GET", ["stats"]) => value(
                200,
                &json!({"memory_stats": {"usage": 2 << 20, "stats": {"inactive_file": 1 << 20}}}),
            ),
            _ => refusal(404, "page not found"),
        }
    }

    /// `POST /containers/create`: volumes that it mounts come into being with it.
    pub fn create(shared: &Shared, call: &Call) -> Answer {
        let request = call.json();
        let name = call.option("name").unwrap_or_default();
        let mut state = shared.state();
        let image = request["Image"].as_str().unwrap_or_default();
        let Some(image_id) = state.images.get(image).cloned() else {
            return refusal(404, format!("No such image: {image}"));
        };
        if let Some(there) = state.container(name) {
            return refusal(409, taken(name, there));
        }
        let container = Container::new(name, request, image_id);
        let id = container.id.clone();
        let volumes: Vec<_> = container.volumes().map(str::to_owned).collect();
        for volume in volumes {
            let made = || Resource::new(json!(null));
            state.volumes.entry(volume).or_insert_with(made);
        }
        state.containers.insert(id.clone(), container);
        drop(state);
        shared.change();
        value(201, &json!({"Id": id, "Warnings": []}))
    }

    fn inspect(&self) -> Answer {
        let state = self.shared.state();
        let found = state.container(&self.name);
        found.map_or_else(
            || no_such_container(&self.name),
            |it| value(200, &state.inspection(it)),
        )
    }

    fn start(&self) -> Answer {
        let mut state = self.shared.state();
        let networks: Vec<_> = state.networks.keys().cloned().collect();
        let others: Vec<_> = state
            .containers
            .values()
            .filter(|it| it.status.runs())
            .flat_map(|it| {
                it.published()
                    .map(|(address, _)| address)
                    .collect::<Vec<_>>()
            })
            .collect();
        let Some(container) = state.container_mut(&self.name) else {
            return no_such_container(&self.name);
        };
        if container.status.runs() {
            return empty(304);
        }
        if let Some(gone) = container.networks.iter().find(|it| !networks.contains(it)) {
            return refusal(404, format!("network {gone} not found"));
        }
        let service = container.service().to_owned();
        let behaviours = locked(&self.shared.behaviours);
        let behaviour = behaviours.get(&service).copied().unwrap_or_default();
        let published: Vec<_> = container.published().collect();
        for (address, port) in published {
            let listening = if others.contains(&address) {
                Err(format!(
                    "Bind for {address} failed: port is already allocated"
                ))
            } else {
                service::listen(address, &service, port, behaviour).map_err(|_| {
                    let why = "bind: address already in use";
                    format!("Error starting userland proxy: listen tcp4 {address}: {why}")
                })
            };
            match listening {
                Ok(process) => container.processes.push(process),
                Err(why) => {
                    container.processes.clear();
                    let why = format!(
                        "driver failed programming external connectivity on endpoint {} ({}): {why}",
                        container.name, container.id
                    );
                    container.exit_code = 128;
                    container.error.clone_from(&why);
                    return refusal(500, why);
                }
            }
        }
        container.begins();
        if let Behaviour::ExitsAtOnce(code, says) = behaviour {
            let id = container.id.clone();
            tokio::spawn(end_again_and_again(self.shared.clone(), id, code, says));
        } else {
            container.says("ready");
        }
        drop(state);
        self.shared.change();
        empty(204)
    }

    fn stop(&self, code: i64) -> Answer {
        let mut state = self.shared.state();
        let Some(container) = state.container_mut(&self.name) else {
            return no_such_container(&self.name);
        };
        if !container.status.runs() {
            return empty(304);
        }
        // Between two runs there is nothing to stop, and the last end is what is known.
        let restarting = container.status == Status::Restarting;
        let code = if restarting {
            container.exit_code
        } else {
            code
        };
        container.ends(code, Status::Exited);
        let id = container.id.clone();
        state.note_end(&id);
        drop(state);
        self.shared.change();
        empty(204)
    }

    fn unpause(&self) -> Answer {
        let mut state = self.shared.state();
        match state.container_mut(&self.name) {
            Some(container) if container.status == Status::Paused => {
                container.status = Status::Running;
                empty(204)
            }
            Some(container) => refusal(500, format!("Container {} is not paused", container.id)),
            None => no_such_container(&self.name),
        }
    }

    fn rename(&self, to: &str) -> Answer {
        let mut state = self.shared.state();
        if let Some(there) = state.container(to) {
            let why = taken(to, there);
            return refusal(409, format!("Error when allocating new name: {why}"));
        }
        if let Some(container) = state.container_mut(&self.name) {
            to.clone_into(&mut container.name);
        }
        drop(state);
        self.shared.change();
        empty(204)
    }

    /// The answer begins at once, and ends when the container does.
    fn wait(&self) -> Answer {
        let exits = |shared: &Shared, id: &str| {
            let state = shared.state();
            let container = state.container(id);
            container.map(|it| (it.status.runs(), it.exits, it.exit_code))
        };
        let id = self
            .shared
            .state()
            .container(&self.name)
            .map(|it| it.id.clone());
        let id = id.unwrap_or_default();
        let shared = self.shared.clone();
        let mut changes = shared.changed.subscribe();
        let before = exits(&shared, &id);
        let ended = async move {
            loop {
                let code = match (before, exits(&shared, &id)) {
                    (Some((false, _, code)), _) => code,
                    (Some((true, before, _)), Some((_, now, code))) if now != before => code,
                    (_, None) => 137,
                    _ => {
                        let _ = changes.changed().await;
                        continue;
                    }
                };
                return Ok(Bytes::from(
                    json!({"Error": null, "StatusCode": code}).to_string() + "\n",
                ));
            }
        };
        stream("application/json", futures_util::stream::once(ended))
    }

    fn remove(&self, force: bool) -> Answer {
        let (runs, id) = {
            let state = self.shared.state();
            let Some(container) = state.container(&self.name) else {
                return no_such_container(&self.name);
            };
            if container.status.runs() && !force {
                let (status, id) = (container.status.as_str(), &container.id);
                let way = "Stop the container before attempting removal or force remove";
                let why = format!("You cannot remove a {status} container {id}. {way}");
                return refusal(409, why);
            }
            (container.status.runs(), container.id.clone())
        };
        if runs {
            self.stop(137);
        }
        self.shared.state().containers.remove(&id);
        self.shared.change();
        empty(204)
    }

    fn stat(&self, path: &str) -> Answer {
        let state = self.shared.state();
        let stat = state.container(&self.name).and_then(|it| it.stat(path));
        let mut answer = empty(if stat.is_some() { 200 } else { 404 });
        if let Some(stat) = stat {
            let stat = stat.parse().expect("it is base64");
            let headers: &mut hyper::HeaderMap = Response::headers_mut(&mut answer);
            headers.insert("x-docker-container-path-stat", stat);
        }
        answer
    }

    fn unpack(&self, call: &Call) -> Answer {
        let read = || -> std::io::Result<Vec<(String, Vec<u8>)>> {
            let mut archive = tar::Archive::new(call.body.as_ref());
            let mut files = Vec::new();
            for entry in archive.entries()? {
                let mut entry = entry?;
                let path = entry.path()?.display().to_string();
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut entry, &mut content)?;
                files.push((path, content));
            }
            Ok(files)
        };
        match read() {
            Ok(files) => {
                if let Some(container) = self.shared.state().container_mut(&self.name) {
                    container.files.extend(files);
                }
                empty(200)
            }
            Err(error) => refusal(500, format!("Error processing tar file: {error}")),
        }
    }

    /// What the container has said; those who follow it stay until it ends.
    fn logs(&self, call: &Call) -> Answer {
        let state = self.shared.state();
        let lines = state.container(&self.name).map(|it| it.log.clone());
        let lines = lines.unwrap_or_default();
        drop(state);
        let tail = call.option("tail").and_then(|tail| tail.parse().ok());
        let skipped = lines.len().saturating_sub(tail.unwrap_or(usize::MAX));
        let timestamps = call.is_set("timestamps");
        let frames: Vec<_> = lines[skipped..]
            .iter()
            .map(|line| Ok(frame(line, timestamps)))
            .collect();
        let said = futures_util::stream::iter(frames);
        let kind = "application/octet-stream";
        if !call.is_set("follow") {
            return stream(kind, said);
        }
        let shared = self.shared.clone();
        let name = self.name.clone();
        let mut changes = shared.changed.subscribe();
        let end = async move {
            let runs = || {
                shared
                    .state()
                    .container(&name)
                    .is_some_and(|it| it.status.runs())
            };
            while runs() && changes.changed().await.is_ok() {}
            None
        };
        let end = futures_util::stream::once(end).filter_map(|nothing| async { nothing });
        stream(kind, said.chain(end))
    }
}

fn taken(name: &str, by: &Container) -> String {
    format!(
        "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have \
         to remove (or rename) that container to be able to reuse that name.",
        by.id
    )
}

/// As the engine sends it where there is no terminal.
fn frame(line: &Line, timestamps: bool) -> Bytes {
    let text = if timestamps {
        format!("{} {}\n", line.at, line.text)
    } else {
        format!("{}\n", line.text)
    };
    let mut frame = BytesMut::from(&[1_u8, 0, 0, 0][..]);
    frame.put_u32(u32::try_from(text.len()).expect("lines are short"));
    frame.extend_from_slice(text.as_bytes());
    frame.freeze()
}

/// A container that cannot do its work ends, and is started again as its policy says, until it is
/// stopped or removed.
async fn end_again_and_again(shared: Arc<Shared>, id: String, code: i64, says: &'static str) {
    let mut delay = RESTART_DELAY;
    loop {
        {
            let mut state = shared.state();
            let Some(container) = state.containers.get_mut(&id) else {
                return;
            };
            if !container.status.runs() {
                return;
            }
            container.says(says);
            let again = container.is_restarted();
            let status = if again {
                Status::Restarting
            } else {
                Status::Exited
            };
            container.ends(code, status);
            state.note_end(&id);
            drop(state);
            shared.change();
            if !again {
                return;
            }
        }
        tokio::time::sleep(delay).await;
        delay *= 2;
        let mut state = shared.state();
        let Some(container) = state.containers.get_mut(&id) else {
            return;
        };
        if container.status != Status::Restarting {
            return;
        }
        container.begins();
        container.restarts += 1;
        drop(state);
        shared.change();
    }
}
