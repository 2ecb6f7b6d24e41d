use crate::compose::{Problem, field::Field, json::Object};

/// A volume of the file in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeMount {
    /// The volume's key in the file.
    pub source: String,
    /// The directory in the container.
    pub target: String,
    /// Whether the service may only read it.
    pub read_only: bool,
    /// Whether what the image has in the directory is not copied into a new volume.
    pub no_copy: bool,
}

const NAMED_ONLY: &str = "only volumes with a name of two letters or more are supported: a file reaches a container as one \
                          of its `configs`";

impl VolumeMount {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mount = if field.is_scalar() {
            Self::read_short(field)?
        } else {
            Self::read_long(field)?
        };
        // One letter would be a drive of Windows to Compose.
        let begins = |name: &str| name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins(&mount.source) || mount.source.len() == 1 {
            return Err(field.problem(NAMED_ONLY));
        }
        if !mount.target.starts_with('/') {
            let target = &mount.target;
            return Err(field.problem(format!("`{target}`: expected an absolute path")));
        }
        Ok(Self {
            target: clean(&mount.target),
            ..mount
        })
    }

    /// `NAME:DIRECTORY[:OPTIONS]`.
    fn read_short(field: &Field<'_>) -> Result<Self, Problem> {
        let text = field.text()?;
        let mut parts = text.split(':');
        let (Some(source), Some(target), options, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(field.problem(NAMED_ONLY));
        };
        let mut mount = Self {
            source: source.to_owned(),
            target: target.to_owned(),
            read_only: false,
            no_copy: false,
        };
        for option in options.into_iter().flat_map(|options| options.split(',')) {
            match option {
                "rw" => mount.read_only = false,
                "ro" => mount.read_only = true,
                "nocopy" => mount.no_copy = true,
                _ => return Err(field.problem(format!("`{option}`: expected `ro` or `nocopy`"))),
            }
        }
        Ok(mount)
    }

    fn read_long(field: &Field<'_>) -> Result<Self, Problem> {
        let mut fields = field.fields()?;
        if fields.require("type")?.text()? != "volume" {
            return Err(field.problem(NAMED_ONLY));
        }
        let mount = Self {
            source: fields.require("source")?.name()?,
            target: fields.require("target")?.name()?,
            read_only: fields.map_or_default("read_only", Field::boolean)?,
            no_copy: fields.map_or_default("volume", |field| {
                let mut fields = field.fields()?;
                let no_copy = fields.map_or_default("nocopy", Field::boolean)?;
                fields.finish()?;
                Ok(no_copy)
            })?,
        };
        fields.finish()?;
        Ok(mount)
    }

    pub(super) fn json(&self) -> String {
        let yes = |is: bool| is.then(|| "true".to_owned());
        let mut volume = Object::new();
        volume.optional("nocopy", yes(self.no_copy));
        let mut object = Object::new();
        object.field("type", "\"volume\"");
        object.text("source", Some(&self.source));
        object.text("target", Some(&self.target));
        object.optional("read_only", yes(self.read_only));
        object.field("volume", &volume.finish());
        object.finish()
    }
}

/// An absolute path without what does not lead anywhere.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
