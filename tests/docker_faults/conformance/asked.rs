//! An engine that is asked, and what it has told.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::support::docker::free_ports;

/// An engine that is asked.
pub struct Asked {
    pub socket: PathBuf,
    pub runtime: tokio::runtime::Runtime,
    /// What the names of all that is made begin with.
    pub name: String,
    pub port: u16,
    /// What it has told, line by line.
    pub told: Vec<String>,
}

/// What it answers.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first line of JSON lines.
    pub fn first(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(text.lines().next().unwrap_or_default()).unwrap_or_default()
    }

    /// The last line of JSON lines.
    pub fn last(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        let last = text.lines().rfind(|line| !line.is_empty());
        serde_json::from_str(last.unwrap_or_default()).unwrap_or_default()
    }
}

impl Asked {
    pub fn new(socket: &Path, short: &str) -> Self {
        Self {
            socket: socket.to_owned(),
            runtime: tokio::runtime::Runtime::new().expect("threads can be had"),
            name: format!("t-{short}{}", std::process::id()),
            port: free_ports()[0].1,
            told: Vec::new(),
        }
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        self.runtime.block_on(call(
            &self.socket,
            method,
            path,
            "application/json",
            body.into(),
        ))
    }

    /// Takes down a status, and the words of a refusal.
    pub fn take_down(&mut self, what: &str, answer: &Answer) {
        let says = match answer.json()["message"].as_str() {
            Some(message) if answer.status >= 400 => self.without_names(message),
            _ => String::new(),
        };
        self.told.push(format!("{what}: {} {says}", answer.status));
    }

    pub fn does(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let answer = self.call(method, path, body);
        let what = format!("{method} {path}");
        self.take_down(&self.without_names(&what), &answer);
        answer
    }

    /// Takes down what is told at a place: as it is, or only of which kind.
    pub fn tells(&mut self, told: &Value, exactly: &[&str], kinds: &[&str]) {
        for place in exactly {
            let value = told.pointer(place).unwrap_or(&Value::Null).to_string();
            let value = self.without_names(&value);
            self.told.push(format!("  {place} = {value}"));
        }
        for place in kinds {
            let kind = match told.pointer(place) {
                None | Some(Value::Null) => "nothing",
                Some(Value::Bool(_)) => "bool",
                Some(Value::Number(_)) => "number",
                Some(Value::String(_)) => "string",
                Some(Value::Array(_)) => "array",
                Some(Value::Object(_)) => "object",
            };
            let place = self.without_names(place);
            self.told.push(format!("  {place} is {kind}"));
        }
    }

    /// Without what is different in every run.
    pub fn without_names(&self, text: &str) -> String {
        let text = text
            .replace(&self.name, "NAME")
            .replace(&self.port.to_string(), "PORT");
        // Ids are long and hexadecimal.
        let is_id = |word: &&str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
        let ids: Vec<String> = text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(is_id)
            .map(str::to_owned)
            .collect();
        ids.into_iter()
            .fold(text, |text, id| text.replace(&id, "ID"))
    }

    /// What it tells of the first container that is listed with a label.
    pub fn listed(&self, name: &str) -> Value {
        let filters = json!({"label": [format!("{}=yes", self.name)]}).to_string();
        let filters = utf8_percent_encode(&filters, NON_ALPHANUMERIC);
        let path = format!("/containers/json?all=true&filters={filters}");
        let listed = self.call("GET", &path, &Value::Null).json();
        let mut listed = listed.as_array().cloned().unwrap_or_default().into_iter();
        let found = listed.find(|it| it["Names"][0] == format!("/{name}"));
        found.unwrap_or_default()
    }
}

/// What was made is gone when all is told, or when something went wrong.
impl Drop for Asked {
    fn drop(&mut self) {
        let name = &self.name;
        for path in [
            format!("/containers/{name}?force=true"),
            format!("/containers/{name}-2?force=true"),
            format!("/networks/{name}"),
            format!("/volumes/{name}"),
        ] {
            self.call("DELETE", &path, &Value::Null);
        }
    }
}

/// One call, by a connection of its own.
pub async fn call(socket: &Path, method: &str, path: &str, kind: &str, body: Bytes) -> Answer {
    let stream = UnixStream::connect(socket).await.expect("it listens");
    let (mut client, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .expect("it speaks HTTP");
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "engine")
        .header("content-type", kind)
        .body(Full::new(body))
        .expect("it is a request");
    let answer = client.send_request(request).await.expect("it answers");
    let (head, body) = answer.into_parts();
    let body = body.collect().await.expect("it answers to the end");
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.to_bytes(),
    }
}
