//! Which version of ClickHouse wrote the data. A newer one may have changed the format on disk in
//! ways that an older one cannot read, or would damage.

use std::io;
use std::path::Path;

use super::ServerError;
use crate::embedded::Directory;

/// Refuses an engine of `version` on data that a newer one wrote.
///
/// # Errors
///
/// When the data is newer.
pub fn check(directory: &Directory, version: &str) -> Result<(), ServerError> {
    let written = read(&directory.data_version())
        .map_err(|error| ServerError::Directory(directory.clone(), error))?;
    match written {
        Some(written) if release(&written) > release(version) => Err(ServerError::Downgrade {
            written,
            version: version.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Writes down that an engine of `version` writes the data now.
pub(super) fn record(directory: &Directory, version: &str) -> Result<(), ServerError> {
    let path = directory.data_version();
    let is_recorded = matches!(read(&path), Ok(Some(written)) if written == version);
    if is_recorded {
        return Ok(());
    }
    std::fs::write(path, format!("{version}\n"))
        .map_err(|error| ServerError::Directory(directory.clone(), error))
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Year and month of a version such as `26.7.3` or `26.7.2.1`: what formats on disk go by, and
/// what the library's version and that of the ClickHouse in it have in common.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, Directory) {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::new(temporary.path());
        (temporary, directory)
    }

    #[test]
    fn data_goes_up_with_the_engine_and_never_down() {
        let (_temporary, directory) = directory();
        check(&directory, "26.7.3").unwrap();
        record(&directory, "26.7.2.1").unwrap();
        check(&directory, "26.7.3").unwrap();
        check(&directory, "26.10.1").unwrap();
        record(&directory, "26.10.1.5").unwrap();
        let refused = check(&directory, "26.7.3");
        assert!(
            matches!(refused, Err(ServerError::Downgrade { written, .. }) if written == "26.10.1.5")
        );
    }

    #[test]
    fn a_version_that_says_nothing_refuses_nothing() {
        let (_temporary, directory) = directory();
        record(&directory, "unknown").unwrap();
        check(&directory, "26.7.3").unwrap();
    }
}
