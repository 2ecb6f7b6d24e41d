//! What is asked.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::asked::{Asked, call};
use crate::support::docker::free_ports;

/// How long a container may take to end and be started again, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(5);

impl Asked {
    /// What it tells, made of the image of something that works and that of something that ends
    /// at once.
    pub fn tells_all(mut self, images: &[String; 2]) -> Vec<String> {
        self.about_itself();
        self.about_what_is_not_there();
        self.about_resources();
        self.about_a_container(&images[0]);
        self.about_one_that_ends(&images[1]);
        self.about_a_pull(&images[0]);
        std::mem::take(&mut self.told)
    }

    fn about_itself(&mut self) {
        self.does("GET", "/_ping", &Value::Null);
        self.does("GET", "/v1.41/_ping", &Value::Null);
        let version = self.does("GET", "/version", &Value::Null).json();
        self.tells(&version, &[], &["/Version", "/ApiVersion"]);
        let info = self.does("GET", "/info", &Value::Null).json();
        self.tells(&info, &[], &["/MemTotal", "/DockerRootDir"]);
        self.does("GET", "/nowhere", &Value::Null);
    }

    fn about_what_is_not_there(&mut self) {
        let name = self.name.clone();
        for (method, path) in [
            ("GET", "/containers/NAME/json"),
            ("POST", "/containers/NAME/start"),
            ("POST", "/containers/NAME/stop"),
            ("POST", "/containers/NAME/unpause"),
            ("POST", "/containers/NAME/rename?name=x"),
            ("POST", "/containers/NAME/wait?condition=not-running"),
            ("DELETE", "/containers/NAME"),
            ("HEAD", "/containers/NAME/archive?path=%2F"),
            ("GET", "/containers/NAME/logs?stdout=true"),
            ("GET", "/containers/NAME/stats?stream=false"),
            ("GET", "/images/NAME:1/json"),
            ("DELETE", "/networks/NAME"),
            ("DELETE", "/volumes/NAME"),
        ] {
            self.does(method, &path.replace("NAME", &name), &Value::Null);
        }
        let create = json!({"Image": format!("{name}:1")});
        self.does("POST", &format!("/containers/create?name={name}"), &create);
    }

    fn about_resources(&mut self) {
        let name = self.name.clone();
        let network = json!({"Name": name, "CheckDuplicate": true, "Labels": {"a": "b"}});
        let made = self.does("POST", "/networks/create", &network).json();
        self.tells(&made, &[], &["/Id"]);
        self.does("POST", "/networks/create", &network);
        let networks = self.does("GET", "/networks", &Value::Null).json();
        let mut networks = networks.as_array().cloned().unwrap_or_default().into_iter();
        let found = networks.find(|it| it["Name"] == *name);
        self.tells(&found.unwrap_or_default(), &["/Name", "/Labels"], &["/Id"]);

        let volume = |label: &str| json!({"Name": name, "Labels": {"a": label}});
        self.does("POST", "/volumes/create", &volume("b"));
        let again = self.does("POST", "/volumes/create", &volume("c")).json();
        self.tells(&again, &["/Name", "/Labels"], &[]);
        let volumes = self.does("GET", "/volumes", &Value::Null).json();
        let volumes = volumes["Volumes"].as_array().cloned().unwrap_or_default();
        let found = volumes.into_iter().find(|it| it["Name"] == *name);
        self.tells(&found.unwrap_or_default(), &["/Name", "/Labels"], &[]);
    }

    fn request(&self, image: &str, service: &str) -> Value {
        let name = &self.name;
        json!({
            "Image": image,
            "Labels": {name: "yes", "com.docker.compose.service": service},
            "ExposedPorts": {"3000/tcp": {}},
            "HostConfig": {
                "NetworkMode": name,
                "PortBindings": {
                    "3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": self.port.to_string()}],
                },
                "Mounts": [{"Type": "volume", "Source": name, "Target": "/var/lib/grafana"}],
                "RestartPolicy": {"Name": "unless-stopped"},
            },
            "NetworkingConfig": {"EndpointsConfig": {name: {"Aliases": [service]}}},
        })
    }

    fn about_a_container(&mut self, image: &str) {
        let name = self.name.clone();
        let (create, path) = (
            self.request(image, "grafana"),
            format!("/containers/{name}"),
        );
        let creation = format!("/containers/create?name={name}");
        let image = self.call("GET", &format!("/images/{image}/json"), &Value::Null);
        self.take_down("image", &image);
        self.tells(&image.json(), &[], &["/Id"]);

        let made = self.does("POST", &creation, &create).json();
        self.tells(&made, &["/Warnings"], &["/Id"]);
        self.does("POST", &creation, &create);
        self.state_of_it();
        self.does("POST", &format!("{path}/stop"), &Value::Null);
        self.does("POST", &format!("{path}/unpause"), &Value::Null);
        let wait = format!("{path}/wait?condition=not-running");
        let exit = self.does("POST", &wait, &Value::Null).json();
        self.tells(&exit, &["/StatusCode"], &[]);
        self.files_of_it();

        self.does("POST", &format!("{path}/start"), &Value::Null);
        self.does("POST", &format!("{path}/start"), &Value::Null);
        self.state_of_it();
        self.does("DELETE", &path, &Value::Null);
        self.does("DELETE", &format!("/networks/{name}"), &Value::Null);
        self.does("DELETE", &format!("/volumes/{name}"), &Value::Null);
        let stats = format!("{path}/stats?stream=false&one-shot=true");
        let stats = self.does("GET", &stats, &Value::Null).json();
        self.tells(&stats, &[], &["/memory_stats/usage", "/memory_stats/stats"]);
        self.beside_it(&create);

        // Who waits for its end is told of it.
        let waiting = {
            let (socket, wait) = (self.socket.clone(), wait.clone());
            self.runtime
                .spawn(async move { call(&socket, "POST", &wait, "", Bytes::new()).await })
        };
        self.does("POST", &format!("{path}/stop"), &Value::Null);
        let exit = self.runtime.block_on(waiting).expect("it answers");
        self.tells(&exit.json(), &["/StatusCode"], &[]);
        self.state_of_it();
        self.what_was_noted("0");
        self.does(
            "POST",
            &format!("{path}/rename?name={name}-2"),
            &Value::Null,
        );
        self.does("GET", &format!("{path}/json"), &Value::Null);
        self.does("DELETE", &format!("{path}-2"), &Value::Null);
    }

    fn state_of_it(&mut self) {
        let name = self.name.clone();
        let listed = self.listed(&name);
        let networks = format!("/NetworkSettings/Networks/{name}");
        self.tells(
            &listed,
            &[
                "/Names",
                "/Image",
                "/State",
                "/Labels/com.docker.compose.service",
                "/Ports",
                "/HostConfig",
                "/Mounts/0/Type",
                "/Mounts/0/Name",
            ],
            &["/Id", "/ImageID", &networks],
        );
        let inspected = self.call("GET", &format!("/containers/{name}/json"), &Value::Null);
        self.tells(
            &inspected.json(),
            &[
                "/Name",
                "/State/Status",
                "/State/Running",
                "/State/Restarting",
                "/State/ExitCode",
                "/State/Error",
                "/State/OOMKilled",
                "/State/Health",
                "/RestartCount",
                "/Config/Image",
                "/NetworkSettings/Ports",
            ],
            &[
                "/Id",
                "/Image",
                "/State/Pid",
                "/State/StartedAt",
                "/State/FinishedAt",
            ],
        );
        let began = inspected.json()["State"]["StartedAt"] != "0001-01-01T00:00:00Z";
        let ended = inspected.json()["State"]["FinishedAt"] != "0001-01-01T00:00:00Z";
        let runs = inspected.json()["State"]["Pid"] != 0;
        self.told
            .push(format!("  began {began}, ended {ended}, runs {runs}"));
    }

    fn files_of_it(&mut self) {
        let path = format!("/containers/{}/archive?path=", self.name);
        for directory in ["%2Fetc", "%2Fnowhere"] {
            let answer = self.does("HEAD", &format!("{path}{directory}"), &Value::Null);
            let stat = answer.headers.get("x-docker-container-path-stat");
            let stat = stat.and_then(|stat| STANDARD.decode(stat).ok());
            let stat: Value = serde_json::from_slice(&stat.unwrap_or_default()).unwrap_or_default();
            let kinds = ["/size", "/mode", "/mtime", "/linkTarget"];
            self.tells(&stat, &["/name"], &kinds);
        }
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        let file = "nowhere/a";
        archive
            .append_data(&mut header, file, &b"hi"[..])
            .expect("it is written to memory");
        let archive = archive.into_inner().expect("it is written to memory");
        for body in [archive, b"no archive at all".repeat(100)] {
            let to = format!("{path}%2F");
            let kind = "application/x-tar";
            let answer = call(&self.socket, "PUT", &to, kind, body.into());
            let answer = self.runtime.block_on(answer);
            self.told.push(format!("archive: {}", answer.status));
        }
        self.does("HEAD", &format!("{path}%2Fnowhere"), &Value::Null);
    }

    /// What a second container is refused that wants the same name or port.
    fn beside_it(&mut self, create: &Value) {
        let name = self.name.clone();
        let path = format!("/containers/{name}-2");
        self.does("POST", &format!("/containers/create?name={name}-2"), create);
        self.does("POST", &format!("{path}/rename?name={name}"), &Value::Null);
        let start = format!("{path}/start");
        self.does("POST", &start, &Value::Null);
        let state = self
            .call("GET", &format!("{path}/json"), &Value::Null)
            .json();
        let places = ["/State/Status", "/State/ExitCode", "/State/Error"];
        self.tells(&state, &places, &[]);
        self.does("DELETE", &path, &Value::Null);

        // The same with a port that a process has.
        let free = free_ports()[0].1;
        let _held = TcpListener::bind(("127.0.0.1", free)).expect("it is free");
        let mut create = create.clone();
        create["HostConfig"]["PortBindings"]["3000/tcp"][0]["HostPort"] = json!(free.to_string());
        self.does(
            "POST",
            &format!("/containers/create?name={name}-2"),
            &create,
        );
        let refused = self.call("POST", &start, &Value::Null);
        let says = self.without_names(refused.json()["message"].as_str().unwrap_or_default());
        let says = says.replace(&free.to_string(), "HELD");
        self.told.push(format!("start: {} {says}", refused.status));
        self.does("DELETE", &format!("{path}?force=true"), &Value::Null);
    }

    /// Events and log of the container.
    fn what_was_noted(&mut self, code: &str) {
        let name = self.name.clone();
        let inspected = self.call("GET", &format!("/containers/{name}/json"), &Value::Null);
        let id = inspected.json()["Id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let filters = json!({"container": [id], "event": ["die"]}).to_string();
        let filters = utf8_percent_encode(&filters, NON_ALPHANUMERIC);
        let until = jiff::Timestamp::now().as_second() + 1;
        let path = format!("/events?since=0&until={until}&filters={filters}");
        let events = self.call("GET", &path, &Value::Null);
        self.told.push(format!("events: {}", events.status));
        let places = ["/Type", "/Action", "/Actor/ID", "/Actor/Attributes/name"];
        self.tells(&events.first(), &places, &[]);
        let noted = &events.first()["Actor"]["Attributes"]["exitCode"];
        assert_eq!(*noted, *code);

        let path =
            format!("/containers/{name}/logs?stdout=true&stderr=true&timestamps=true&tail=1");
        let log = self.call("GET", &path, &Value::Null);
        let (head, text) = log.body.split_at(log.body.len().min(8));
        let length: usize = head
            .iter()
            .skip(4)
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let text = String::from_utf8_lossy(text);
        let time = text.split(' ').next().unwrap_or_default();
        let time: Result<jiff::Timestamp, _> = time.parse();
        self.told.push(format!(
            "log: {} of {} in a frame, {}, ends {:?}",
            log.status,
            if length == text.len() { "all" } else { "part" },
            if time.is_ok() {
                "with its time"
            } else {
                "without a time"
            },
            text.chars().last(),
        ));
    }

    /// A container that ends is started again, until it is stopped.
    fn about_one_that_ends(&mut self, image: &str) {
        let name = self.name.clone();
        let mut create = self.request(image, "ends");
        create["Cmd"] = json!(["--config=/nowhere.yaml"]);
        let path = format!("/containers/{name}");
        self.does("POST", &format!("/containers/create?name={name}"), &create);
        self.does("POST", &format!("{path}/start"), &Value::Null);
        let deadline = Instant::now() + PATIENCE;
        let state = |engine: &Self| {
            engine
                .call("GET", &format!("{path}/json"), &Value::Null)
                .json()
        };
        // By then it is long enough between two runs that the calls below come in between.
        while state(self)["RestartCount"].as_i64() < Some(3) {
            assert!(Instant::now() < deadline, "it is never started again");
            std::thread::sleep(INTERVAL);
        }
        // Between two runs, its end is known.
        while state(self)["State"]["Status"] != "restarting" {
            assert!(Instant::now() < deadline, "it never ends again");
            std::thread::sleep(INTERVAL);
        }
        self.does("DELETE", &path, &Value::Null);
        self.does("POST", &format!("{path}/stop"), &Value::Null);
        let stopped = state(self);
        let places = ["/State/Status", "/State/Running", "/State/ExitCode"];
        self.tells(&stopped, &places, &[]);
        self.what_was_noted("1");
        self.does("DELETE", &path, &Value::Null);
        self.does("DELETE", &path, &Value::Null);
    }

    fn about_a_pull(&mut self, image: &str) {
        let pull = |image: &str| {
            let image = utf8_percent_encode(image, NON_ALPHANUMERIC);
            format!("/images/create?fromImage={image}")
        };
        let answer = self.call("POST", &pull(image), &Value::Null);
        let status = answer.last()["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.told.push(format!("pull: {} {status}", answer.status));
    }
}
