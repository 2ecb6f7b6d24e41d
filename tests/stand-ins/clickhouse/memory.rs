//! The memory of the container.

use std::fs;

/// Without a limit, or with one that no machine reaches, the stand-in is as modest as its peers.
const MODEST: u64 = 2 << 30;

/// What control groups allow, in bytes: version 2, or else version 1.
pub fn limit() -> u64 {
    let files = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let limit = files.iter().find_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        text.trim().parse::<u64>().ok()
    });
    limit.filter(|limit| *limit < 1 << 50).unwrap_or(MODEST)
}
