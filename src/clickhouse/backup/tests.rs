//! Backups of the real engine, and restores into it.

use std::cell::RefCell;
use std::path::Path;

use super::super::{Client, DataTable, real::RealClickHouse};
use super::*;
use crate::error::{Code, Failure as _};

/// Remembers what it was told.
#[derive(Default)]
struct Told(RefCell<Vec<(DataTable, u64, u64)>>);

impl Steps for Told {
    fn table(&self, table: DataTable, rows: u64) {
        self.0.borrow_mut().push((table, rows, 0));
    }

    fn rows(&self, done: u64) {
        self.0.borrow_mut().last_mut().unwrap().2 = done;
    }
}

const SPANS: &str = "INSERT INTO traces (trace_id, span_id, timestamp, duration_ns, service_name, status_code,
        attributes, `events.timestamp`, `events.name`, `events.attributes`)
    SELECT hex(number), hex(number), toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + toIntervalMinute(number * 2),
        number * 1000, concat('s', toString(number % 3)), if(number % 9 = 0, 'ERROR', 'OK'),
        map('n', toString(number), 'raw', unhex('ff00')), [now64(9)], ['e'], [map('a', 'b')]
    FROM numbers(5000)";

async fn run(client: &Client, sql: &str) {
    let query = client.query(sql.to_owned());
    query
        .setting("max_partitions_per_insert_block", 0)
        .execute()
        .await
        .unwrap();
}

async fn filled() -> Option<RealClickHouse> {
    let server = RealClickHouse::start().await?;
    let client = server.client();
    run(&client, SPANS).await;
    run(
        &client,
        "INSERT INTO logs (timestamp, body, severity_number) SELECT now64(9), toString(number), 9 FROM numbers(100)",
    )
    .await;
    Some(server)
}

async fn backup(client: &Client, path: &Path) -> Manifest {
    let scratch = Scratch::create(client.clone()).await.unwrap();
    let (manifest, archive) = dump(&scratch, Vec::new(), &Told::default()).await.unwrap();
    scratch.remove().await.unwrap();
    std::fs::write(path, archive).unwrap();
    manifest
}

async fn restore(client: &Client, path: &Path, replace: bool) -> Result<(), BackupError> {
    let archive = Archive::open(path).await?;
    let scratch = Scratch::create(client.clone()).await?;
    let staged = archive.stage(&scratch, &Told::default()).await;
    let done = match staged {
        Ok(()) => publish(client, &scratch, archive.manifest(), replace).await,
        Err(error) => Err(error),
    };
    scratch.remove().await.unwrap();
    done
}

async fn hourly(client: &Client) -> Vec<serde_json::Value> {
    let sql = "SELECT * FROM metrics_hourly ORDER BY ALL";
    client.query(sql).rows().await.unwrap()
}

#[tokio::test]
async fn what_was_backed_up_is_restored_with_its_roll_up() {
    let (Some(from), Some(to)) = (filled().await, RealClickHouse::start().await) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (
        directory.path().join("1.tar"),
        directory.path().join("2.tar"),
    );
    let manifest = backup(&from.client(), &first).await;
    let rows: Vec<_> = manifest
        .tables
        .iter()
        .map(|table| table.contents.rows)
        .collect();
    assert_eq!(rows, [5000, 100, 0]);

    restore(&to.client(), &first, false).await.unwrap();
    let again = backup(&to.client(), &second).await;
    for (one, other) in manifest.tables.iter().zip(&again.tables) {
        assert_eq!(
            (one.contents, &one.columns),
            (other.contents, &other.columns)
        );
    }
    assert_eq!(hourly(&from.client()).await, hourly(&to.client()).await);
}

#[tokio::test]
async fn what_is_replaced_is_gone_and_what_is_not_stays() {
    let Some(server) = filled().await else {
        return;
    };
    let client = server.client();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.tar");
    backup(&client, &path).await;
    run(&client, "INSERT INTO metrics (metric_name) VALUES ('new')").await;
    restore(&client, &path, true).await.unwrap();
    for (table, rows) in [
        (DataTable::Traces, 5000),
        (DataTable::Logs, 100),
        (DataTable::Metrics, 0),
    ] {
        assert_eq!(table.rows(&client).await.unwrap(), rows, "{table}");
    }
}

/// Has telemetry arrive, and parts merged, between the count of the rows and their reading.
struct Arriving(Client);

impl Steps for Arriving {
    fn table(&self, table: DataTable, _: u64) {
        if table != DataTable::Traces {
            return;
        }
        let client = self.0.clone();
        let arriving = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                run(&client, "INSERT INTO traces (trace_id) VALUES ('late')").await;
                run(&client, "OPTIMIZE TABLE traces FINAL").await;
            });
        });
        arriving.join().unwrap();
    }

    fn rows(&self, _: u64) {}
}

/// The server has a thread of its own, since the steps block that of the test.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_archive_holds_one_moment_while_telemetry_arrives() {
    let Some(server) = filled().await else {
        return;
    };
    let client = server.client();
    let scratch = Scratch::create(client.clone()).await.unwrap();
    let (manifest, archive) = dump(&scratch, Vec::new(), &Arriving(client.clone()))
        .await
        .unwrap();
    scratch.remove().await.unwrap();
    assert_eq!(DataTable::Traces.rows(&client).await.unwrap(), 5001);
    assert_eq!(manifest.tables[0].contents.rows, 5000);
    // It would not restore if its data were not those that were counted.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.tar");
    std::fs::write(&path, archive).unwrap();
    restore(&client, &path, true).await.unwrap();
    assert_eq!(DataTable::Traces.rows(&client).await.unwrap(), 5000);
}

#[tokio::test]
async fn an_archive_of_an_older_schema_takes_the_defaults_of_the_newer() {
    let (Some(from), Some(to)) = (filled().await, RealClickHouse::start().await) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.tar");
    run(&from.client(), "ALTER TABLE traces DROP COLUMN hostname").await;
    backup(&from.client(), &path).await;
    restore(&to.client(), &path, false).await.unwrap();
    assert_eq!(DataTable::Traces.rows(&to.client()).await.unwrap(), 5000);

    // And the other way round, nothing would be lost in silence.
    backup(&to.client(), &path).await;
    let error = restore(&from.client(), &path, true).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArchive);
    assert!(error.to_string().contains("`hostname`"), "{error}");
    assert_eq!(DataTable::Traces.rows(&from.client()).await.unwrap(), 5000);
}

#[tokio::test]
async fn data_that_is_not_what_was_counted_is_never_published() {
    let Some(server) = filled().await else {
        return;
    };
    let client = server.client();
    let scratch = Scratch::create(client.clone()).await.unwrap();
    let (mut manifest, whole) = dump(&scratch, Vec::new(), &Told::default()).await.unwrap();
    scratch.remove().await.unwrap();
    manifest.tables[0].contents.checksum ^= 1;
    // The same members under a manifest that claims something else.
    let mut forged = archive::ArchiveWriter::new(Vec::new(), 0);
    let mut entries = tar::Archive::new(whole.as_slice());
    for entry in entries.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        if !path.starts_with("manifest") {
            forged.add(&path, &content).unwrap();
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.tar");
    std::fs::write(&path, forged.finish(&manifest).unwrap()).unwrap();
    run(&client, "INSERT INTO traces (trace_id) VALUES ('kept')").await;
    let error = restore(&client, &path, true).await.unwrap_err();
    assert_eq!(error.code(), Code::VerificationFailed);
    assert_eq!(DataTable::Traces.rows(&client).await.unwrap(), 5001);
}
