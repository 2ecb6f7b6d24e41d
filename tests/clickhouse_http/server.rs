//! A stack and a client of its ClickHouse that sees all of an answer.

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use tokio::runtime::Runtime;

use crate::support::stack::Stack;

/// A stack and a client of it.
pub struct Server {
    pub stack: Stack,
    pub runtime: Runtime,
    pub http: reqwest::Client,
}

/// An answer; its body may break off.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub whole: bool,
}

impl Server {
    pub fn start() -> Option<Self> {
        Some(Self {
            stack: Stack::start()?,
            runtime: Runtime::new().expect("a runtime can be made"),
            http: reqwest::Client::new(),
        })
    }

    /// A request with a user's credentials and this in its URL.
    pub fn request(&self, method: Method, url: &[(&str, &str)]) -> RequestBuilder {
        self.http
            .request(method, self.stack.clickhouse_url("/"))
            .basic_auth("telemetry", Some("telemetry_password"))
            .query(&[("database", "telemetry")])
            .query(url)
    }

    pub fn post(&self, url: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::POST, url).body(body))
    }

    pub fn get(&self, url: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::GET, url))
    }

    pub fn send(&self, request: RequestBuilder) -> Answer {
        self.runtime.block_on(async {
            let mut response = request.send().await.expect("ClickHouse answers");
            let (status, headers) = (response.status(), response.headers().clone());
            let mut body = Vec::new();
            let whole = loop {
                match response.chunk().await {
                    Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            Answer {
                status,
                headers,
                body,
                whole,
            }
        })
    }

    /// The identifiers of the statements that run.
    pub fn running(&self) -> String {
        let sql = "SELECT Settings['log_comment'] FROM system.processes
            WHERE query NOT LIKE '%system.processes%'";
        self.post(&[], sql).text()
    }

    /// Memory that the server's process has in use, in bytes.
    pub fn resident(&self) -> u64 {
        let pid = self.stack.server().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes
            .expect("it is told")
            .parse::<u64>()
            .expect("a number")
            << 10
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the answer is text")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("headers are text"))
    }

    pub fn code(&self) -> Option<u32> {
        self.header("x-clickhouse-exception-code")
            .map(|code| code.parse().expect("a number"))
    }

    /// A number of the summary.
    pub fn summary(&self, name: &str) -> u64 {
        let summary = self.header("x-clickhouse-summary").expect("there is one");
        let summary: serde_json::Value = serde_json::from_str(summary).expect("it is JSON");
        let number = summary[name].as_str().expect("numbers are strings");
        number.parse().expect("a number")
    }
}
