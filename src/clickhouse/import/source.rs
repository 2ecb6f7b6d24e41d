//! The ClickHouse that telemetry comes from.

use bytes::Bytes;
use futures_util::TryStream;
use futures_util::stream;
use reqwest::Url;
use serde::Deserialize;

use super::super::backup::schema::{COLUMNS, columns, quoted};
use super::super::{ClickHouseError, Client, Column, DataTable};
use super::ImportError;
use super::mapping::Mapping;
use crate::error::{Code, Failure};

/// Who is asked for, where a URL does not say: the user that the Makefile project makes, and this
/// program too.
pub const USER: &str = "telemetry";
/// The password of that user.
pub const PASSWORD: &str = "telemetry_password";
const DATABASE: &str = "telemetry";

/// The ClickHouse that telemetry comes from.
#[derive(Clone, Debug)]
pub struct Source {
    client: Client,
    database: String,
}

/// A URL names no ClickHouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`--from-url` names no ClickHouse: expected the URL of its HTTP interface, such as `http://USER:PASSWORD@HOST:8123`"
)]
pub struct SourceUrlError;

impl Failure for SourceUrlError {
    fn code(&self) -> Code {
        Code::Usage
    }
}

/// A day of a table: a partition here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Day {
    /// Its date as a number, such as 20261231.
    pub(super) partition: u32,
    /// How many rows it has.
    pub(super) rows: u64,
}

impl Day {
    /// The day on which everything before it is kept too.
    pub(super) const FIRST: u32 = 20_000_101;
}

impl Source {
    /// The one at a URL, which may have a user and a password in it, and a database as its path.
    ///
    /// # Errors
    ///
    /// When it is no such URL.
    pub fn new(http: reqwest::Client, url: &str) -> Result<Self, SourceUrlError> {
        let mut url = Url::parse(url).map_err(|_| SourceUrlError)?;
        if url.scheme() != "http" || !url.has_host() || url.query().is_some() {
            return Err(SourceUrlError);
        }
        let decoded = |text: &str| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8();
            let text = text.map_err(|_| SourceUrlError)?.into_owned();
            if text.contains(char::is_control) {
                return Err(SourceUrlError);
            }
            Ok(text)
        };
        let user = match url.username() {
            "" => USER.to_owned(),
            user => decoded(user)?,
        };
        let password = match url.password() {
            None if url.username().is_empty() => PASSWORD.to_owned(),
            password => decoded(password.unwrap_or_default())?,
        };
        let database = match url.path().trim_matches('/') {
            "" => DATABASE.to_owned(),
            database => decoded(database)?,
        };
        // What is shown in messages is without the password.
        url.set_username("").map_err(|()| SourceUrlError)?;
        url.set_password(None).map_err(|()| SourceUrlError)?;
        url.set_path("");
        let url = url.as_str().trim_end_matches('/');
        Ok(Self {
            client: Client::new(http, url, user, &password),
            database,
        })
    }

    /// The database that the Makefile project makes, by a client of its ClickHouse.
    pub fn of(client: Client) -> Self {
        Self {
            client,
            database: DATABASE.to_owned(),
        }
    }

    /// The columns of a table; none if it is not there.
    pub(super) async fn columns(&self, table: DataTable) -> Result<Vec<Column>, ImportError> {
        // No database is selected: it may not be there.
        let query = self
            .client
            .query(COLUMNS.replace("currentDatabase()", "{database:String}"));
        let query = query.database("default").param("database", &self.database);
        columns(query, table)
            .await
            .map_err(|error| self.failed(error))
    }

    /// The days of a table, the oldest first.
    pub(super) async fn days(
        &self,
        table: DataTable,
        mapping: &Mapping,
    ) -> Result<Vec<Day>, ImportError> {
        let sql = format!(
            "SELECT {} AS partition, count() AS rows FROM {} GROUP BY partition ORDER BY partition",
            partition(mapping),
            self.table(table)
        );
        let rows = self.client.query(sql).database("default").rows();
        rows.await.map_err(|error| self.failed(error))
    }

    /// The rows of a day, in format `Native`.
    pub(super) async fn select(
        &self,
        table: DataTable,
        mapping: &Mapping,
        day: Day,
    ) -> Result<impl TryStream<Ok = Bytes, Error = ClickHouseError> + Send + 'static, ImportError>
    {
        let sql = format!(
            "SELECT\n    {}\nFROM {}\nWHERE {} = {}",
            mapping.select_list(),
            self.table(table),
            partition(mapping),
            day.partition
        );
        let answer = self.client.query(sql).database("default").answer("Native");
        let answer = answer.await.map_err(|error| self.failed(error))?;
        Ok(stream::try_unfold(answer, |mut answer| async {
            let chunk = answer.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, answer)))
        }))
    }

    /// There is nothing to bring over.
    pub(super) fn nothing(&self) -> ImportError {
        ImportError::Nothing {
            url: self.client.url().to_owned(),
            database: self.database.clone(),
        }
    }

    fn table(&self, table: DataTable) -> String {
        format!("{}.{table} AS source", quoted(&self.database))
    }

    fn failed(&self, source: ClickHouseError) -> ImportError {
        ImportError::Source {
            url: self.client.url().to_owned(),
            source,
        }
    }
}

/// The partition that a row of the source belongs to here, as the schema has it.
fn partition(mapping: &Mapping) -> String {
    format!(
        "toYYYYMMDD(toDate(least(greatest({}, toDateTime64('2000-01-01 00:00:00', 9, 'UTC')), \
         toDateTime64('2100-01-01 00:00:00', 9, 'UTC'))))",
        mapping.timestamp()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> Result<Source, SourceUrlError> {
        Source::new(reqwest::Client::new(), url)
    }

    #[test]
    fn a_url_says_who_and_where_and_messages_keep_the_password_back() {
        let source = source("http://me:p%40ss@db:8123/old/").unwrap();
        assert_eq!(source.client.user(), "me");
        assert_eq!(source.client.url(), "http://db:8123");
        assert_eq!(source.database, "old");
        assert!(!format!("{source:?}").contains("p@ss"));
    }

    #[test]
    fn what_a_url_leaves_out_is_what_the_makefile_project_has() {
        let source = source("http://127.0.0.1:8123").unwrap();
        assert_eq!(source.client.user(), "telemetry");
        assert_eq!(source.database, "telemetry");
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "",
            "127.0.0.1:8123",
            "tcp://db:9000",
            "http://",
            "http://x/?a=b",
            "http://a%00b@x",
        ] {
            assert_eq!(source(url).err(), Some(SourceUrlError), "{url}");
        }
    }
}
