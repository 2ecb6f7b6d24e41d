//! Archives that are whole, and such that are not.

use std::io::Read as _;

use proptest::prelude::*;

use super::super::super::DataTable;
use super::super::manifest::{Contents, FORMAT_VERSION, Manifest, Member, TableManifest};
use super::*;

fn archive(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new(), 1_769_850_000);
    let members = pieces
        .iter()
        .enumerate()
        .map(|(index, piece)| writer.add(&format!("traces/{index:06}.native.zst"), piece))
        .collect::<Result<_, _>>()
        .unwrap();
    writer.finish(&manifest(members)).unwrap()
}

fn manifest(members: Vec<Member>) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        telemetry_version: "0.1.0".to_owned(),
        schema_version: 1,
        clickhouse_version: "26.7".to_owned(),
        created_at: "2026-01-31T09:00:00Z".parse().unwrap(),
        tables: vec![TableManifest {
            name: DataTable::Traces,
            columns: Vec::new(),
            contents: Contents {
                rows: 2,
                checksum: u64::MAX - 1,
            },
            bytes: 5,
            members,
        }],
    }
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = proptest::collection::vec(any::<u8>(), 0..1200);
    proptest::collection::vec(piece, 0..4)
}

proptest! {
    #[test]
    fn what_was_written_is_read(pieces in pieces()) {
        let archive = archive(&pieces);
        let manifest = check(archive.as_slice()).unwrap();
        let mut read = Vec::new();
        let members = &manifest.tables[0].members;
        contents(archive.as_slice(), members).read_to_end(&mut read).unwrap();
        prop_assert_eq!(read, pieces.concat());
    }

    #[test]
    fn any_byte_that_changes_is_noticed(
        pieces in pieces(),
        at in any::<proptest::sample::Index>(),
        change in 1..=u8::MAX,
    ) {
        let mut archive = archive(&pieces);
        let at = at.index(archive.len());
        archive[at] ^= change;
        prop_assert!(check(archive.as_slice()).is_err(), "byte {at}");
    }

    #[test]
    fn any_truncation_is_noticed(pieces in pieces(), at in any::<proptest::sample::Index>()) {
        let archive = archive(&pieces);
        let length = at.index(archive.len());
        prop_assert!(check(&archive[..length]).is_err(), "{length} bytes");
    }

    #[test]
    fn garbage_is_not_an_archive(garbage in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(check(garbage.as_slice()).is_err());
    }
}

#[test]
fn more_behind_the_end_is_noticed() {
    let mut archive = archive(&[vec![1]]);
    archive.push(0);
    assert!(matches!(check(archive.as_slice()), Err(Flaw::Damaged(_))));
}

#[test]
fn tar_reads_it_too() {
    let archive = archive(&[b"abc".to_vec()]);
    let mut archive = tar::Archive::new(archive.as_slice());
    let names: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(
        names,
        [
            "traces/000000.native.zst",
            "manifest.json",
            "manifest.json.sha256"
        ]
    );
}

#[test]
fn a_flaw_is_named() {
    let whole = archive(&[vec![7; 600]]);
    let flaw = |archive: &[u8]| check(archive).unwrap_err().to_string();
    assert_eq!(
        flaw(b"hello"),
        "it is not a backup made by `telemetry backup`"
    );
    assert_eq!(
        flaw(&whole[..700]),
        "it ends in the middle of `traces/000000.native.zst`"
    );
    let mut damaged = whole.clone();
    damaged[600] ^= 1;
    assert_eq!(
        flaw(&damaged),
        "its member `traces/000000.native.zst` is damaged"
    );
    let unfinished = [&whole[..3 * BLOCK], &END].concat();
    assert_eq!(
        flaw(&unfinished),
        "it has no manifest: the backup was not completed"
    );
}

#[test]
fn a_newer_format_names_the_version_it_needs() {
    let mut newer = manifest(Vec::new());
    newer.format_version = FORMAT_VERSION + 1;
    newer.telemetry_version = "9.9.9".to_owned();
    let archive = ArchiveWriter::new(Vec::new(), 0).finish(&newer).unwrap();
    let Err(Flaw::Newer {
        telemetry_version, ..
    }) = check(archive.as_slice())
    else {
        panic!("it cannot be read");
    };
    assert_eq!(telemetry_version, "9.9.9");
}
