//! What the engine has, and how it tells of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::LazyLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::service::Listening;

/// What stands for no time.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The directories that every image has.
const DIRECTORIES: [&str; 7] = ["/", "/etc", "/run", "/tmp", "/usr", "/var", "/var/lib"];

/// What the engine has.
#[derive(Default)]
pub struct State {
    /// By id.
    pub containers: BTreeMap<String, Container>,
    pub networks: BTreeMap<String, Resource>,
    pub volumes: BTreeMap<String, Resource>,
    /// The ids of images, by their names.
    pub images: BTreeMap<String, String>,
    pub events: Vec<Value>,
}

/// A network or a volume.
#[derive(Clone)]
pub struct Resource {
    pub id: String,
    pub labels: Value,
    created: Timestamp,
}

/// A container.
pub struct Container {
    pub id: String,
    pub name: String,
    /// As it was asked for.
    pub request: Value,
    pub image_id: String,
    pub status: Status,
    pub exit_code: i64,
    pub error: String,
    /// How often it has ended.
    pub exits: u64,
    pub restarts: u64,
    /// The networks that it is on.
    pub networks: BTreeSet<String>,
    /// What was put into it, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    pub log: Vec<Line>,
    /// What runs in it.
    pub processes: Vec<Listening>,
    pub created: Timestamp,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
}

/// What a container has said.
#[derive(Clone)]
pub struct Line {
    pub at: Timestamp,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Created,
    Running,
    Paused,
    Restarting,
    Exited,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }

    /// Whether the engine counts it as running.
    pub fn runs(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

pub fn new_id() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

impl State {
    pub fn add_image(&mut self, name: &str) {
        let id = format!("sha256:{}", new_id());
        self.images.entry(name.to_owned()).or_insert(id);
    }

    /// The container of this name or id.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers
            .get(name)
            .or_else(|| self.containers.values().find(|it| it.name == name))
    }

    pub fn container_mut(&mut self, name: &str) -> Option<&mut Container> {
        let id = self.container(name)?.id.clone();
        self.containers.get_mut(&id)
    }

    /// The network of this name or id.
    pub fn network(&self, name: &str) -> Option<String> {
        let mut networks = self.networks.iter();
        let found = networks.find(|(own, it)| *own == name || it.id == name);
        found.map(|(name, _)| name.clone())
    }

    /// The names and states of its containers.
    pub fn statuses(&self) -> BTreeMap<String, Status> {
        let containers = self.containers.values();
        containers.map(|it| (it.name.clone(), it.status)).collect()
    }

    pub fn note_end(&mut self, id: &str) {
        let Some(container) = self.containers.get(id) else {
            return;
        };
        let now = Timestamp::now();
        let mut attributes = container.labels().clone();
        attributes.insert(
            "exitCode".to_owned(),
            json!(container.exit_code.to_string()),
        );
        attributes.insert("image".to_owned(), container.request["Image"].clone());
        attributes.insert("name".to_owned(), json!(container.name));
        self.events.push(json!({
            "status": "die", "id": id, "from": container.request["Image"], "Type": "container",
            "Action": "die", "Actor": {"ID": id, "Attributes": attributes}, "scope": "local",
            "time": now.as_second(), "timeNano": i64::try_from(now.as_nanosecond()).unwrap_or(0),
        }));
    }

    /// As `GET /containers/json` lists it.
    pub fn summary(&self, container: &Container) -> Value {
        let ports: Vec<_> = container
            .published()
            .filter(|_| container.status.runs())
            .map(|(address, port)| {
                json!({"IP": address.ip(), "PrivatePort": port, "PublicPort": address.port(), "Type": "tcp"})
            })
            .collect();
        let mode = container.request["HostConfig"]["NetworkMode"].clone();
        json!({
            "Id": container.id,
            "Names": [format!("/{}", container.name)],
            "Image": container.request["Image"],
            "ImageID": container.image_id,
            "Command": "serve",
            "Created": container.created.as_second(),
            "Ports": ports,
            "Labels": container.request["Labels"],
            "State": container.status.as_str(),
            "Status": container.status.as_str(),
            "HostConfig": {"NetworkMode": mode},
            "NetworkSettings": {"Networks": self.attachments(container)},
            "Mounts": container.mounts(),
        })
    }

    /// As `GET /containers/NAME/json` tells of it.
    pub fn inspection(&self, container: &Container) -> Value {
        let ports: Map<_, _> = container
            .published()
            .filter(|_| container.status.runs())
            .map(|(address, port)| {
                let host =
                    json!([{"HostIp": address.ip(), "HostPort": address.port().to_string()}]);
                (format!("{port}/tcp"), host)
            })
            .collect();
        let time = |time: Option<Timestamp>| time.map_or(NEVER.to_owned(), |it| it.to_string());
        json!({
            "Id": container.id,
            "Created": container.created.to_string(),
            "Path": "serve",
            "Args": [],
            "State": {
                "Status": container.status.as_str(),
                "Running": container.status.runs(),
                "Paused": container.status == Status::Paused,
                "Restarting": container.status == Status::Restarting,
                "OOMKilled": false,
                "Dead": false,
                "Pid": if container.status == Status::Running { i64::from(i32::MAX) } else { 0 },
                "ExitCode": container.exit_code,
                "Error": container.error,
                "StartedAt": time(container.started),
                "FinishedAt": time(container.finished),
            },
            "Image": container.image_id,
            "Name": format!("/{}", container.name),
            "RestartCount": container.restarts,
            "Driver": "overlay2",
            "Platform": "linux",
            "HostConfig": container.request["HostConfig"],
            "Mounts": container.mounts(),
            "Config": {"Image": container.request["Image"], "Labels": container.request["Labels"]},
            "NetworkSettings": {"Ports": ports, "Networks": self.attachments(container)},
        })
    }

    fn attachments(&self, container: &Container) -> Value {
        let attachment = |name: &String| {
            let id = self.networks.get(name).map(|it| it.id.clone());
            let id = id.filter(|_| container.status.runs()).unwrap_or_default();
            (name.clone(), json!({"NetworkID": id, "EndpointID": ""}))
        };
        Value::Object(container.networks.iter().map(attachment).collect())
    }
}

impl Resource {
    pub fn new(labels: Value) -> Self {
        Self {
            id: new_id(),
            labels,
            created: Timestamp::now(),
        }
    }

    pub fn as_network(&self, name: &str) -> Value {
        json!({
            "Name": name, "Id": self.id, "Created": self.created.to_string(), "Scope": "local",
            "Driver": "bridge", "EnableIPv6": false, "Internal": false, "Attachable": false,
            "Ingress": false, "Containers": {}, "Options": {}, "Labels": self.labels,
        })
    }

    pub fn as_volume(&self, name: &str) -> Value {
        let created = Timestamp::from_second(self.created.as_second()).unwrap_or_default();
        json!({
            "CreatedAt": created.to_string(), "Driver": "local", "Labels": self.labels,
            "Mountpoint": format!("/volumes/{name}/_data"), "Name": name, "Options": null,
            "Scope": "local",
        })
    }
}

impl Container {
    pub fn new(name: &str, request: Value, image_id: String) -> Self {
        let mode = request["HostConfig"]["NetworkMode"].as_str();
        let network = mode.unwrap_or("default").to_owned();
        Self {
            id: new_id(),
            name: name.to_owned(),
            image_id,
            status: Status::Created,
            exit_code: 0,
            error: String::new(),
            exits: 0,
            restarts: 0,
            networks: BTreeSet::from([network]),
            files: BTreeMap::new(),
            log: Vec::new(),
            processes: Vec::new(),
            created: Timestamp::now(),
            started: None,
            finished: None,
            request,
        }
    }

    pub fn begins(&mut self) {
        self.status = Status::Running;
        self.exit_code = 0;
        self.error.clear();
        self.started = Some(Timestamp::now());
    }

    pub fn ends(&mut self, code: i64, status: Status) {
        self.status = status;
        self.exit_code = code;
        self.exits += 1;
        self.processes.clear();
        self.finished = Some(Timestamp::now());
    }

    pub fn says(&mut self, text: &str) {
        self.log.extend(text.lines().map(|text| Line {
            at: Timestamp::now(),
            text: text.to_owned(),
        }));
    }

    pub fn labels(&self) -> &Map<String, Value> {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        self.request["Labels"].as_object().unwrap_or(&NONE)
    }

    /// Whether it has a label, as a filter names it: `NAME` or `NAME=VALUE`.
    pub fn has_label(&self, wanted: &str) -> bool {
        match wanted.split_once('=') {
            None => self.labels().contains_key(wanted),
            Some((name, value)) => self.labels().get(name).and_then(Value::as_str) == Some(value),
        }
    }

    pub fn service(&self) -> &str {
        let service = self.labels().get("com.docker.compose.service");
        service.and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the engine starts it again when it ends.
    pub fn is_restarted(&self) -> bool {
        let policy = &self.request["HostConfig"]["RestartPolicy"]["Name"];
        matches!(policy.as_str(), Some("unless-stopped" | "always"))
    }

    /// Where its ports are published.
    pub fn published(&self) -> impl Iterator<Item = (SocketAddr, u16)> {
        let bindings = self.request["HostConfig"]["PortBindings"].as_object();
        bindings.into_iter().flatten().flat_map(|(port, hosts)| {
            let port: Option<u16> = port.split('/').next().and_then(|port| port.parse().ok());
            let hosts = hosts.as_array().cloned().unwrap_or_default();
            hosts.into_iter().filter_map(move |host| {
                let ip: IpAddr = host["HostIp"].as_str()?.parse().ok()?;
                Some((
                    SocketAddr::new(ip, host["HostPort"].as_str()?.parse().ok()?),
                    port?,
                ))
            })
        })
    }

    /// The volumes that it mounts.
    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        let mounts = self.request["HostConfig"]["Mounts"].as_array();
        mounts
            .into_iter()
            .flatten()
            .filter(|mount| mount["Type"] == "volume")
            .filter_map(|mount| mount["Source"].as_str())
    }

    fn mounts(&self) -> Value {
        let mounts = self.request["HostConfig"]["Mounts"].as_array();
        let mounts = mounts.into_iter().flatten().map(|mount| {
            json!({
                "Type": mount["Type"], "Name": mount["Source"],
                "Source": format!("/volumes/{}/_data", mount["Source"].as_str().unwrap_or_default()),
                "Destination": mount["Target"], "Driver": "local", "Mode": "z", "RW": true,
                "Propagation": "",
            })
        });
        mounts.collect()
    }

    /// What the engine's header says of a path; `None` if the container does not have it.
    pub fn stat(&self, path: &str) -> Option<String> {
        let within = format!("{}/", path.trim_start_matches('/'));
        let is_there =
            DIRECTORIES.contains(&path) || self.files.keys().any(|file| file.starts_with(&within));
        let name = path.rsplit('/').next().unwrap_or_default();
        let stat = json!({
            "name": name, "size": 4096, "mode": 0x8000_01ed_u32,
            "mtime": self.created.to_string(), "linkTarget": "",
        });
        is_there.then(|| STANDARD.encode(stat.to_string()))
    }
}
