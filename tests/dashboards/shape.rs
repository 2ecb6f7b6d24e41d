//! What a panel needs to draw an answer.

use serde_json::Value;

use super::engine::Answer;

/// The levels that Grafana has a colour for.
const LEVELS: [&str; 7] = [
    "critical", "error", "warning", "info", "debug", "trace", "unknown",
];

/// What the trace view takes a span from, and of what type it is.
const SPAN: [(&str, &str); 14] = [
    ("traceID", "String"),
    ("spanID", "String"),
    ("parentSpanID", "String"),
    ("serviceName", "String"),
    ("operationName", "String"),
    ("startTime", "Float64"),
    ("duration", "Float64"),
    ("kind", "String"),
    ("statusCode", "UInt8"),
    ("statusMessage", "String"),
    ("tags", "Array(Map(String, String))"),
    ("serviceTags", "Array(Map(String, String))"),
    (
        "logs",
        "Array(Tuple(name String, timestamp String, fields Array(Map(String, String))))",
    ),
    (
        "references",
        "Array(Tuple(traceID String, spanID String, tags Array(Map(String, String))))",
    ),
];

/// Checks the columns of an answer, which may have no rows.
pub fn columns(kind: &str, answer: &Answer) {
    let columns = answer
        .columns
        .iter()
        .map(|(name, of)| (name.as_str(), plain(of)));
    let columns: Vec<_> = columns.collect();
    match kind {
        "stat" => {
            let [(_, of)] = columns[..] else {
                panic!("more than one column: {columns:?}")
            };
            assert!(is_number(of), "{columns:?}");
        }
        "timeseries" => {
            let (first, rest) = columns.split_first().expect("there is a column");
            assert!(first.1.starts_with("DateTime"), "{columns:?}");
            let numbers = rest.iter().filter(|(_, of)| is_number(of)).count();
            let labels = rest.iter().filter(|(_, of)| *of == "String").count();
            assert!(numbers > 0, "{columns:?}");
            assert_eq!(numbers + labels, rest.len(), "{columns:?}");
            // With labels, a series is named by them alone when its number is called `Value`.
            assert!(labels == 0 || rest.last().expect("it is not empty").0 == "Value");
        }
        "table" => assert!(!columns.is_empty()),
        "logs" => {
            let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
            // The first time and the first text are what a line shows.
            assert_eq!(names, ["timestamp", "body", "level", "labels", "traceID"]);
            assert!(columns[0].1.starts_with("DateTime64(9"), "{columns:?}");
            assert!(
                columns[1].1 == "String" && columns[2].1 == "String",
                "{columns:?}"
            );
            assert!(columns[3].1.starts_with("Map("), "{columns:?}");
        }
        "traces" => assert_eq!(columns, SPAN),
        _ => panic!("it is not known what a `{kind}` needs"),
    }
}

/// Checks that an answer shows something.
pub fn rows(kind: &str, answer: &Answer) {
    assert!(!answer.rows.is_empty(), "nothing is shown");
    match kind {
        "stat" => {
            let [row] = &answer.rows[..] else {
                panic!("more than one row: {:?}", answer.rows)
            };
            assert!(row[0] != Value::Null, "it is no number");
        }
        "timeseries" => {
            let times: Vec<_> = answer.rows.iter().map(|row| text(&row[0])).collect();
            assert!(times.is_sorted(), "they are not in order");
            assert!(times.first() < times.last(), "there is only one time");
        }
        "logs" => {
            for row in &answer.rows {
                assert!(LEVELS.contains(&text(&row[2])), "{row:?}");
            }
        }
        "traces" => {
            let roots = answer.rows.iter().filter(|row| text(&row[2]).is_empty());
            assert_eq!(roots.count(), 1, "a trace has a root");
            assert_eq!(answer.rows.len(), 5, "it has all its spans");
        }
        _ => {}
    }
}

/// A type without what does not matter here.
fn plain(of: &str) -> &str {
    let of = of
        .strip_prefix("LowCardinality(")
        .map_or(of, |of| &of[..of.len() - 1]);
    of.strip_prefix("Nullable(")
        .map_or(of, |of| &of[..of.len() - 1])
}

fn is_number(of: &str) -> bool {
    ["UInt", "Int", "Float"]
        .iter()
        .any(|number| of.starts_with(number))
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}
