//! Totals, error rates and percentiles of spans, and the size of the tables.
//!
//! Percentiles come from sketches that are merged, with a relative error of at most 0.5 %; they
//! are never averaged. Over long ranges the sketches are those of the hourly roll-up, which lives
//! beside the spans as the projection `hourly`: ClickHouse uses it wherever a query asks for
//! nothing finer, which is why the expressions here are those of its definition.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ClickHouseError, Client, DataTable, Query};

/// From this length on, a range begins on a whole hour, so that the roll-up answers. Below it,
/// there are few enough spans to look at each.
const LONG: SignedDuration = SignedDuration::from_hours(24);

/// The hour of a span, as the roll-up has it.
const HOUR: &str = "toStartOfHour(least(timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC')))";

const FIGURES: &str = "\
    count() AS spans,
    countIf(status_code = 'ERROR') AS errors,
    quantilesDD(0.005, 0.5, 0.95, 0.99)(duration_ns) AS percentiles_ns";

/// Which spans are counted.
#[derive(Clone, Debug, Default)]
pub struct StatsFilter {
    /// Those of this project.
    pub project: Option<String>,
    /// Those of this service.
    pub service: Option<String>,
    /// Those that started then or later.
    pub since: Option<Since>,
}

/// The start of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// To the nanosecond, counted from the spans themselves.
    Exactly(Timestamp),
    /// A whole hour, counted from the roll-up.
    Hour(Timestamp),
}

impl Since {
    /// The start of a range that ends now. That of a long one is put back to the whole hour.
    pub fn new(start: Timestamp, now: Timestamp) -> Self {
        if now.duration_since(start) < LONG {
            return Self::Exactly(start);
        }
        let hours = start.as_second().div_euclid(3600);
        Timestamp::from_second(hours * 3600).map_or(Self::Exactly(start), Self::Hour)
    }

    /// The point in time.
    pub const fn timestamp(self) -> Timestamp {
        match self {
            Self::Exactly(timestamp) | Self::Hour(timestamp) => timestamp,
        }
    }
}

/// What is known of a number of spans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Row")]
pub struct Figures {
    /// How many.
    pub spans: u64,
    /// How many of them failed.
    pub errors: u64,
    /// Failed ones among all, 0 to 1.
    pub error_rate: f64,
    /// Half of them took at most this long, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95 % of them took at most this long, in milliseconds.
    pub p95_ms: Option<f64>,
    /// 99 % of them took at most this long, in milliseconds.
    pub p99_ms: Option<f64>,
}

/// The same as ClickHouse answers.
#[derive(Deserialize)]
struct Row {
    spans: u64,
    errors: u64,
    percentiles_ns: [Option<f64>; 3],
}

impl From<Row> for Figures {
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no 16 digits")]
    fn from(row: Row) -> Self {
        let [p50_ms, p95_ms, p99_ms] = row
            .percentiles_ns
            .map(|nanoseconds| nanoseconds.filter(|_| row.spans > 0).map(|ns| ns / 1e6));
        Self {
            spans: row.spans,
            errors: row.errors,
            error_rate: row.errors as f64 / row.spans.max(1) as f64,
            p50_ms,
            p95_ms,
            p99_ms,
        }
    }
}

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceFigures {
    /// Its project.
    pub project: String,
    /// Its name.
    pub service: String,
    /// Its spans.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What is known of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableFigures {
    /// Which.
    pub table: DataTable,
    /// How many rows it has.
    pub rows: u64,
    /// How much of the disk it takes, in bytes.
    pub bytes_on_disk: u64,
    /// The time of its oldest row, by that row's own account.
    pub oldest: Option<Timestamp>,
}

/// The figures of all spans together.
pub async fn total(client: &Client, filter: &StatsFilter) -> Result<Figures, ClickHouseError> {
    let sql = format!("SELECT\n{FIGURES}\nFROM traces{}", filter.condition());
    filter.bind(client.query(sql)).row().await
}

/// The figures of each service, those with the most spans first.
pub async fn by_service(
    client: &Client,
    filter: &StatsFilter,
) -> Result<Vec<ServiceFigures>, ClickHouseError> {
    let condition = filter.condition();
    let sql = format!(
        "SELECT\n    project_name AS project,\n    service_name AS service,\n{FIGURES}
FROM traces{condition}
GROUP BY project_name, service_name
ORDER BY spans DESC, project, service"
    );
    filter.bind(client.query(sql)).rows().await
}

/// The figures of every table.
pub async fn tables(client: &Client) -> Result<Vec<TableFigures>, ClickHouseError> {
    let mut figures = Vec::new();
    for table in DataTable::ALL {
        figures.push(TableFigures::of(table, client).await?);
    }
    Ok(figures)
}

impl TableFigures {
    async fn of(table: DataTable, client: &Client) -> Result<Self, ClickHouseError> {
        #[derive(Deserialize)]
        struct Row {
            rows: u64,
            bytes_on_disk: u64,
            oldest_ns: Option<i64>,
        }
        // ClickHouse keeps the least time of each part, so that this reads no rows.
        let sql = format!(
            "SELECT
    count() AS rows,
    (
        SELECT sum(bytes_on_disk) FROM system.parts
        WHERE database = currentDatabase() AND table = {{table:String}} AND active
    ) AS bytes_on_disk,
    if(rows = 0, NULL, toUnixTimestamp64Nano(min(timestamp))) AS oldest_ns
FROM {table}"
        );
        let row: Row = client.query(sql).param("table", table).row().await?;
        Ok(Self {
            table,
            rows: row.rows,
            bytes_on_disk: row.bytes_on_disk,
            oldest: row
                .oldest_ns
                .and_then(|ns| Timestamp::from_nanosecond(ns.into()).ok()),
        })
    }
}

impl StatsFilter {
    /// The `WHERE` clause, if there is one; its values are bound.
    fn condition(&self) -> String {
        let conditions = [
            self.project
                .is_some()
                .then(|| "project_name = {project:String}".to_owned()),
            self.service
                .is_some()
                .then(|| "service_name = {service:String}".to_owned()),
            self.since.map(|since| match since {
                Since::Exactly(_) => {
                    "timestamp >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')".to_owned()
                }
                Since::Hour(_) => format!("{HOUR} >= toDateTime({{since:UInt32}}, 'UTC')"),
            }),
        ];
        let conditions: Vec<_> = conditions.into_iter().flatten().collect();
        match conditions.as_slice() {
            [] => String::new(),
            conditions => format!("\nWHERE {}", conditions.join("\n    AND ")),
        }
    }

    fn bind<'c>(&self, mut query: Query<'c>) -> Query<'c> {
        if let Some(project) = &self.project {
            query = query.param("project", project);
        }
        if let Some(service) = &self.service {
            query = query.param("service", service);
        }
        match self.since {
            None => query,
            Some(Since::Exactly(since)) => {
                let ns = since
                    .as_nanosecond()
                    .clamp(i64::MIN.into(), i64::MAX.into());
                query.param("since", ns)
            }
            Some(Since::Hour(since)) => {
                let seconds = since.as_second().clamp(0, u32::MAX.into());
                query.param("since", seconds)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{FakeClickHouse, Reply};
    use super::super::real::RealClickHouse;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_long_range_begins_on_a_whole_hour() {
        let now = at("2026-01-31T09:30:00Z");
        let short = at("2026-01-30T09:45:00Z");
        assert_eq!(Since::new(short, now), Since::Exactly(short));
        let long = Since::new(at("2026-01-24T09:45:00Z"), now);
        assert_eq!(long, Since::Hour(at("2026-01-24T09:00:00Z")));
    }

    #[tokio::test]
    async fn values_are_bound_and_not_pasted() {
        let server = FakeClickHouse::start([Reply::ok("")]).await;
        let filter = StatsFilter {
            project: Some("it's".to_owned()),
            service: Some("api".to_owned()),
            since: Some(Since::Exactly(at("2026-01-31T09:00:00Z"))),
        };
        by_service(&server.client(), &filter).await.unwrap();
        let request = server.requests().pop().unwrap();
        assert!(!request.body.contains("it's"));
        assert_eq!(request.option("param_project"), Some("it's"));
        assert_eq!(request.option("param_since"), Some("1769850000000000000"));
    }

    /// 2,000 spans of 1 to 2,000 ms in two services, over four days.
    async fn database() -> Option<RealClickHouse> {
        let server = RealClickHouse::start().await?;
        let sql = "INSERT INTO traces (timestamp, duration_ns, service_name, project_name, status_code)
            SELECT toDateTime64('2026-01-01 00:30:00', 9, 'UTC') + toIntervalMinute(number * 3),
                (number + 1) * 1000000, if(number < 500, 'api', 'db'), 'shop', if(number % 4 = 0, 'ERROR', 'OK')
            FROM numbers(2000)";
        server.client().query(sql).execute().await.unwrap();
        Some(server)
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        (found.unwrap() - expected).abs() <= expected * 0.01
    }

    #[tokio::test]
    async fn percentiles_are_those_of_all_spans_together() {
        let Some(server) = database().await else {
            return;
        };
        let client = server.client();
        let total = total(&client, &StatsFilter::default()).await.unwrap();
        assert_eq!((total.spans, total.errors), (2000, 500));
        assert!(close(total.p50_ms, 1000.0), "{total:?}");
        assert!(close(total.p95_ms, 1900.0), "{total:?}");
        assert!(close(total.p99_ms, 1980.0), "{total:?}");
        let services = by_service(&client, &StatsFilter::default()).await.unwrap();
        assert_eq!(services[0].service, "db");
        assert_eq!(services[1].figures.spans, 500);
        assert!(close(services[1].figures.p50_ms, 250.0), "{services:?}");
    }

    #[tokio::test]
    async fn the_roll_up_answers_for_long_ranges_and_agrees_with_the_spans() {
        let Some(server) = database().await else {
            return;
        };
        let client = server.client();
        let start = at("2026-01-03T00:00:00Z");
        let [hour, exact] = [Since::Hour(start), Since::Exactly(start)].map(|since| StatsFilter {
            since: Some(since),
            ..StatsFilter::default()
        });
        let sql = format!("SELECT\n{FIGURES}\nFROM traces{}", hour.condition());
        let query = client.query(sql).setting("force_optimize_projection", 1);
        let rolled_up: Figures = hour.bind(query).row().await.unwrap();
        assert_eq!(rolled_up, total(&client, &exact).await.unwrap());
        assert_eq!(rolled_up.spans, 2000 - 950);
    }

    #[tokio::test]
    async fn no_spans_have_no_percentiles() {
        let Some(server) = RealClickHouse::start().await else {
            return;
        };
        let client = server.client();
        let total = total(&client, &StatsFilter::default()).await.unwrap();
        assert_eq!((total.spans, total.p50_ms), (0, None));
        let tables = tables(&client).await.unwrap();
        assert_eq!(tables.len(), 3);
        assert!(tables.iter().all(|table| table.oldest.is_none()));
    }

    #[tokio::test]
    async fn tables_tell_their_size_and_age() {
        let Some(server) = database().await else {
            return;
        };
        let tables = tables(&server.client()).await.unwrap();
        assert_eq!(tables[0].rows, 2000);
        assert!(tables[0].bytes_on_disk > 0);
        assert_eq!(tables[0].oldest, Some(at("2026-01-01T00:30:00Z")));
    }
}
