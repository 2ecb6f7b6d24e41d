//! Backups of the real engine, and restores into it.

use std::cell::RefCell;
use std::path::Path;

use super::super::{Client, DataTable, real::RealClickHouse};
use super::*;
use crate::error::{Code, Failure as _};

/// Remembers what it was told.
#[derive(Default)]
struct Told(RefCell<Vec<(Step, u64, u64)>>);

impl Steps for Told {
    fn begin(&self, step: Step) {
        self.0.borrow_mut().push((step, 0, 0));
    }

    fn total(&self, total: u64) {
        self.0.borrow_mut().last_mut().unwrap().1 = total;
    }

    fn done(&self, amount: u64) {
        self.0.borrow_mut().last_mut().unwrap().2 = amount;
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

async fn scratch_of(client: &Client) -> Scratch {
    let scratch = Scratch::new(client.clone());
    scratch.create().await.unwrap();
    scratch
}

async fn backup(client: &Client, path: &Path) -> Manifest {
    let scratch = scratch_of(client).await;
    let (manifest, archive) = dump(&scratch, Vec::new(), &Told::default()).await.unwrap();
    scratch.remove().await.unwrap();
    std::fs::write(path, archive).unwrap();
    manifest
}

async fn restore(client: &Client, path: &Path, replace: bool) -> Result<u64, BackupError> {
    let steps = Told::default();
    let archive = ArchiveFile::open(path)?.check(&steps).await?;
    archive.fits(client).await?;
    let scratch = scratch_of(client).await;
    let staged = archive.stage(&scratch, &steps).await;
    let done = match staged {
        Ok(_) if replace => super::replace(&scratch).await,
        Ok(_) => add(&scratch).await,
        Err(_) => Ok(()),
    };
    scratch.remove().await.unwrap();
    done.and(staged)
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
    fn begin(&self, _: Step) {}

    fn total(&self, rows: u64) {
        // That of the traces; the thread would be too late for nothing else.
        if rows != 5000 {
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

    fn done(&self, _: u64) {}
}

/// The server has a thread of its own, since the steps block that of the test.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_archive_holds_one_moment_while_telemetry_arrives() {
    let Some(server) = filled().await else {
        return;
    };
    let client = server.client();
    let scratch = scratch_of(&client).await;
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
    let scratch = scratch_of(&client).await;
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

#[tokio::test]
async fn a_table_that_cannot_be_replaced_leaves_all_as_they_were() {
    let Some(server) = filled().await else {
        return;
    };
    let client = server.client();
    let scratch = scratch_of(&client).await;
    for table in [DataTable::Traces, DataTable::Logs] {
        scratch.stage(table).await.unwrap();
    }
    // There is no table of metrics to put in place.
    let error = replace(&scratch).await.unwrap_err();
    scratch.remove().await.unwrap();
    assert_eq!(error.code(), Code::Query);
    for (table, rows) in [(DataTable::Traces, 5000), (DataTable::Logs, 100)] {
        assert_eq!(table.rows(&client).await.unwrap(), rows, "{table}");
    }
}

#[tokio::test]
async fn a_table_goes_on_expiring_and_merging_once_it_is_restored() {
    let Some(server) = RealClickHouse::start().await else {
        return;
    };
    let client = server.client();
    run(
        &client,
        "INSERT INTO logs (timestamp, body) SELECT now64(9) - toIntervalDay(number * 10), 'x' FROM numbers(10)",
    )
    .await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.tar");
    backup(&client, &path).await;

    run(
        &client,
        "ALTER TABLE logs MODIFY TTL toDate(timestamp) + toIntervalDay(45)",
    )
    .await;
    let expired = restore(&client, &path, true).await.unwrap();
    assert!((5..=6).contains(&expired), "{expired}");
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while DataTable::Logs.rows(&client).await.unwrap() > 10 - expired {
        assert!(std::time::Instant::now() < deadline, "nothing expires");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_order_of_rows_is_not_part_of_their_checksum() {
    let mut checksums = Vec::new();
    for order in ["ASC", "DESC"] {
        let Some(server) = RealClickHouse::start().await else {
            return;
        };
        let client = server.client();
        for half in ["<", ">="] {
            let sql = format!(
                "INSERT INTO logs (timestamp, body)
                SELECT toDateTime64('2026-01-01 00:00:00', 9, 'UTC'), toString(number) FROM numbers(1000)
                WHERE if('{order}' = 'ASC', number, 999 - number) {half} 300 ORDER BY number {order}"
            );
            run(&client, &sql).await;
        }
        let directory = tempfile::tempdir().unwrap();
        let manifest = backup(&client, &directory.path().join("backup.tar")).await;
        checksums.push(manifest.tables[1].contents);
        if order == "DESC" {
            run(&client, "ALTER TABLE logs UPDATE body = '1000' WHERE body = '999' SETTINGS mutations_sync = 1").await;
            let manifest = backup(&client, &directory.path().join("other.tar")).await;
            assert_ne!(manifest.tables[1].contents, checksums[0]);
        }
    }
    assert_eq!(checksums[0].rows, 1000);
    assert_eq!(checksums[0], checksums[1]);
}

#[tokio::test]
async fn an_archive_of_a_newer_schema_is_refused() {
    let Some(server) = filled().await else {
        return;
    };
    let client = server.client();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.tar");
    run(
        &client,
        "INSERT INTO telemetry.schema_migrations (version, name) VALUES (7, 'later')",
    )
    .await;
    backup(&client, &path).await;
    run(&client, "TRUNCATE TABLE telemetry.schema_migrations").await;
    let error = restore(&client, &path, true).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArchive);
    assert!(
        error
            .to_string()
            .ends_with("its schema has version 7, and that of this database 0"),
        "{error}"
    );
    assert_eq!(DataTable::Traces.rows(&client).await.unwrap(), 5000);
}

/// A disk with so much space left.
struct Disk(usize);

impl std::io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(std::io::ErrorKind::StorageFull.into()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_backup() {
    let Some(server) = filled().await else {
        return;
    };
    let scratch = scratch_of(&server.client()).await;
    let dumped = dump(&scratch, Disk(1000), &Told::default()).await;
    scratch.remove().await.unwrap();
    let Err(DumpError::Write(error)) = dumped else {
        panic!("there is no space for it");
    };
    let error = BackupError::Write("backup.tar".into(), error);
    assert!(error.hint().unwrap().contains("free some space"));
}

#[tokio::test]
async fn progress_ends_with_all_that_there_is() {
    let Some(server) = filled().await else {
        return;
    };
    let steps = Told::default();
    let scratch = scratch_of(&server.client()).await;
    dump(&scratch, Vec::new(), &steps).await.unwrap();
    scratch.remove().await.unwrap();
    assert_eq!(
        steps.0.into_inner(),
        [
            (DataTable::Traces, 5000),
            (DataTable::Logs, 100),
            (DataTable::Metrics, 0)
        ]
        .map(|(table, rows)| (Step::Table(table), rows, rows))
    );
}
