use std::collections::BTreeMap;

use crate::compose::{
    Problem,
    field::Field,
    json::{self, Object},
};

/// Where the engine puts what a service prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// The driver; the engine's own choice if there is none.
    pub driver: Option<String>,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
}

impl Logging {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut fields = field.fields()?;
        let logging = Self {
            driver: fields.map("driver", Field::name)?,
            options: fields.map_or_default("options", Field::labels)?,
        };
        fields.finish()?;
        Ok(logging)
    }

    /// The options of one driver mean nothing to another.
    pub(super) fn merge(&mut self, over: Self) {
        if over.driver.is_some() && self.driver.is_some() && over.driver != self.driver {
            *self = over;
            return;
        }
        self.driver = over.driver.or(self.driver.take());
        self.options.extend(over.options);
    }

    pub(super) fn json(&self) -> String {
        let mut object = Object::new();
        object.text("driver", self.driver.as_ref());
        object.map("options", &self.options, json::text);
        object.finish()
    }
}
