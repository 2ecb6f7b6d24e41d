//! The engine's configuration: a small footprint beside a developer's other programs.

use std::{fs, path::PathBuf};

use super::{EngineError, Role};

/// Where the engine keeps its data and what it may use.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Directory of the databases; made by the engine.
    pub data_dir: PathBuf,
    /// Directory of the generated configuration; made here.
    pub config_dir: PathBuf,
    /// Memory that queries, inserts and merges may use together, in bytes.
    pub memory_limit: u64,
}

/// Writes the configuration and gives the path of its main file.
pub(super) fn write(options: &EngineOptions) -> Result<PathBuf, EngineError> {
    let path = options.config_dir.join("config.xml");
    let users_path = options.config_dir.join("users.xml");
    fs::create_dir_all(&options.config_dir)
        .and_then(|()| fs::write(&path, main_file(options)))
        .and_then(|()| fs::write(users_path, users_file()))
        .map_err(|source| EngineError::Configuration {
            path: path.clone(),
            source,
        })?;
    Ok(path)
}

/// Sized for one developer's telemetry instead of a server's. On two cores, with the whole schema
/// and ten million spans: booted and answering 0.1 s after the library is loaded (another 0.03 to
/// 0.3 s, the longer the colder its file), 225 MB resident of which 170 MB are the library's own
/// pages, 0.3 % of a core idle, 700 MB at the most while spans come in and 300 MB soon after.
///
/// - Caches default to 5 GiB each.
/// - Merges: two threads take four tasks. By default a merge would have to leave eight tasks free
///   to be a large one, which in so small a pool would mean never.
/// - Threads that have nothing to do end; ClickHouse keeps a thousand. Removing merged parts
///   would start 128.
/// - The memory that the process really uses is looked up every 50 ms, half of what the engine
///   does while idle.
/// - There is no `logger`: with one, chDB formats messages of every level, wherever they go.
fn main_file(options: &EngineOptions) -> String {
    let memory_limit = options.memory_limit;
    let users = escape(&options.config_dir.join("users.xml").to_string_lossy());
    format!(
        "<clickhouse>
    <users_config>{users}</users_config>
    <max_server_memory_usage>{memory_limit}</max_server_memory_usage>
    <mark_cache_size>33554432</mark_cache_size>
    <index_mark_cache_size>8388608</index_mark_cache_size>
    <primary_index_cache_size>33554432</primary_index_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <mmap_cache_size>0</mmap_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
    <background_common_pool_size>2</background_common_pool_size>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <max_thread_pool_free_size>16</max_thread_pool_free_size>
    <max_parts_cleaning_thread_pool_size>2</max_parts_cleaning_thread_pool_size>
    <memory_worker_period_ms>500</memory_worker_period_ms>
    <merge_tree>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <number_of_free_entries_in_pool_to_execute_mutation>2</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>2</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    </merge_tree>
</clickhouse>
"
    )
}

/// The one user and its roles; see [`Role`].
///
/// chDB switches on two settings that ClickHouse's server has off: one takes a mistyped statement
/// for an expression, the other reads the program's own symbols. It ignores the `timezone` of the
/// main file and would take the machine's. And tables of more than 50 GB could not be emptied.
fn users_file() -> String {
    let roles = Role::ALL
        .map(|role| {
            let (name, grant) = (role.name(), role.grant());
            format!("        <{name}><grants><query>{grant}</query></grants></{name}>\n")
        })
        .concat();
    let granted = Role::ALL.map(Role::name).join(", ");
    format!(
        "<clickhouse>
    <profiles>
        <default>
            <session_timezone>UTC</session_timezone>
            <implicit_select>0</implicit_select>
            <allow_introspection_functions>0</allow_introspection_functions>
            <max_table_size_to_drop>0</max_table_size_to_drop>
            <max_partition_size_to_drop>0</max_partition_size_to_drop>
        </default>
    </profiles>
    <quotas><default/></quotas>
    <roles>
{roles}    </roles>
    <users>
        <default>
            <no_password/>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants><query>GRANT {granted}</query></grants>
        </default>
    </users>
</clickhouse>
"
    )
}

/// Text as XML has it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::chdb::testing::{MEMORY_LIMIT, connection, text};

    /// The lines `<name>value</name>` of a file.
    fn values(file: &str) -> impl Iterator<Item = (&str, &str)> {
        file.lines().filter_map(|line| {
            let (name, rest) = line.trim().strip_prefix('<')?.split_once('>')?;
            let value = rest.strip_suffix('>')?.strip_suffix(name)?;
            Some((name, value.strip_suffix("</")?))
        })
    }

    #[test]
    fn the_engine_knows_and_takes_every_setting() {
        let Some(mut connection) = connection() else {
            return;
        };
        let options = EngineOptions {
            data_dir: PathBuf::new(),
            config_dir: PathBuf::new(),
            memory_limit: MEMORY_LIMIT,
        };
        let (main_file, users_file) = (main_file(&options), users_file());
        let ours = values(&main_file).chain(values(&users_file));
        let others = ["users_config", "query", "ip", "profile", "quota"];
        let mut seen = 0;
        for (name, value) in ours {
            if value.starts_with('<') || others.contains(&name) {
                continue;
            }
            let sql = format!(
                "SELECT DISTINCT value FROM (
                     SELECT name, value FROM system.server_settings
                     UNION ALL SELECT name, value FROM system.merge_tree_settings
                     UNION ALL SELECT name, value FROM system.settings
                 ) WHERE name = '{name}'"
            );
            let taken = text(&mut connection, &sql);
            assert!(
                taken.lines().any(|taken| taken == value),
                "{name}: {taken:?}"
            );
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn a_directory_may_have_any_name() {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let config_dir = dir.path().join("R&D <x>");
        let options = EngineOptions {
            data_dir: dir.path().join("data"),
            config_dir: config_dir.clone(),
            memory_limit: 1 << 30,
        };
        let path = write(&options).expect("it is written");
        let text = fs::read_to_string(path).expect("it is there");
        assert!(text.contains("/R&amp;D &lt;x&gt;/users.xml</users_config>"));
        assert!(config_dir.join("users.xml").exists());
    }
}
