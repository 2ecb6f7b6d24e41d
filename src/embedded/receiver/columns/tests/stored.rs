//! Inserts into the real engine, and what it has stored.

use std::sync::{
    Once,
    atomic::{AtomicU64, Ordering},
};

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value},
    resource::v1::Resource,
};
use serde_json::Value;

use super::model::ORIGIN_COLUMNS;
use crate::{
    clickhouse::schema::Parameters,
    embedded::{
        chdb::{Connection, testing},
        receiver::{BlockWriter, EngineWriter, Export, Rows},
    },
};

/// The stack's tables in the tests' engine.
pub struct Store {
    connection: Connection,
    writer: EngineWriter,
}

impl Store {
    /// Makes the tables; `None` where there is no engine.
    pub fn open() -> Option<Self> {
        static SCHEMA: Once = Once::new();
        let engine = testing::engine()?;
        let mut connection = engine.connect().expect("the engine accepts a connection");
        let parameters = Parameters {
            retention_days: 90,
            environment: "testing",
        };
        SCHEMA.call_once(|| {
            for statement in parameters.init() {
                testing::text(&mut connection, &statement);
            }
            // What the tests store is of any age.
            for table in ["traces", "logs", "metrics"] {
                let keep = format!("ALTER TABLE telemetry.{table} REMOVE TTL");
                testing::text(&mut connection, &keep);
            }
        });
        Some(Self {
            connection,
            writer: EngineWriter::new(engine.clone()),
        })
    }

    /// Inserts rows.
    pub fn insert<R: Rows>(&mut self, rows: R) {
        let written = self.writer.write(R::INSERT, &rows.encode());
        written.expect("the engine accepts the block");
    }

    /// Inserts a request and selects `columns` of what was stored, in no order. `resources` are
    /// marked, to find the rows again; the mark does not show.
    pub fn round_trip<R: Rows>(
        &mut self,
        request: &mut R::Request,
        resources: impl Fn(&mut R::Request) -> Vec<&mut Resource>,
        columns: &[&str],
    ) -> Vec<Value> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mark = format!("case-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        for resource in resources(request) {
            resource.attributes.push(KeyValue {
                key: "service.instance.id".to_owned(),
                value: Some(AnyValue {
                    value: Some(any_value::Value::StringValue(mark.clone())),
                }),
                ..KeyValue::default()
            });
        }
        let mut rows = R::default();
        let pushed = rows.push(request, &Export::default());
        assert_eq!(pushed, rows.rows());
        self.insert(rows);
        let columns = [columns, ORIGIN_COLUMNS].concat().join(", ");
        self.select(&format!(
            "SELECT {columns} FROM telemetry.{} WHERE service_instance_id = '{mark}'",
            R::SIGNAL
        ))
    }

    /// The rows of a query. 64-bit integers are strings.
    pub fn select(&mut self, sql: &str) -> Vec<Value> {
        let answer = self
            .connection
            .execute(
                format!("{sql} SETTINGS output_format_json_quote_64bit_integers = 1").as_bytes(),
                "JSONEachRow",
                &[],
            )
            .unwrap_or_else(|exception| panic!("{sql}: {exception}"));
        let text = std::str::from_utf8(answer.data()).expect("JSON is UTF-8");
        text.lines()
            .map(|row| serde_json::from_str(row).expect("each row is JSON"))
            .collect()
    }
}
