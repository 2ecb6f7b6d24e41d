//! Which volumes of older stacks a project has the telemetry of, so that nobody is asked twice.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;

use super::{Project, replace_file};

/// The volumes whose telemetry was brought over, and when last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoptions(BTreeMap<String, Timestamp>);

impl Adoptions {
    /// Those of a project.
    ///
    /// # Errors
    ///
    /// When what was noted cannot be read.
    pub fn read(project: &Project) -> io::Result<Self> {
        match std::fs::read(project.adoptions_path()) {
            Ok(bytes) => Ok(Self(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Whether a volume is among them.
    pub fn has(&self, volume: &str) -> bool {
        self.0.contains_key(volume)
    }

    /// Notes that a volume's telemetry was brought over into a project whose directory is there.
    ///
    /// # Errors
    ///
    /// When it cannot be noted.
    pub fn add(project: &Project, volume: &str) -> io::Result<()> {
        let mut adoptions = Self::read(project)?;
        adoptions.0.insert(volume.to_owned(), Timestamp::now());
        let bytes = serde_json::to_vec_pretty(&adoptions.0)?;
        replace_file(&project.adoptions_path(), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_known_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let project = Project::new(directory.path(), "telemetry");
        assert_eq!(Adoptions::read(&project).unwrap(), Adoptions::default());
        project.create().unwrap();
        for volume in ["infra_clickhouse-data", "x", "x"] {
            Adoptions::add(&project, volume).unwrap();
        }
        let adoptions = Adoptions::read(&project).unwrap();
        assert!(adoptions.has("infra_clickhouse-data") && adoptions.has("x"));
        assert!(!adoptions.has("y"));
    }
}
