//! Which columns of another database become which of this one, and how.

use super::super::backup::schema::quoted;
use super::super::{Column, DataTable};

/// How the rows of a table become rows of the table of that name here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// What is filled here, each with an expression over the columns of `source`.
    pub(super) columns: Vec<(String, String)>,
    /// Columns that have no place here.
    pub(super) left_out: Vec<String>,
}

/// The times, in nanoseconds since 1970, that a clock which is not broken can show: 2000 to 2100.
const CREDIBLE: &str = "BETWEEN 946684800000000000 AND 4102444800000000000";

impl Mapping {
    /// `None` if the source has no times, without which nothing can be kept.
    pub(super) fn new(table: DataTable, source: &[Column], target: &[Column]) -> Option<Self> {
        let names = Names(source);
        let columns: Vec<_> = target
            .iter()
            .filter_map(|column| Some((column.name.clone(), expression(table, column, names)?)))
            .collect();
        let is_left_out = |column: &&Column| {
            let reference = reference(&column.name);
            !columns.iter().any(|(_, sql)| sql.contains(&reference))
        };
        let left_out = source.iter().filter(is_left_out);
        let left_out = left_out.map(|column| column.name.clone()).collect();
        names.get("timestamp")?;
        Some(Self { columns, left_out })
    }

    /// The time of a row, as it will be here.
    pub(super) fn timestamp(&self) -> &str {
        let column = self.columns.iter().find(|(name, _)| name == "timestamp");
        &column.expect("a mapping has one").1
    }

    /// What is selected of the source.
    pub(super) fn select_list(&self) -> String {
        let columns = self.columns.iter();
        let columns: Vec<_> = columns
            .map(|(name, sql)| format!("{sql} AS {}", quoted(name)))
            .collect();
        columns.join(",\n    ")
    }

    /// What is filled here.
    pub(super) fn column_list(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        columns.join(", ")
    }
}

/// The columns of the source.
#[derive(Clone, Copy)]
struct Names<'s>(&'s [Column]);

impl Names<'_> {
    /// A column, as it is referred to, if there is one of this name.
    fn get(self, name: &str) -> Option<String> {
        let mut columns = self.0.iter();
        columns
            .any(|column| column.name == name)
            .then(|| reference(name))
    }
}

fn reference(name: &str) -> String {
    format!("source.{}", quoted(name))
}

/// What a column here is filled with; `None` where its default is to hold.
fn expression(table: DataTable, column: &Column, source: Names<'_>) -> Option<String> {
    let name = column.name.as_str();
    if let (DataTable::Logs, "trace_flags", None) = (table, name, source.get(name)) {
        return Some(cast(&source.get("flags")?, column));
    }
    let value = source.get(name)?;
    let text = format!("toString({value})");
    Some(match (table, name) {
        // They cut a time to the second, in the time zone of the server, and put the exact one
        // beside it.
        (_, "timestamp" | "observed_timestamp") => {
            let seconds = cast(&value, column);
            match source.get(&format!("{name}_ns")) {
                Some(ns) => format!(
                    "if({ns} {CREDIBLE}, fromUnixTimestamp64Nano(toInt64({ns}), 'UTC'), {seconds})"
                ),
                None => seconds,
            }
        }
        (DataTable::Traces, "status_code") => {
            format!("if(upper({text}) IN ('ERROR', 'STATUS_CODE_ERROR'), 'ERROR', 'OK')")
        }
        (DataTable::Traces, "span_kind") => {
            let kind = format!("replaceOne(upper({text}), 'SPAN_KIND_', '')");
            format!("if({text} IN ('', 'UNSPECIFIED'), 'INTERNAL', {kind})")
        }
        (_, "service_name") => named(&text),
        (_, "project_name") => match source.get("service_name") {
            Some(service) => {
                let service = named(&format!("toString({service})"));
                format!("if({text} = '', {service}, {text})")
            }
            None => named(&text),
        },
        // The keys are numbers as text, or names such as `p99`.
        (DataTable::Metrics, "quantile_values") => format!(
            "mapApply((k, v) -> (toFloat64OrZero(trimLeft(toString(k), 'p')), toFloat64(v)), {value})"
        ),
        _ => cast(&value, column),
    })
}

fn named(text: &str) -> String {
    format!("if({text} = '', 'unknown', {text})")
}

/// A value as of the type of a column here; how that type is stored is not the source's concern.
fn cast(value: &str, column: &Column) -> String {
    let type_name = column.type_name.replace("LowCardinality(String)", "String");
    format!("CAST({value} AS {type_name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns<'c>(columns: impl IntoIterator<Item = (&'c str, &'c str)>) -> Vec<Column> {
        let columns = columns.into_iter().map(|(name, type_name)| Column {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
        });
        columns.collect()
    }

    #[test]
    fn columns_of_the_same_name_are_taken_and_others_are_named() {
        let source = columns([
            ("timestamp", "DateTime"),
            ("hostname", "String"),
            ("mood", "UInt8"),
        ]);
        let target = columns([
            ("timestamp", "DateTime64(9, 'UTC')"),
            ("hostname", "LowCardinality(String)"),
            ("duration_ns", "UInt64"),
        ]);
        let mapping = Mapping::new(DataTable::Traces, &source, &target).unwrap();
        assert_eq!(
            mapping.select_list(),
            "CAST(source.`timestamp` AS DateTime64(9, 'UTC')) AS `timestamp`,\n    \
             CAST(source.`hostname` AS String) AS `hostname`"
        );
        assert_eq!(mapping.column_list(), "`timestamp`, `hostname`");
        assert_eq!(mapping.left_out, ["mood"]);
    }

    #[test]
    fn without_times_there_is_nothing_to_bring_over() {
        let source = columns([("hostname", "String")]);
        assert_eq!(Mapping::new(DataTable::Logs, &source, &source), None);
    }
}
