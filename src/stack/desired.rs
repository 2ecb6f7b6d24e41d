//! What a stack should be like, whatever it runs on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Endpoints;

/// What a stack should be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Where it is reached.
    pub endpoints: Endpoints,
    /// Who may do what in ClickHouse.
    pub credentials: Credentials,
    /// The environment of telemetry that does not name one.
    pub environment: String,
    /// How many days telemetry is kept.
    pub retention_days: u32,
    /// The most memory that ClickHouse may use, in bytes.
    pub memory_limit: u64,
    /// Every setting by its documented name, as a Compose file takes it.
    pub variables: BTreeMap<String, String>,
    /// A Compose file of the user's that changes the stack's own.
    pub override_file: Option<PathBuf>,
}

/// The users of ClickHouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The name of the user with all rights.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The password of `ingest`, who may insert only.
    pub ingest_password: String,
    /// The password of `grafana`, who may read only.
    pub grafana_password: String,
}
