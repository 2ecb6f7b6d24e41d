//! One statement: its parameters, its settings, and ways to run it.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStream;
use serde::de::DeserializeOwned;

use super::{Answer, ClickHouseError, Client, Summary};

/// A statement in the making.
///
/// Values from outside are bound to `{name:Type}` in it and never become part of its text.
#[must_use = "a statement does nothing until it is run"]
#[derive(Clone, Debug)]
pub struct Query<'c> {
    client: &'c Client,
    sql: Cow<'c, str>,
    /// The URL's query: the database, settings, and bound values under `param_<name>`.
    options: Vec<(Cow<'c, str>, String)>,
    timeout: Option<Duration>,
}

impl<'c> Query<'c> {
    pub(super) fn new(client: &'c Client, sql: Cow<'c, str>) -> Self {
        Self {
            client,
            sql,
            options: Vec::new(),
            timeout: None,
        }
    }

    /// Sets the database that is meant where the statement names none.
    pub fn database(self, name: &str) -> Self {
        let mut query = self;
        query.options.retain(|(option, _)| option != "database");
        query.setting("database", name)
    }

    /// Binds a value to `{name:Type}`.
    pub fn param(mut self, name: &str, value: impl Display) -> Self {
        let option = format!("param_{name}");
        self.options
            .push((option.into(), escaped(&value.to_string())));
        self
    }

    /// Sets one of ClickHouse's settings for this statement.
    pub fn setting(mut self, name: &'c str, value: impl Display) -> Self {
        self.options.push((name.into(), value.to_string()));
        self
    }

    /// Gives up on the whole answer after this long; without, a statement may take any time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Runs a statement whose result nobody wants.
    pub async fn execute(self) -> Result<Summary, ClickHouseError> {
        let mut answer = self.answer("Null").await?;
        while answer.chunk().await?.is_some() {}
        Ok(answer.summary())
    }

    /// Runs the statement and gives the rows of its result, each as a struct with a field per
    /// column. All of them are held in memory. Text that is not UTF-8 comes with replacement
    /// characters.
    pub async fn rows<T: DeserializeOwned>(self) -> Result<Vec<T>, ClickHouseError> {
        let query = self
            .setting("output_format_json_quote_64bit_integers", 0)
            .setting("output_format_json_quote_denormals", 0)
            .setting("output_format_json_validate_utf8", 1);
        let mut answer = query.answer("JSONEachRow").await?;
        let mut lines = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            lines.extend_from_slice(&chunk);
        }
        lines
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(ClickHouseError::Malformed))
            .collect()
    }

    /// Runs a statement whose result is one row.
    pub async fn row<T: DeserializeOwned>(self) -> Result<T, ClickHouseError> {
        let rows = self.rows().await?;
        rows.into_iter().next().ok_or(ClickHouseError::NoRow)
    }

    /// Runs the statement and gives its result as bytes, as they come: in `format`, unless the
    /// statement itself has a `FORMAT`.
    pub async fn answer(self, format: &str) -> Result<Answer, ClickHouseError> {
        let body = self.sql.clone().into_owned();
        let query = self.setting("default_format", format);
        let request = query.request().body(body);
        query.send(request).await
    }

    /// Runs an `INSERT … FORMAT …` on data that comes as a stream.
    ///
    /// If the data fails to come, the statement fails; what of it has become rows is up to
    /// ClickHouse.
    pub async fn insert<S>(self, data: S) -> Result<Summary, ClickHouseError>
    where
        S: TryStream<Ok = Bytes> + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let sql = self.sql.clone().into_owned();
        let query = self.setting("query", sql);
        let request = query.request().body(reqwest::Body::wrap_stream(data));
        let mut answer = query.send(request).await?;
        while answer.chunk().await?.is_some() {}
        Ok(answer.summary())
    }

    fn request(&self) -> reqwest::RequestBuilder {
        let request = self.client.post().query(&self.options);
        match self.timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, ClickHouseError> {
        match request.send().await {
            Ok(response) => Answer::new(response, self.client).await,
            Err(error) => Err(ClickHouseError::unreachable(self.client.url(), error)),
        }
    }
}

/// A bound value as ClickHouse reads it from a URL: in the escaping of its `TabSeparated` format.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\0' => escaped.push_str("\\0"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use serde::Deserialize;

    use super::super::fake::{FakeClickHouse, Reply};
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        name: String,
        n: u64,
    }

    #[tokio::test]
    async fn rows_come_as_structs_and_values_are_bound_beside_the_sql() {
        let server = FakeClickHouse::start([Reply::ok(
            "{\"name\":\"a\",\"n\":18446744073709551615}\n{\"name\":\"b\",\"n\":2}\n",
        )])
        .await;
        let rows: Vec<Row> = server
            .client()
            .query("SELECT {x:String}")
            .param("x", "it's a\\b\n&c=d")
            .rows()
            .await
            .unwrap();
        assert_eq!(rows[0].n, u64::MAX);
        assert_eq!(rows[1].name, "b");

        let request = server.requests().pop().unwrap();
        assert_eq!(request.body, "SELECT {x:String}");
        assert_eq!(request.option("param_x"), Some("it's a\\\\b\\n&c=d"));
        assert_eq!(request.option("database"), Some("telemetry"));
        assert_eq!(request.option("default_format"), Some("JSONEachRow"));
        assert_eq!(
            (request.user.as_str(), request.password.as_str()),
            ("telemetry", "sécret")
        );
    }

    #[tokio::test]
    async fn an_insert_streams_its_data_and_counts_rows() {
        let server = FakeClickHouse::start([
            Reply::ok("").with("X-ClickHouse-Summary", r#"{"written_rows":"3"}"#)
        ])
        .await;
        let data = stream::iter(["one", "two"].map(|s| Ok::<_, std::io::Error>(Bytes::from(s))));
        let summary = server
            .client()
            .query("INSERT INTO t FORMAT Native")
            .insert(data)
            .await
            .unwrap();
        assert_eq!(summary.written_rows, 3);
        let request = server.requests().pop().unwrap();
        assert_eq!(request.body, "onetwo");
        assert_eq!(request.option("query"), Some("INSERT INTO t FORMAT Native"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_unreachable() {
        let server = FakeClickHouse::start([]).await;
        let client = server.client();
        drop(server);
        let error = client.query("SELECT 1").execute().await.unwrap_err();
        assert!(
            matches!(error, ClickHouseError::Unreachable { .. }),
            "{error:?}"
        );
    }
}
