//! What processes use, as Linux tells it.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Linux counts CPU time in hundredths of a second, whatever the kernel ticks in (`proc(5)`).
const TICK: Duration = Duration::from_millis(10);

/// What some processes use together.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// CPU time since they began.
    pub cpu: Duration,
    /// Memory that is resident, in bytes.
    pub resident: u64,
    /// The most memory of each that ever was, in bytes.
    pub peak: u64,
}

/// What the processes use that were started with something of `directory`.
pub fn usage_of(directory: &Path) -> Usage {
    let directory = directory.to_str().unwrap();
    let mut usage = Usage::default();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let path = process.path();
        let arguments = fs::read(path.join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&arguments).contains(directory) {
            add(&mut usage, &path);
        }
    }
    usage
}

/// A process may end while it is looked at.
fn add(usage: &mut Usage, process: &Path) -> Option<()> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name before the last parenthesis may have blanks.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u32>);
    let ticks = times.next()?.ok()? + times.next()?.ok()?;
    usage.cpu += TICK * ticks;
    let status = fs::read_to_string(process.join("status")).ok()?;
    let kilobytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    usage.resident += kilobytes("VmRSS:")? * 1024;
    usage.peak += kilobytes("VmHWM:")? * 1024;
    Some(())
}
