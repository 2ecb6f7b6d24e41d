//! What an archive says of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{Column, DataTable};

/// The version of the archive's form that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// What an archive says of itself: `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the archive's form.
    pub format_version: u32,
    /// The version of `telemetry` that wrote it.
    pub telemetry_version: String,
    /// The version of the schema that the data had.
    pub schema_version: u32,
    /// The version of ClickHouse that the data came from.
    pub clickhouse_version: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// The data, table by table, in the order of the archive.
    pub tables: Vec<TableManifest>,
}

/// What an archive says of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableManifest {
    /// Which.
    pub name: DataTable,
    /// The columns that are stored, in the order of the data.
    pub columns: Vec<Column>,
    /// What is in it.
    #[serde(flatten)]
    pub contents: Contents,
    /// The length of the data in ClickHouse's Native format, uncompressed.
    pub bytes: u64,
    /// The pieces of the data, each a whole Zstandard frame.
    pub members: Vec<Member>,
}

/// What identifies the rows of a table, whatever their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// How many there are.
    pub rows: u64,
    /// The sum of `cityHash64` over the columns of each row, modulo 2^64.
    #[serde(with = "hexadecimal")]
    pub checksum: u64,
}

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hex.
    pub sha256: String,
}

impl Manifest {
    /// The rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.contents.rows).sum()
    }
}

/// As text, because readers of JSON lose digits of numbers beyond 2^53.
mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
