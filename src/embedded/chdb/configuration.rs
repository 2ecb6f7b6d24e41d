//! The engine's configuration: a small footprint beside a developer's other programs.

use std::{fs, path::PathBuf};

use super::EngineError;

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
    let failed = |source| EngineError::Configuration {
        path: path.clone(),
        source,
    };
    fs::create_dir_all(&options.config_dir).map_err(failed)?;
    fs::write(&path, main_file(options)).map_err(failed)?;
    Ok(path)
}

/// Caches default to 5 GiB each and pools to the size of a server; both are cut to what one
/// developer's telemetry needs.
fn main_file(options: &EngineOptions) -> String {
    let memory_limit = options.memory_limit;
    format!(
        "<clickhouse>
    <logger><level>none</level></logger>
    <timezone>UTC</timezone>
    <max_server_memory_usage>{memory_limit}</max_server_memory_usage>
    <mark_cache_size>33554432</mark_cache_size>
    <index_mark_cache_size>8388608</index_mark_cache_size>
    <primary_index_cache_size>33554432</primary_index_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <mmap_cache_size>0</mmap_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <merge_tree>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <number_of_free_entries_in_pool_to_execute_mutation>2</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>2</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    </merge_tree>
</clickhouse>
"
    )
}
