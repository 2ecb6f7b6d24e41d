//! Archives the files of which go into a container, which Compose has nothing for.

use std::path::PathBuf;

use crate::compose::{Problem, field::Field};

/// An archive the files of which go into a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpack {
    /// The archive, a `.zip`.
    pub archive: PathBuf,
    /// Where its files go in the container.
    pub directory: String,
}

impl Unpack {
    /// `None` if the archive is the empty text, as of a variable that is not set.
    pub(super) fn read(field: &Field<'_>) -> Result<Option<Self>, Problem> {
        let mut fields = field.fields()?;
        let archive = fields.require("archive")?.text()?;
        let directory = fields.require("directory")?.name()?;
        fields.finish()?;
        Ok((!archive.is_empty()).then(|| Self {
            archive: archive.into(),
            directory,
        }))
    }
}
