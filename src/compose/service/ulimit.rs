use crate::compose::{Problem, field::Field, json::Object};

/// How much of something a process may have. -1 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// The limit.
    pub soft: i64,
    /// How far a process may raise it.
    pub hard: i64,
    /// Whether one number was given for both.
    single: bool,
}

impl Ulimit {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        if field.is_scalar() {
            let limit = field.parse()?;
            return Ok(Self {
                soft: limit,
                hard: limit,
                single: true,
            });
        }
        let mut fields = field.fields()?;
        let ulimit = Self {
            soft: fields.require("soft")?.parse()?,
            hard: fields.require("hard")?.parse()?,
            single: false,
        };
        fields.finish()?;
        Ok(ulimit)
    }

    pub(super) fn json(&self) -> String {
        if self.single && self.soft != 0 {
            return self.soft.to_string();
        }
        let limit = |limit: i64| (limit != 0).then(|| limit.to_string());
        let mut object = Object::new();
        object.optional("soft", limit(self.soft));
        object.optional("hard", limit(self.hard));
        object.finish()
    }
}
