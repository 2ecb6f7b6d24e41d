//! The answer to a statement, as it comes.

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use serde::Deserialize;

use super::{ClickHouseError, Client, Exception};

/// The most that is read of an exception, in bytes; ClickHouse itself stops at 16 KiB.
const LONGEST_EXCEPTION: usize = 1 << 20;

/// The answer to a statement, as it comes.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    format: Option<String>,
    summary: Summary,
    /// Begins an exception amid the data.
    marker: Vec<u8>,
    /// A marker and what came after it, or the start of what may become one.
    held: BytesMut,
}

/// What ClickHouse counted when the answer began, which for an `INSERT` is when it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows that were written.
    pub written_rows: u64,
}

impl Answer {
    /// Waits for the end of the exception, if the answer is one.
    pub(super) async fn new(response: Response, client: &Client) -> Result<Self, ClickHouseError> {
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let is_exception = header("x-clickhouse-exception-code").is_some();
        let answer = Self {
            format: header("x-clickhouse-format"),
            summary: header("x-clickhouse-summary")
                .map(|text| Summary::parse(&text))
                .unwrap_or_default(),
            marker: header("x-clickhouse-exception-tag")
                .map(|tag| marker(&tag))
                .unwrap_or_default(),
            held: BytesMut::new(),
            response,
        };
        if answer.response.status().is_success() && !is_exception {
            return Ok(answer);
        }
        Err(answer.into_refusal(client).await)
    }

    async fn into_refusal(mut self, client: &Client) -> ClickHouseError {
        let mut text = BytesMut::new();
        while text.len() < LONGEST_EXCEPTION {
            match self.response.chunk().await {
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                // What came is enough if it is an exception.
                Ok(None) | Err(_) => break,
            }
        }
        match Exception::parse(&String::from_utf8_lossy(&text)) {
            Some(source) if source.is_unauthorized() => ClickHouseError::Unauthorized {
                user: client.user().to_owned(),
                source,
            },
            Some(exception) => ClickHouseError::Query(exception),
            None => ClickHouseError::NotClickHouse {
                url: client.url().to_owned(),
                status: self.response.status(),
            },
        }
    }

    /// The format of the data, if there is any.
    pub fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    /// What ClickHouse counted.
    pub const fn summary(&self) -> Summary {
        self.summary
    }

    /// The next piece of the data; `None` at its end.
    ///
    /// # Errors
    ///
    /// When the statement fails half-way, or the connection does.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClickHouseError> {
        loop {
            if !self.marker.is_empty() && self.held.starts_with(&self.marker) {
                let start = self.held.split_off(self.marker.len());
                return Err(self.exception_after(&start).await);
            }
            let chunk = match self.response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) if self.held.is_empty() => return Ok(None),
                Ok(None) => return Ok(Some(self.held.split().freeze())),
                Err(error) => return Err(ClickHouseError::Broken(error.without_url())),
            };
            let chunk = if self.held.is_empty() {
                chunk
            } else {
                self.held.extend_from_slice(&chunk);
                self.held.split().freeze()
            };
            let length = find(&chunk, &self.marker)
                .unwrap_or_else(|| chunk.len() - start_of_marker(&chunk, &self.marker));
            self.held.extend_from_slice(&chunk[length..]);
            if length > 0 {
                return Ok(Some(chunk.slice(..length)));
            }
        }
    }

    /// Reads the exception whose text begins with `start`. The connection breaks off behind it.
    async fn exception_after(&mut self, start: &[u8]) -> ClickHouseError {
        let mut text = start.to_vec();
        while text.len() < LONGEST_EXCEPTION {
            match self.response.chunk().await {
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        let text = String::from_utf8_lossy(&text);
        // Behind it, its length and the tag once more, for those who read backwards.
        let message = match text.trim_end().strip_suffix("__exception__") {
            Some(text) => text
                .trim_end()
                .rsplit_once('\n')
                .map_or(text, |(text, _)| text),
            None => &text,
        };
        ClickHouseError::Query(Exception::parse(message).unwrap_or_else(|| Exception {
            code: 0,
            name: None,
            message: message.trim().to_owned(),
        }))
    }
}

/// What begins an exception amid data, since ClickHouse 25.11; the response's head announces the
/// tag, so that no data can look like it.
fn marker(tag: &str) -> Vec<u8> {
    format!("\r\n__exception__\r\n{tag}\r\n").into_bytes()
}

fn find(data: &[u8], marker: &[u8]) -> Option<usize> {
    if marker.is_empty() {
        return None;
    }
    data.windows(marker.len())
        .position(|window| window == marker)
}

/// How many bytes at the end of `data` are the start of a marker.
fn start_of_marker(data: &[u8], marker: &[u8]) -> usize {
    (1..marker.len())
        .rev()
        .find(|&length| data.ends_with(&marker[..length]))
        .unwrap_or(0)
}

impl Summary {
    /// Reads the header, in which every number is a string.
    fn parse(header: &str) -> Self {
        #[derive(Deserialize)]
        struct Header {
            written_rows: Option<String>,
        }
        let written_rows = serde_json::from_str::<Header>(header)
            .ok()
            .and_then(|header| header.written_rows?.parse().ok())
            .unwrap_or_default();
        Self { written_rows }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{FakeClickHouse, Reply};
    use super::*;
    use crate::error::{Code, Failure as _};

    const TAG: &str = "abcdefghijklmnop";

    fn broken_off(pieces: &[&str]) -> Reply {
        Reply::pieces(pieces.iter().map(|piece| (*piece).to_owned()))
            .with("X-ClickHouse-Exception-Tag", TAG)
    }

    async fn read(reply: Reply) -> (String, Result<(), ClickHouseError>) {
        let server = FakeClickHouse::start([reply]).await;
        let client = server.client();
        let mut answer = client.query("SELECT").answer("TSV").await.unwrap();
        let mut data = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => data.extend_from_slice(&chunk),
                Ok(None) => return (String::from_utf8(data).unwrap(), Ok(())),
                Err(error) => return (String::from_utf8(data).unwrap(), Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn an_exception_amid_the_data_is_told_apart_wherever_it_is_cut() {
        let whole = format!(
            "1\n2\n\r\n__exception__\r\n{TAG}\r\nCode: 159. DB::Exception: Too slow. (TIMEOUT_EXCEEDED)\n55 {TAG}\r\n__exception__\r\n"
        );
        for cut in 1..whole.len() {
            let (first, second) = whole.split_at(cut);
            let (data, result) = read(broken_off(&[first, second])).await;
            assert_eq!(data, "1\n2\n", "cut at {cut}");
            let Err(ClickHouseError::Query(exception)) = result else {
                panic!("cut at {cut}: {result:?}");
            };
            assert_eq!(exception.code, 159);
            assert_eq!(exception.message, "Too slow.");
        }
    }

    #[tokio::test]
    async fn data_that_resembles_a_marker_is_data() {
        let pieces = ["a\r\n__exception__\r\n", "other", "\r\n"];
        let (data, result) = read(broken_off(&pieces)).await;
        assert_eq!(data, pieces.concat());
        assert!(result.is_ok());
    }

    #[tokio::test]
    async fn a_refusal_is_an_exception_with_a_hint() {
        let text = "Code: 60. DB::Exception: Unknown table x. (UNKNOWN_TABLE) (version 26.7)\n";
        let server = FakeClickHouse::start([Reply::status(404, text)]).await;
        let client = server.client();
        let error = client.query("SELECT").execute().await.unwrap_err();
        assert_eq!(error.exception().map(|exception| exception.code), Some(60));
        assert!(error.hint().unwrap().contains("SHOW TABLES"));
    }

    #[tokio::test]
    async fn wrong_credentials_name_the_variables() {
        let text = "Code: 516. DB::Exception: telemetry: Authentication failed. (AUTHENTICATION_FAILED) (version 26.7)\n";
        let server = FakeClickHouse::start([Reply::status(403, text)]).await;
        let client = server.client();
        let error = client.query("SELECT").execute().await.unwrap_err();
        assert_eq!(error.code(), Code::Unauthorized);
        assert!(error.hint().unwrap().contains("`CLICKHOUSE_PASSWORD`"));
    }

    #[tokio::test]
    async fn another_program_on_the_port_is_recognised() {
        let server = FakeClickHouse::start([Reply::status(404, "<html>")]).await;
        let client = server.client();
        let error = client.query("SELECT").execute().await.unwrap_err();
        assert!(error.to_string().contains("is not ClickHouse"), "{error}");
    }
}
