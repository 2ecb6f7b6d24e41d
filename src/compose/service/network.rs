use std::collections::BTreeMap;

use crate::compose::{
    Problem,
    field::Field,
    json::{self, Object},
};

/// How a service is attached to a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Names of the service in the network, beside its own.
    pub aliases: Vec<String>,
    /// A fixed address.
    pub ipv4_address: Option<String>,
}

impl Attachment {
    fn read(field: &Field<'_>) -> Result<Self, Problem> {
        if field.is_null() {
            return Ok(Self::default());
        }
        let mut fields = field.fields()?;
        let attachment = Self {
            aliases: fields.map_or_default("aliases", Field::texts)?,
            ipv4_address: fields.map("ipv4_address", Field::name)?,
        };
        fields.finish()?;
        Ok(attachment)
    }

    pub(super) fn merge(&mut self, over: Self) {
        super::merge::append(&mut self.aliases, over.aliases, |a, b| a == b);
        self.ipv4_address = over.ipv4_address.or(self.ipv4_address.take());
    }

    pub(super) fn json(&self) -> String {
        if *self == Self::default() {
            return "null".to_owned();
        }
        let mut object = Object::new();
        object.list("aliases", &self.aliases, json::text);
        object.text("ipv4_address", self.ipv4_address.as_ref());
        object.finish()
    }
}

/// A list of networks, or a mapping of networks to how the service is attached.
pub(super) fn read(field: &Field<'_>) -> Result<BTreeMap<String, Attachment>, Problem> {
    if field.is_sequence() {
        let names = field.texts()?.into_iter();
        return Ok(names.map(|name| (name, Attachment::default())).collect());
    }
    let entries = field.entries()?.into_iter();
    entries
        .map(|(name, entry)| Ok((name, Attachment::read(&entry)?)))
        .collect()
}
