//! `telemetry query`: one statement, whatever it is.

use std::{
    io::{self, Read as _},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    cli::QueryArgs,
    clickhouse::{Answer, ClickHouseError, Column, Exception, Outcome, ResultSet},
    context::Context,
    error::{Code, Failure, Result},
    output::{Format, Output, Screen, Table, figures},
};

/// How many rows are laid out as one table; no more are held in memory for people.
const TABLE_ROWS: usize = 10_000;

/// The statement could not be had, or its answer not be shown.
#[derive(Debug, thiserror::Error)]
enum StatementError {
    #[error("cannot read the statement from stdin")]
    Stdin(#[source] io::Error),
    #[error("the statement is empty")]
    Empty,
    #[error("the statement has a `FORMAT` of its own, which `--format json` cannot hold")]
    OwnFormat,
    /// A syntax error, with the place it is at.
    #[error("{exception}\n\n{excerpt}")]
    Syntax {
        exception: Exception,
        excerpt: String,
    },
}

impl Failure for StatementError {
    fn code(&self) -> Code {
        match self {
            Self::Stdin(_) => Code::Io,
            Self::Empty | Self::OwnFormat => Code::Usage,
            Self::Syntax { .. } => Code::Query,
        }
    }

    fn hint(&self) -> Option<String> {
        matches!(self, Self::OwnFormat).then(|| "leave out one of the two".to_owned())
    }
}

/// Runs the statement.
pub(super) async fn run(context: &Context, args: &QueryArgs) -> Result<()> {
    let sql = statement(&args.sql).await?;
    match answer(context, args, &sql).await {
        Err(Refused::Other(error)) => Err(error),
        Err(Refused::ClickHouse(error)) => Err(match excerpt(&sql, &error) {
            Some(error) => error.into(),
            None => error.into(),
        }),
        Ok(()) => Ok(()),
    }
}

/// Why there is no answer; what ClickHouse says is about the statement.
enum Refused {
    ClickHouse(ClickHouseError),
    Other(crate::error::Error),
}

impl From<ClickHouseError> for Refused {
    fn from(error: ClickHouseError) -> Self {
        Self::ClickHouse(error)
    }
}

impl From<crate::error::Error> for Refused {
    fn from(error: crate::error::Error) -> Self {
        Self::Other(error)
    }
}

async fn statement(argument: &str) -> Result<String, StatementError> {
    let sql = if argument == "-" {
        let read = || {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text).map(|_| text)
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(io::Error::other)
            .flatten()
            .map_err(StatementError::Stdin)?
    } else {
        argument.to_owned()
    };
    if sql.trim().is_empty() {
        return Err(StatementError::Empty);
    }
    Ok(sql)
}

async fn answer(context: &Context, args: &QueryArgs, sql: &str) -> Result<(), Refused> {
    let client = context.clickhouse();
    let mut query = client.query(sql);
    for (name, value) in &args.params {
        query = query.param(name, value);
    }
    if let Some(format) = &args.output_format {
        let answer = query.answer(format).await?;
        return pass_on(context, answer).await;
    }
    let started = Instant::now();
    let is_json = context.printer.format() == Format::Json;
    match Outcome::of(query).await? {
        Outcome::Formatted(_) if is_json => Err(Refused::Other(StatementError::OwnFormat.into())),
        Outcome::Formatted(answer) => pass_on(context, answer).await,
        Outcome::Rows(rows) if is_json => whole(context, rows, started).await,
        Outcome::Rows(rows) => in_tables(context, rows, started).await,
        Outcome::Done { written_rows } => {
            let took = took(started.elapsed());
            context.printer.status(&match written_rows {
                0 => format!("done in {took}"),
                rows => format!("{} written in {took}", figures::counted(rows, "row")),
            });
            context.printer.print(&Answered {
                columns: Vec::new(),
                row_count: 0,
                rows: Vec::new(),
                written_rows,
                elapsed_seconds: started.elapsed().as_secs_f64(),
            })?;
            Ok(())
        }
    }
}

/// Writes an answer as it comes, in the format that it has.
async fn pass_on(context: &Context, mut answer: Answer) -> Result<(), Refused> {
    while let Some(chunk) = answer.chunk().await? {
        if context.printer.write_raw(&chunk)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The whole result, for programs.
#[derive(Serialize)]
struct Answered {
    columns: Vec<Column>,
    row_count: usize,
    /// As ClickHouse gave them, with all digits.
    rows: Vec<Box<RawValue>>,
    written_rows: u64,
    elapsed_seconds: f64,
}

async fn whole(context: &Context, mut rows: ResultSet, started: Instant) -> Result<(), Refused> {
    let columns = rows.columns().to_vec();
    let mut all = Vec::new();
    while let Some(row) = rows.next().await? {
        all.push(row);
    }
    context.printer.print(&Answered {
        columns,
        row_count: all.len(),
        rows: all,
        written_rows: 0,
        elapsed_seconds: started.elapsed().as_secs_f64(),
    })?;
    Ok(())
}

impl Output for Answered {
    /// People are shown [`Page`]s of rows, and nothing of a statement that has none.
    fn human(&self, _: &mut Screen<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// Prints tables of at most [`TABLE_ROWS`]: the first alone on a terminal, where nobody reads
/// more; elsewhere all there are, one below the other, as if they were one.
async fn in_tables(
    context: &Context,
    mut rows: ResultSet,
    started: Instant,
) -> Result<(), Refused> {
    use std::io::IsTerminal as _;

    let mut page = Page {
        columns: rows.columns().to_vec(),
        rows: Vec::new(),
        is_first: true,
    };
    let mut printed = 0;
    loop {
        page.rows.clear();
        while page.rows.len() < TABLE_ROWS {
            match rows.next().await? {
                Some(row) => page.rows.push(row),
                None => break,
            }
        }
        if page.rows.is_empty() && !page.is_first {
            break;
        }
        printed += page.rows.len() as u64;
        if let ControlFlow::Break(()) = context.printer.print_item(&page)? {
            return Ok(());
        }
        if page.rows.len() < TABLE_ROWS {
            break;
        }
        if io::stdout().is_terminal() && rows.next().await?.is_some() {
            context.printer.warn(format!(
                "only the first {} are shown; `LIMIT` in the statement asks for fewer, and \
                 `--output-format CSV` or a pipe gives all",
                figures::counted(printed, "row")
            ));
            return Ok(());
        }
        page.is_first = false;
    }
    let (count, took) = (figures::counted(printed, "row"), took(started.elapsed()));
    context.printer.status(&format!("{count} in {took}"));
    Ok(())
}

fn took(time: Duration) -> String {
    figures::time_span(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// Rows that are laid out together.
#[derive(Serialize)]
struct Page {
    columns: Vec<Column>,
    rows: Vec<Box<RawValue>>,
    is_first: bool,
}

impl Output for Page {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let titles = self.columns.iter().map(|column| column.name.as_str());
        let mut table = if self.is_first {
            Table::new(titles)
        } else {
            Table::untitled()
        };
        for row in &self.rows {
            let values: Vec<&RawValue> = serde_json::from_str(row.get())?;
            table.row(values.into_iter().map(cell));
        }
        for (index, column) in self.columns.iter().enumerate() {
            if is_number(&column.type_name) {
                table = table.right(index);
            }
        }
        screen.table(&table)
    }
}

/// A value as a person reads it: text without quotes, all else as it came.
fn cell(value: &RawValue) -> String {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()),
        _ if json == "null" => "NULL".to_owned(),
        _ => json.to_owned(),
    }
}

/// Whether a column of this type is aligned like numbers.
fn is_number(type_name: &str) -> bool {
    let mut inner = type_name;
    for wrapper in ["LowCardinality(", "Nullable("] {
        inner = inner.strip_prefix(wrapper).unwrap_or(inner);
    }
    ["Int", "UInt", "Float", "BFloat", "Decimal"]
        .iter()
        .any(|number| inner.starts_with(number))
}

/// A syntax error with the line it is in, and a mark below.
fn excerpt(sql: &str, error: &ClickHouseError) -> Option<StatementError> {
    let exception = error.exception()?;
    let position = exception.position()?;
    let (before, after) = sql.split_at_checked(position)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = position + after.find('\n').unwrap_or(after.len());
    // Wide characters and tabs would shift the mark; so they are shown as they count.
    let shown = |text: &str| text.replace('\t', " ");
    let line = before.matches('\n').count() + 1;
    let number = format!("{line} | ");
    let indentation = number.len() + sql[start..position].chars().count();
    Some(StatementError::Syntax {
        exception: exception.clone(),
        excerpt: format!(
            "{number}{}\n{}^",
            shown(&sql[start..end]),
            " ".repeat(indentation)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_by_their_types() {
        for name in [
            "UInt64",
            "Nullable(Float64)",
            "LowCardinality(Nullable(Int8))",
            "Decimal(9, 2)",
        ] {
            assert!(is_number(name), "{name}");
        }
        for name in ["String", "Array(UInt8)", "IntervalDay", "DateTime64(9)"] {
            assert_eq!(is_number(name), name == "IntervalDay", "{name}");
        }
    }

    #[test]
    fn a_syntax_error_is_marked_in_its_line() {
        let text = "Code: 62. DB::Exception: Syntax error: failed at position 12 (FRM) (line 2, col 3): FRM t. (SYNTAX_ERROR)";
        let error = ClickHouseError::Query(Exception::parse(text).unwrap());
        let error = excerpt("SELECT 1\n, FRM t\nLIMIT 1", &error)
            .unwrap()
            .to_string();
        assert!(error.ends_with("\n\n2 | , FRM t\n      ^"), "{error}");
    }

    #[test]
    fn a_cell_has_text_without_quotes() {
        let raw = |json: &str| cell(&RawValue::from_string(json.to_owned()).unwrap());
        assert_eq!(raw(r#""a\"b""#), "a\"b");
        assert_eq!(raw("null"), "NULL");
        assert_eq!(raw("18446744073709551616"), "18446744073709551616");
        assert_eq!(raw(r#"["a"]"#), r#"["a"]"#);
    }
}
