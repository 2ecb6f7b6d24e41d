//! Spans as they are stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{ClickHouseError, Client};

/// The most spans of one trace that are read.
pub const LONGEST_TRACE: u32 = 10_000;

/// What SDKs that insert directly cut to the second, `timestamp_ns` has exactly.
const START: &str = "if(timestamp_ns = 0, toUnixTimestamp64Nano(timestamp), timestamp_ns)";

const COLUMNS: &str = "\
    trace_id, span_id, parent_span_id,
    if(timestamp_ns = 0, toUnixTimestamp64Nano(timestamp), timestamp_ns) AS start,
    duration_ns, span_name, span_kind, status_code, status_message, service_name, project_name,
    project_version, environment, attributes, resource_attributes,
    CAST(
        arrayMap((time, name, attributes) -> (toUnixTimestamp64Nano(time), name, attributes),
            events.timestamp, events.name, events.attributes),
        'Array(Tuple(time Int64, name String, attributes Map(String, String)))'
    ) AS events,
    CAST(
        arrayZip(links.trace_id, links.span_id, links.attributes),
        'Array(Tuple(trace_id String, span_id String, attributes Map(String, String)))'
    ) AS links";

/// A span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its trace, in lower-case hex.
    pub trace_id: String,
    /// Itself, in lower-case hex.
    pub span_id: String,
    /// The span that began it; empty for a root.
    pub parent_span_id: String,
    /// When it started.
    #[serde(deserialize_with = "nanoseconds")]
    pub start: Timestamp,
    /// How long it took.
    pub duration_ns: u64,
    /// What it did.
    pub span_name: String,
    /// `SERVER`, `CLIENT` and so on.
    pub span_kind: String,
    /// `ERROR` or `OK`.
    pub status_code: String,
    /// What went wrong.
    pub status_message: String,
    /// The service.
    pub service_name: String,
    /// The service's project.
    pub project_name: String,
    /// The project's version.
    pub project_version: String,
    /// The environment.
    pub environment: String,
    /// What is known of it.
    pub attributes: BTreeMap<String, String>,
    /// What is known of where it happened.
    pub resource_attributes: BTreeMap<String, String>,
    /// What happened in its course.
    pub events: Vec<Event>,
    /// Spans it has to do with.
    pub links: Vec<Link>,
}

/// Something that happened in the course of a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    #[serde(deserialize_with = "nanoseconds")]
    pub time: Timestamp,
    /// What.
    pub name: String,
    /// What is known of it.
    pub attributes: BTreeMap<String, String>,
}

/// A span that another has to do with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its trace.
    pub trace_id: String,
    /// Itself.
    pub span_id: String,
    /// What is known of the relation.
    pub attributes: BTreeMap<String, String>,
}

impl Span {
    /// Whether it failed.
    pub fn is_error(&self) -> bool {
        self.status_code == "ERROR"
    }
}

/// Nanoseconds since 1970; a `Timestamp` holds all that fit an `i64`.
fn nanoseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let nanoseconds = i64::deserialize(deserializer)?;
    Timestamp::from_nanosecond(nanoseconds.into()).map_err(D::Error::custom)
}

/// Which spans are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanFilter {
    /// Those of this project.
    pub project: Option<String>,
    /// Those of this service.
    pub service: Option<String>,
    /// Those that started then or later.
    pub since: Option<Timestamp>,
    /// Those that failed.
    pub errors: bool,
    /// Those that took at least this long, in milliseconds.
    pub min_duration_ms: Option<u32>,
}

impl SpanFilter {
    /// Whether it lets every span pass.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The last spans that pass, the newest first.
pub async fn recent(
    client: &Client,
    filter: &SpanFilter,
    limit: u32,
) -> Result<Vec<Span>, ClickHouseError> {
    let mut conditions = Vec::new();
    if filter.project.is_some() {
        conditions.push("project_name = {project:String}");
    }
    if filter.service.is_some() {
        conditions.push("service_name = {service:String}");
    }
    if filter.since.is_some() {
        // The whole second, for spans whose `timestamp` is cut to it; then their exact time.
        conditions.push(
            "timestamp >= toStartOfSecond(fromUnixTimestamp64Nano({since:Int64}, 'UTC'))
    AND start >= {since:Int64}",
        );
    }
    if filter.errors {
        conditions.push("status_code = 'ERROR'");
    }
    if filter.min_duration_ms.is_some() {
        conditions.push("duration_ns >= toUInt64({min_duration_ms:UInt32}) * 1000000");
    }
    let condition = match conditions.as_slice() {
        [] => String::new(),
        conditions => format!("\nWHERE {}", conditions.join("\n    AND ")),
    };
    let sql = format!(
        "SELECT\n{COLUMNS}\nFROM traces{condition}\nORDER BY {START} DESC\nLIMIT {{limit:UInt32}}"
    );
    let mut query = client.query(sql).param("limit", limit);
    for (name, value) in [("project", &filter.project), ("service", &filter.service)] {
        if let Some(value) = value {
            query = query.param(name, value);
        }
    }
    if let Some(since) = filter.since {
        let ns = since
            .as_nanosecond()
            .clamp(i64::MIN.into(), i64::MAX.into());
        query = query.param("since", ns);
    }
    if let Some(min) = filter.min_duration_ms {
        query = query.param("min_duration_ms", min);
    }
    query.rows().await
}

/// The spans of a trace, in the order in which they started; at most [`LONGEST_TRACE`].
pub async fn of_trace(client: &Client, trace_id: &str) -> Result<Vec<Span>, ClickHouseError> {
    let sql = format!(
        "SELECT\n{COLUMNS}\nFROM traces\nWHERE trace_id = {{trace_id:String}}
ORDER BY {START}, span_id\nLIMIT {{limit:UInt32}}"
    );
    let query = client.query(sql).param("trace_id", trace_id);
    query.param("limit", LONGEST_TRACE).rows().await
}

/// Traces whose id begins like this; one more than `limit` where there are more.
pub async fn traces_like(
    client: &Client,
    prefix: &str,
    limit: u32,
) -> Result<Vec<String>, ClickHouseError> {
    #[derive(Deserialize)]
    struct Row {
        trace_id: String,
    }
    let sql = "\
SELECT DISTINCT trace_id
FROM traces
WHERE startsWith(trace_id, {prefix:String})
LIMIT {limit:UInt32}";
    let query = client.query(sql).param("prefix", prefix);
    let rows: Vec<Row> = query.param("limit", limit + 1).rows().await?;
    Ok(rows.into_iter().map(|row| row.trace_id).collect())
}

#[cfg(test)]
mod tests {
    use super::super::real::RealClickHouse;
    use super::*;

    async fn database() -> Option<RealClickHouse> {
        let server = RealClickHouse::start().await?;
        for sql in [
            "INSERT INTO traces (trace_id, span_id, timestamp, duration_ns, service_name, status_code,
                attributes, `events.timestamp`, `events.name`, `events.attributes`)
             VALUES ('ab01', '1', '2026-01-31 09:00:00.5', 2000000, 'api', 'ERROR', {'k': 'v'},
                ['2026-01-31 09:00:00.6'], ['exception'], [{'exception.type': 'X'}])",
            "INSERT INTO traces (trace_id, span_id, parent_span_id, timestamp, timestamp_ns, service_name)
             VALUES ('ab02', '2', '1', '2026-01-31 09:00:00', 1769850000900000000, 'db')",
        ] {
            server.client().query(sql).execute().await.unwrap();
        }
        Some(server)
    }

    #[tokio::test]
    async fn spans_come_newest_first_by_their_exact_time() {
        let Some(server) = database().await else {
            return;
        };
        let client = server.client();
        let spans = recent(&client, &SpanFilter::default(), 10).await.unwrap();
        let ids: Vec<_> = spans.iter().map(|span| span.span_id.as_str()).collect();
        assert_eq!(ids, ["2", "1"]);
        assert_eq!(spans[0].start.to_string(), "2026-01-31T09:00:00.9Z");
        assert_eq!(spans[1].attributes["k"], "v");
        assert_eq!(spans[1].events[0].attributes["exception.type"], "X");
        assert_eq!(
            spans[1].events[0].time.to_string(),
            "2026-01-31T09:00:00.6Z"
        );
    }

    #[tokio::test]
    async fn every_filter_filters() {
        let Some(server) = database().await else {
            return;
        };
        let client = server.client();
        let all = SpanFilter::default;
        for (filter, expected) in [
            (
                SpanFilter {
                    service: Some("db".to_owned()),
                    ..all()
                },
                "2",
            ),
            (
                SpanFilter {
                    project: Some("api".to_owned()),
                    ..all()
                },
                "1",
            ),
            (
                SpanFilter {
                    errors: true,
                    ..all()
                },
                "1",
            ),
            (
                SpanFilter {
                    min_duration_ms: Some(2),
                    ..all()
                },
                "1",
            ),
            (
                SpanFilter {
                    since: Some("2026-01-31T09:00:00.7Z".parse().unwrap()),
                    ..all()
                },
                "2",
            ),
        ] {
            let spans = recent(&client, &filter, 10).await.unwrap();
            let ids: Vec<_> = spans.iter().map(|span| span.span_id.as_str()).collect();
            assert_eq!(ids, [expected], "{filter:?}");
        }
    }

    #[tokio::test]
    async fn a_trace_is_found_by_the_start_of_its_id() {
        let Some(server) = database().await else {
            return;
        };
        let client = server.client();
        assert_eq!(traces_like(&client, "ab02", 1).await.unwrap(), ["ab02"]);
        assert_eq!(traces_like(&client, "ab", 1).await.unwrap().len(), 2);
        assert_eq!(of_trace(&client, "ab01").await.unwrap().len(), 1);
        assert_eq!(of_trace(&client, "ab").await.unwrap().len(), 0);
    }
}
