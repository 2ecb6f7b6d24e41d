//! What the engine's machine has room for.

use super::Connection;

/// What a stack needs to get anywhere: what ClickHouse, the collector and Grafana take when they
/// have little to do; in bytes.
pub const LEAST_MEMORY: u64 = 1 << 30;

/// What the images and the first days of telemetry need, in bytes.
pub const LEAST_DISK: u64 = 3 << 30;

impl Connection {
    /// What is likely to be too little, each in a sentence; nothing if that cannot be told.
    pub async fn shortages(&self) -> Vec<String> {
        let Ok(machine) = self.machine().await else {
            return Vec::new();
        };
        let memory = machine.memory.filter(|memory| *memory < LEAST_MEMORY);
        let memory = memory.map(|memory| {
            let has = indicatif::BinaryBytes(memory);
            format!("the Docker engine has {has} of memory; the stack may need more")
        });
        let free = machine
            .root
            .and_then(|root| fs4::available_space(&root).ok().map(|free| (root, free)));
        let disk = free
            .filter(|(_, free)| *free < LEAST_DISK)
            .map(|(root, free)| {
                format!(
                    "`{}`, where Docker keeps its data, has {} left; the stack may need more",
                    root.display(),
                    indicatif::BinaryBytes(free)
                )
            });
        memory.into_iter().chain(disk).collect()
    }
}
