//! The calls of the API.

use std::{collections::BTreeMap, fmt, io, sync::Arc};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, body::Incoming};
use serde_json::{Value, json};

use super::{
    Shared,
    answer::{Answer, empty, refusal, stream, value},
    containers::Named,
    fault::Effect,
    locked, pull,
    state::{Resource, new_id},
};

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// Without a version.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
}

/// With what tells apart calls of the same path.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        let told = ["name", "fromImage"];
        for (name, value) in told
            .iter()
            .filter_map(|name| Some((name, self.query.get(*name)?)))
        {
            write!(f, "?{name}={value}")?;
        }
        Ok(())
    }
}

impl Call {
    async fn read(request: Request<Incoming>) -> io::Result<Self> {
        let (head, body) = request.into_parts();
        let url = reqwest::Url::parse(&format!("http://engine{}", head.uri));
        let url = url.map_err(io::Error::other)?;
        let body = body.collect().await.map_err(io::Error::other)?;
        let path = match url
            .path()
            .strip_prefix("/v1.")
            .and_then(|it| it.split_once('/'))
        {
            Some((_, rest)) => format!("/{rest}"),
            None => url.path().to_owned(),
        };
        let path = percent_encoding::percent_decode_str(&path);
        let headers = head.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        Ok(Self {
            method: head.method,
            path: path.decode_utf8_lossy().into_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers: headers.collect(),
            body: body.to_bytes(),
        })
    }

    pub fn option(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    pub fn is_set(&self, name: &str) -> bool {
        matches!(self.option(name), Some("1" | "true" | "True"))
    }

    /// The values of a filter.
    pub fn filter(&self, name: &str) -> Vec<String> {
        let filters: Value = self
            .option("filters")
            .and_then(|filters| serde_json::from_str(filters).ok())
            .unwrap_or_default();
        match &filters[name] {
            Value::Array(values) => {
                let values = values.iter().filter_map(Value::as_str);
                values.map(str::to_owned).collect()
            }
            Value::Object(values) => values.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it changes something.
    pub fn changes(&self) -> bool {
        let reads = self.method == Method::GET || self.method == Method::HEAD;
        !reads && !self.path.ends_with("/wait")
    }
}

/// Answers a call, as faults allow. An error cuts the connection.
pub async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Answer> {
    let call = Call::read(request).await?;
    locked(&shared.calls).push(call.clone());
    let cut = || Err(io::Error::from(io::ErrorKind::ConnectionAborted));
    match shared.faults.of(&call) {
        None => Ok(carry_out(shared, &call, None)),
        Some(Effect::Refuse(status, message)) => Ok(refusal(status, message)),
        Some(Effect::Hang) => std::future::pending().await,
        Some(Effect::CutBefore) => cut(),
        Some(Effect::CutAfter) => {
            carry_out(shared, &call, None);
            cut()
        }
        Some(Effect::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            Ok(carry_out(shared, &call, None))
        }
        Some(Effect::Pause(gate)) => {
            gate.pass().await;
            Ok(carry_out(shared, &call, None))
        }
        Some(Effect::Say(said)) => Ok(carry_out(shared, &call, Some(said))),
    }
}

fn carry_out(shared: Arc<Shared>, call: &Call, said: Option<Vec<pull::Said>>) -> Answer {
    let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    // Names of images have slashes.
    if let Some(image) = call
        .path
        .strip_prefix("/images/")
        .and_then(|it| it.strip_suffix("/json"))
    {
        return match shared.state().images.get(image) {
            Some(id) => value(
                200,
                &json!({"Id": id, "RepoTags": [image], "RepoDigests": []}),
            ),
            None => refusal(
                404,
                format!("no such image: {image}: No such image: {image}"),
            ),
        };
    }
    match (call.method.as_str(), path.as_slice()) {
        ("GET" | "HEAD", ["_ping"]) => empty(200),
        ("GET", ["version"]) => value(
            200,
            &json!({"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux"}),
        ),
        ("GET", ["info"]) => value(
            200,
            &json!({"ServerVersion": "20.10.24", "MemTotal": 8_u64 << 30, "DockerRootDir": "/"}),
        ),
        ("GET", ["events"]) => events(&shared, call),
        ("POST", ["images", "create"]) => pull::pull(shared, call, said),
        ("GET", ["networks"]) => {
            let state = shared.state();
            let networks = state.networks.iter();
            value(
                200,
                &networks.map(|(name, it)| it.as_network(name)).collect(),
            )
        }
        ("POST", ["networks", "create"]) => create_network(&shared, &call.json()),
        ("DELETE", ["networks", name]) => remove_network(&shared, name),
        ("POST", ["networks", name, "connect"]) => connect_network(&shared, name, &call.json()),
        ("GET", ["volumes"]) => {
            let state = shared.state();
            let volumes: Vec<_> = state
                .volumes
                .iter()
                .map(|(name, it)| it.as_volume(name))
                .collect();
            value(200, &json!({"Volumes": volumes, "Warnings": null}))
        }
        ("POST", ["volumes", "create"]) => create_volume(&shared, &call.json()),
        ("DELETE", ["volumes", name]) => remove_volume(&shared, name),
        ("GET", ["containers", "json"]) => list_containers(&shared, call),
        ("POST", ["containers", "create"]) => Named::create(&shared, call),
        (method, ["containers", name, rest @ ..]) => {
            let named = Named {
                shared,
                name: (*name).to_owned(),
            };
            named.answer(method, rest, call)
        }
        _ => refusal(404, "page not found"),
    }
}

fn list_containers(shared: &Shared, call: &Call) -> Answer {
    let state = shared.state();
    let labels = call.filter("label");
    let mut listed: Vec<_> = state
        .containers
        .values()
        .filter(|it| call.is_set("all") || it.status.runs())
        .filter(|it| labels.iter().all(|label| it.has_label(label)))
        .collect();
    // The newest comes first.
    listed.sort_by_key(|it| std::cmp::Reverse(it.created));
    value(
        200,
        &listed.into_iter().map(|it| state.summary(it)).collect(),
    )
}

/// What has happened, and what happens from now on: that is never anything.
fn events(shared: &Shared, call: &Call) -> Answer {
    use futures_util::StreamExt as _;
    let state = shared.state();
    let (containers, actions) = (call.filter("container"), call.filter("event"));
    let wanted = |event: &&Value| {
        let of = |key: &str, values: &[String]| {
            values.is_empty() || values.iter().any(|value| event[key] == **value)
        };
        let attributes = &event["Actor"]["Attributes"];
        let named = containers.iter().any(|name| attributes["name"] == **name);
        (named || of("id", &containers)) && of("Action", &actions)
    };
    let events: Vec<_> = state.events.iter().filter(wanted).collect();
    let lines = events
        .into_iter()
        .map(|event| Ok(Bytes::from(format!("{event}\n"))));
    let past = futures_util::stream::iter(lines.collect::<Vec<_>>());
    if call.option("until").is_some() {
        stream("application/json", past)
    } else {
        stream(
            "application/json",
            past.chain(futures_util::stream::pending()),
        )
    }
}

fn create_network(shared: &Shared, request: &Value) -> Answer {
    let name = request["Name"].as_str().unwrap_or_default();
    let mut state = shared.state();
    // Without being asked to look, it makes another of the same name.
    if state.networks.contains_key(name) && request["CheckDuplicate"] == true {
        return refusal(409, format!("network with name {name} already exists"));
    }
    let network = Resource::new(request["Labels"].clone());
    let id = network.id.clone();
    state.networks.insert(name.to_owned(), network);
    drop(state);
    shared.change();
    value(201, &json!({"Id": id, "Warning": ""}))
}

fn remove_network(shared: &Shared, name: &str) -> Answer {
    let mut state = shared.state();
    let Some(name) = state.network(name) else {
        return refusal(404, format!("network {name} not found"));
    };
    let used = |it: &super::state::Container| it.status.runs() && it.networks.contains(&name);
    if state.containers.values().any(used) {
        let id = &state.networks[&name].id;
        let why = format!("network {name} id {id} has active endpoints");
        return refusal(403, format!("error while removing network: {why}"));
    }
    state.networks.remove(&name);
    drop(state);
    shared.change();
    empty(204)
}

fn connect_network(shared: &Shared, name: &str, request: &Value) -> Answer {
    let mut state = shared.state();
    let Some(network) = state.network(name) else {
        return refusal(404, format!("network {name} not found"));
    };
    let container = request["Container"].as_str().unwrap_or_default();
    let Some(container) = state.container_mut(container) else {
        return super::answer::no_such_container(container);
    };
    container.networks.insert(network);
    empty(200)
}

/// One that is there already is given as it is.
fn create_volume(shared: &Shared, request: &Value) -> Answer {
    let name = request["Name"].as_str().map_or_else(new_id, str::to_owned);
    let mut state = shared.state();
    let labels = request["Labels"].clone();
    let volume = state.volumes.entry(name.clone());
    let told = volume
        .or_insert_with(|| Resource::new(labels))
        .as_volume(&name);
    drop(state);
    shared.change();
    value(201, &told)
}

fn remove_volume(shared: &Shared, name: &str) -> Answer {
    let mut state = shared.state();
    if !state.volumes.contains_key(name) {
        return refusal(404, format!("get {name}: no such volume"));
    }
    let mut users = state.containers.values();
    if let Some(user) = users.find(|it| it.volumes().any(|volume| volume == name)) {
        let why = format!("remove {name}: volume is in use - [{}]", user.id);
        return refusal(409, why);
    }
    state.volumes.remove(name);
    drop(state);
    shared.change();
    empty(204)
}
