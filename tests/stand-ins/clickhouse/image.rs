//! What ClickHouse's image takes from its environment and its files.

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

use telemetry::embedded::server::Credentials;

use crate::xml;

/// The port of the HTTP interface.
pub const HTTP_PORT: u16 = 8123;

/// The port of the native protocol.
pub const NATIVE_PORT: u16 = 9000;

/// Where the data is.
pub const DATA: &str = "/var/lib/clickhouse";

const CONFIG: &str = "/etc/clickhouse-server/config.d";
const USERS: &str = "/etc/clickhouse-server/users.d";
const FIRST_SCRIPTS: &str = "/docker-entrypoint-initdb.d";

/// The users: one from the environment, two from `users.d`.
pub fn credentials() -> Result<Credentials, Box<dyn Error>> {
    let user = std::env::var("CLICKHOUSE_USER").map_err(
        |_| "CLICKHOUSE_USER is not set: the stand-in has no user `default`, whom the image would keep to its own container",
    )?;
    let password = match std::env::var_os("CLICKHOUSE_PASSWORD_FILE") {
        Some(path) => {
            let path = PathBuf::from(path);
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
            text.trim_end_matches('\n').to_owned()
        }
        None => std::env::var("CLICKHOUSE_PASSWORD").unwrap_or_default(),
    };
    let files = xml_files(USERS)?;
    let password_of = |name: &str| {
        let in_file = |xml: &String| {
            let user = xml::element(xml::element(xml, "users")?, name)?;
            Some(xml::text(xml::element(user, "password")?))
        };
        // A later file is merged over an earlier one.
        let password = files.iter().rev().find_map(in_file);
        password.ok_or_else(|| format!("no file in `{USERS}` gives `{name}` a password"))
    };
    Ok(Credentials {
        user,
        password,
        ingest_password: password_of("ingest")?,
        grafana_password: password_of("grafana")?,
    })
}

/// How much of the container's memory the server may use.
pub fn memory_share() -> Result<f64, Box<dyn Error>> {
    const SHARE: &str = "max_server_memory_usage_to_ram_ratio";
    let files = xml_files(CONFIG)?;
    let share = files.iter().rev().find_map(|xml| xml::element(xml, SHARE));
    let share = share.map_or(Ok(0.9), |text| text.trim().parse());
    Ok(share.map_err(|_| format!("{SHARE} is no number"))?)
}

/// Gives the engine the settings of tables in the configuration: it reads further files beside its
/// main one.
pub fn give_table_settings(engine_config: &Path) -> io::Result<()> {
    let directory = engine_config.join("config.d");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let files = xml_files(CONFIG).map_err(io::Error::other)?;
    let settings = files
        .iter()
        .filter_map(|xml| xml::element(xml, "merge_tree"));
    for (number, settings) in settings.enumerate() {
        let xml = format!("<clickhouse><merge_tree>{settings}</merge_tree></clickhouse>");
        fs::write(directory.join(format!("{number:02}.xml")), xml)?;
    }
    Ok(())
}

/// The database to make in a new volume.
pub fn first_database() -> Option<String> {
    std::env::var("CLICKHOUSE_DB").ok()
}

/// The scripts to run in a new volume, in order.
pub fn first_scripts() -> io::Result<Vec<PathBuf>> {
    files(FIRST_SCRIPTS)
}

/// Whether nothing has been in the volume yet.
pub fn volume_is_new() -> bool {
    !Path::new(DATA).join("data").exists()
}

/// The files of a directory, without comments.
fn xml_files(directory: &str) -> Result<Vec<String>, String> {
    let unreadable = |error| format!("cannot read `{directory}`: {error}");
    files(directory)
        .map_err(unreadable)?
        .iter()
        .filter(|path| path.extension() == Some("xml".as_ref()))
        .map(|path| fs::read_to_string(path).map(|xml| xml::without_comments(&xml)))
        .collect::<io::Result<_>>()
        .map_err(unreadable)
}

/// The files of a directory by their names; none if there is no directory.
fn files(directory: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
