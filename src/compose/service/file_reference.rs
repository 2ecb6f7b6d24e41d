use crate::compose::{Problem, field::Field, json::Object};

/// A config or a secret of the file, as a file in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReference {
    /// The name of the config or the secret.
    pub source: String,
    /// Where it is in the container; `None` is in the root directory, under its name.
    pub target: Option<String>,
    /// The user it belongs to; root if there is none.
    pub uid: Option<u32>,
    /// The group it belongs to; root's if there is none.
    pub gid: Option<u32>,
    /// Its permissions; 0444 if there are none.
    pub mode: Option<u32>,
}

impl FileReference {
    pub(super) fn read_config(field: &Field<'_>) -> Result<Self, Problem> {
        let mut reference = Self {
            source: String::new(),
            target: None,
            uid: None,
            gid: None,
            mode: None,
        };
        if field.is_scalar() {
            reference.source = field.name()?;
            return Ok(reference);
        }
        let mut fields = field.fields()?;
        reference.source = fields.require("source")?.name()?;
        reference.target = fields.map("target", path)?;
        reference.uid = fields.map("uid", Field::parse)?;
        reference.gid = fields.map("gid", Field::parse)?;
        reference.mode = fields.map("mode", mode)?;
        fields.finish()?;
        Ok(reference)
    }

    pub(super) fn read_secret(field: &Field<'_>) -> Result<Self, Problem> {
        let mut reference = Self::read_config(field)?;
        if reference.target.is_none() {
            reference.target = Some(format!("/run/secrets/{}", reference.source));
        }
        Ok(reference)
    }

    /// Where the file is in the container, as an absolute path.
    pub fn path(&self) -> String {
        match &self.target {
            None => format!("/{}", self.source),
            Some(target) => target.clone(),
        }
    }

    pub(super) fn json(&self) -> String {
        let number = |number: u32| format!("\"{number}\"");
        let mut object = Object::new();
        object.text("source", Some(&self.source));
        object.text("target", self.target.as_ref());
        object.optional("uid", self.uid.map(number));
        object.optional("gid", self.gid.map(number));
        object.optional("mode", self.mode.map(|mode| format!("\"0{mode:o}\"")));
        object.finish()
    }
}

fn path(field: &Field<'_>) -> Result<String, Problem> {
    let text = field.text()?;
    if text.starts_with('/') {
        Ok(text)
    } else {
        Err(field.problem(format!("`{text}`: expected an absolute path")))
    }
}

/// Permissions, which have to look octal: YAML's versions do not agree on plain numbers.
fn mode(field: &Field<'_>) -> Result<u32, Problem> {
    let text: String = field.parse()?;
    text.strip_prefix('0')
        .and_then(|octal| u32::from_str_radix(octal, 8).ok())
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| field.problem(format!("`{text}`: expected permissions such as \"0440\"")))
}
