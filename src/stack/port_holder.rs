//! Who listens on a port: known on Linux, for the processes of one's own user.

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// Its number.
    pub pid: u32,
    /// The name of its program.
    pub name: String,
    /// The project, if it is the server of another stack of ours.
    pub project: Option<String>,
}

/// Who listens on TCP port `port`, on any address.
#[cfg(target_os = "linux")]
pub fn holder_of(port: u16) -> Option<PortHolder> {
    let sockets: Vec<_> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = std::fs::read_dir("/proc").ok()?;
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|&pid| has_one_of(pid, &sockets))
        .map(describe)
}

/// Elsewhere the system has no file to read it from.
#[cfg(not(target_os = "linux"))]
pub fn holder_of(_port: u16) -> Option<PortHolder> {
    None
}

/// The inodes of the sockets that listen on `port`, from a table in the format of proc(5)'s
/// `/proc/net/tcp`: after a heading, columns of which the second is the local address and port
/// in hexadecimal, the fourth the state (0A listens) and the tenth the inode.
#[cfg(target_os = "linux")]
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    let inode_of_listener = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().take(10).collect();
        let (_, local_port) = columns.get(1)?.rsplit_once(':')?;
        let listens = *columns.get(3)? == "0A";
        let matches = u16::from_str_radix(local_port, 16) == Ok(port);
        (listens && matches).then(|| columns.get(9)?.parse().ok())?
    };
    table
        .lines()
        .skip(1)
        .filter_map(inode_of_listener)
        .collect()
}

#[cfg(target_os = "linux")]
fn has_one_of(pid: u32, sockets: &[String]) -> bool {
    // Another user's descriptors cannot be listed; then it is simply not known.
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .any(|target| sockets.iter().any(|socket| target.as_os_str() == &**socket))
}

#[cfg(target_os = "linux")]
fn describe(pid: u32) -> PortHolder {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    PortHolder {
        pid,
        name: name.trim_end().to_owned(),
        project: project_of(&command),
    }
}

/// The project that the server with this command line (in the form of proc(5)'s `cmdline`)
/// serves: the last part of the directory it was given.
#[cfg(target_os = "linux")]
fn project_of(command: &[u8]) -> Option<String> {
    let mut arguments = command.split(|&byte| byte == 0);
    let program = std::path::Path::new(std::str::from_utf8(arguments.next()?).ok()?);
    let is_server = program.file_name()? == "telemetry"
        && arguments.next()? == b"serve"
        && arguments.next()? == b"--directory";
    if !is_server {
        return None;
    }
    let directory = std::path::Path::new(std::str::from_utf8(arguments.next()?).ok()?);
    Some(directory.file_name()?.to_str()?.to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:10DE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0000000000000000 100 0 0 10 0
   1: 0100007F:10DE 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 4343 1 0000000000000000 20 4 30 10 -1
   2: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4444 1 0000000000000000 100 0 0 10 0
";

    #[test]
    fn only_listeners_on_the_port_count() {
        assert_eq!(listening_inodes(TABLE, 4318), [4242]);
        assert_eq!(listening_inodes(TABLE, 80), [0_u64; 0]);
    }

    #[test]
    fn a_server_of_ours_is_known_by_its_directory() {
        let command = b"/usr/bin/telemetry\0serve\0--directory\0/home/a/data/shop\0";
        assert_eq!(project_of(command).as_deref(), Some("shop"));
        assert_eq!(
            project_of(b"/usr/bin/python3\0serve\0--directory\0/x\0"),
            None
        );
        assert_eq!(project_of(b""), None);
    }
}
