//! How much memory a process occupies, and how much there is for others.

/// The resident memory of process `pid`, in bytes, from proc(5)'s `VmRSS`.
#[cfg(target_os = "linux")]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let number: u64 = kibibytes.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

/// The resident memory of process `pid`, in bytes, as `ps` knows it.
#[cfg(not(target_os = "linux"))]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let output = std::process::Command::new("ps")
        .args(["-o", "rss=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let kibibytes: u64 = std::str::from_utf8(&output.stdout)
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(kibibytes * 1024)
}

/// The memory of this machine that a new process could have without anything being paged out, in
/// bytes, from proc(5)'s `MemAvailable`; less, where a control group allows less.
#[cfg(target_os = "linux")]
pub fn available_bytes() -> Option<u64> {
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    let available = mem_available(&memory)?;
    Some(group_allows().map_or(available, |allowed| allowed.min(available)))
}

/// The memory of this machine, in bytes; what of it others leave cannot be told here.
#[cfg(not(target_os = "linux"))]
pub fn available_bytes() -> Option<u64> {
    let output = std::process::Command::new("sysctl")
        .args(["-n", "hw.memsize"])
        .output()
        .ok()?;
    std::str::from_utf8(&output.stdout)
        .ok()?
        .trim()
        .parse()
        .ok()
}

#[cfg(target_os = "linux")]
fn mem_available(memory: &str) -> Option<u64> {
    let kibibytes = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let number: u64 = kibibytes.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

/// What the control group of version 2 that a container sees as its root leaves, in bytes; `None`
/// if it sets no limit.
#[cfg(target_os = "linux")]
fn group_allows() -> Option<u64> {
    let number = |file: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
        text.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_occupies_more_than_a_mebibyte() {
        assert!(resident_bytes(std::process::id()).unwrap() > 1024 * 1024);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_available_is_read_from_the_line_of_that_name() {
        let memory = "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(mem_available(memory), Some(2 << 20));
        assert_eq!(mem_available("MemTotal: 8000 kB\n"), None);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(available_bytes().unwrap() > 1024 * 1024);
    }
}
