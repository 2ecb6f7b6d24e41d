//! The answer to a statement of which nothing is known, row by row.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Answer, ClickHouseError, Query};

/// The format that a result set is read from: an array of names, an array of types, then an array
/// for each row, each on a line.
const FORMAT: &str = "JSONCompactEachRowWithNamesAndTypes";

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name; several can have the same.
    pub name: String,
    /// Its type, as ClickHouse writes it.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// Rows as they come. Dropped before the end, the statement is cancelled.
#[derive(Debug)]
pub struct ResultSet {
    lines: Lines,
    columns: Vec<Column>,
}

/// What a statement answers with.
#[derive(Debug)]
pub enum Outcome {
    /// Rows.
    Rows(ResultSet),
    /// Bytes in a format that the statement itself names.
    Formatted(Answer),
    /// Nothing: it was no `SELECT`.
    Done {
        /// Rows that were written.
        written_rows: u64,
    },
}

impl Outcome {
    /// Runs a statement.
    ///
    /// Numbers come with all their digits, and text that is not UTF-8 with replacement characters.
    pub async fn of(query: Query<'_>) -> Result<Self, ClickHouseError> {
        let answer = query
            .setting("output_format_json_quote_64bit_integers", 0)
            .setting("output_format_json_quote_denormals", 1)
            .setting("output_format_json_validate_utf8", 1)
            .answer(FORMAT)
            .await?;
        if answer.format().is_some_and(|format| format != FORMAT) {
            return Ok(Self::Formatted(answer));
        }
        let written_rows = answer.summary().written_rows;
        let mut lines = Lines::new(answer);
        let (Some(names), Some(types)) = (lines.next().await?, lines.next().await?) else {
            return Ok(Self::Done { written_rows });
        };
        let parse = |line: &RawValue| serde_json::from_str::<Vec<String>>(line.get());
        let names = parse(&names).map_err(ClickHouseError::Malformed)?;
        let types = parse(&types).map_err(ClickHouseError::Malformed)?;
        let columns = names
            .into_iter()
            .zip(types)
            .map(|(name, type_name)| Column { name, type_name })
            .collect();
        Ok(Self::Rows(ResultSet { lines, columns }))
    }
}

impl ResultSet {
    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The next row: a JSON array of a value for each column.
    pub async fn next(&mut self) -> Result<Option<Box<RawValue>>, ClickHouseError> {
        self.lines.next().await
    }
}

/// Cuts an answer into lines of JSON.
#[derive(Debug)]
struct Lines {
    answer: Answer,
    held: BytesMut,
    /// Where in `held` the search for an end of line goes on.
    searched: usize,
}

impl Lines {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            held: BytesMut::new(),
            searched: 0,
        }
    }

    async fn next(&mut self) -> Result<Option<Box<RawValue>>, ClickHouseError> {
        loop {
            let end = self.held[self.searched..]
                .iter()
                .position(|&byte| byte == b'\n');
            if let Some(end) = end {
                let line = self.held.split_to(self.searched + end + 1);
                self.searched = 0;
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(ClickHouseError::Malformed);
            }
            self.searched = self.held.len();
            match self.answer.chunk().await? {
                Some(chunk) => self.held.extend_from_slice(&chunk),
                None if self.held.is_empty() => return Ok(None),
                None => self.held.extend_from_slice(b"\n"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{FakeClickHouse, Reply};
    use super::*;

    async fn outcome(reply: Reply) -> Outcome {
        let server = FakeClickHouse::start([reply]).await;
        Outcome::of(server.client().query("SELECT")).await.unwrap()
    }

    #[tokio::test]
    async fn rows_are_told_apart_wherever_the_answer_is_cut() {
        let text = "[\"n\",\"s\"]\n[\"UInt256\",\"String\"]\n[123456789012345678901234567890,\"a\\nb\"]\n[2,null]\n";
        for cut in 1..text.len() {
            let (first, second) = text.split_at(cut);
            let reply = Reply::pieces([first, second].map(str::to_owned));
            let Outcome::Rows(mut rows) = outcome(reply).await else {
                panic!("they are rows");
            };
            assert_eq!(rows.columns()[0].type_name, "UInt256");
            let row = rows.next().await.unwrap().unwrap();
            assert_eq!(row.get(), r#"[123456789012345678901234567890,"a\nb"]"#);
            assert_eq!(rows.next().await.unwrap().unwrap().get(), "[2,null]");
            assert!(rows.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_statement_without_a_result_counts_what_it_wrote() {
        let reply = Reply::ok("").with("X-ClickHouse-Summary", r#"{"written_rows":"3"}"#);
        let outcome = outcome(reply).await;
        assert!(matches!(outcome, Outcome::Done { written_rows: 3 }));
    }

    #[tokio::test]
    async fn a_format_that_the_statement_names_is_left_alone() {
        let reply = Reply::ok("1\n").with("X-ClickHouse-Format", "CSV");
        assert!(matches!(outcome(reply).await, Outcome::Formatted(_)));
    }
}
