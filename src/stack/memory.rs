//! How much memory a process occupies.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_occupies_more_than_a_mebibyte() {
        assert!(resident_bytes(std::process::id()).unwrap() > 1024 * 1024);
    }
}
