//! What the engine's machine has room for.

use std::path::Path;

use super::Connection;

/// What a stack needs to get anywhere: what ClickHouse, the collector and Grafana take when they
/// have little to do.
const MEMORY: u64 = 1 << 30;

/// What the images and the first days of telemetry need.
const DISK: u64 = 3 << 30;

impl Connection {
    /// What is likely to be too little, each in a sentence; nothing if that cannot be told.
    pub async fn shortages(&self) -> Vec<String> {
        let Ok(info) = self.docker.info().await else {
            return Vec::new();
        };
        let memory = info.mem_total.and_then(|bytes| u64::try_from(bytes).ok());
        let root = info
            .docker_root_dir
            .filter(|_| self.endpoint.address.is_local());
        // The directory of an engine in a virtual machine is not this machine's.
        let free = root.and_then(|root| free(Path::new(&root)).map(|free| (root, free)));
        let memory = memory.filter(|memory| *memory < MEMORY).map(|memory| {
            let has = indicatif::BinaryBytes(memory);
            format!("the Docker engine has {has} of memory; the stack may need more")
        });
        let disk = free.filter(|(_, free)| *free < DISK).map(|(root, free)| {
            let free = indicatif::BinaryBytes(free);
            format!(
                "`{root}`, where Docker keeps its data, has {free} left; the stack may need more"
            )
        });
        memory.into_iter().chain(disk).collect()
    }
}

/// The bytes that may still be written to a directory's file system.
fn free(directory: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(directory).ok()?;
    system.f_bavail.checked_mul(system.f_frsize)
}
