//! Attributes, as `Map(LowCardinality(String), String)`.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};

use super::{
    column::{Column, Numbers, Texts},
    value,
    words::{Word, Words},
};

/// The attributes of each row, ordered by key as the OpenTelemetry exporter orders them. Of several
/// attributes with one key the first counts: it is the one that the exporter and ClickHouse's
/// `attributes['key']` look at.
#[derive(Debug, Default)]
pub struct Attributes {
    ends: Numbers<u64>,
    keys: Words,
    values: Texts,
    /// Where values that are not text are rendered.
    rendered: String,
}

/// Attributes that many rows of one [`Attributes`] have.
#[derive(Debug, Default)]
pub struct SharedAttributes {
    keys: Vec<Word>,
    values: Texts,
}

impl Attributes {
    /// Appends a row's attributes.
    pub fn push(&mut self, attributes: &[KeyValue]) {
        if is_in_order(attributes) {
            for attribute in attributes {
                self.push_attribute(attribute);
            }
        } else {
            for attribute in in_order(attributes) {
                self.push_attribute(attribute);
            }
        }
        self.end();
    }

    /// Prepares attributes for many rows.
    pub fn share(&mut self, attributes: &[KeyValue]) -> SharedAttributes {
        let mut shared = SharedAttributes::default();
        for attribute in in_order(attributes) {
            shared.keys.push(self.keys.word(&attribute.key));
            push_value(attribute, &mut shared.values, &mut self.rendered);
        }
        shared
    }

    /// Appends a row's attributes.
    pub fn push_shared(&mut self, shared: &SharedAttributes) {
        self.keys.extend(&shared.keys);
        self.values.extend(&shared.values);
        self.end();
    }

    fn push_attribute(&mut self, attribute: &KeyValue) {
        self.keys.push_text(&attribute.key);
        push_value(attribute, &mut self.values, &mut self.rendered);
    }

    fn end(&mut self) {
        self.ends.push(self.keys.len() as u64);
    }
}

impl Column for Attributes {
    fn type_name() -> String {
        format!("Map({}, {})", Words::type_name(), Texts::type_name())
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn byte_size(&self) -> usize {
        self.ends.byte_size() + self.keys.byte_size() + self.values.byte_size()
    }

    fn write_prefix(block: &mut Vec<u8>) {
        Words::write_prefix(block);
        Texts::write_prefix(block);
    }

    fn write(self, block: &mut Vec<u8>) {
        self.ends.write(block);
        if self.keys.len() > 0 {
            self.keys.write(block);
            self.values.write(block);
        }
    }
}

fn is_in_order(attributes: &[KeyValue]) -> bool {
    attributes.is_sorted_by(|before, after| before.key < after.key)
}

fn in_order(attributes: &[KeyValue]) -> Vec<&KeyValue> {
    let mut ordered: Vec<&KeyValue> = attributes.iter().collect();
    ordered.sort_by(|a, b| a.key.cmp(&b.key));
    ordered.dedup_by(|later, earlier| later.key == earlier.key);
    ordered
}

fn push_value(attribute: &KeyValue, values: &mut Texts, rendered: &mut String) {
    let value = attribute
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref());
    if let Some(Value::StringValue(text)) = value {
        values.push(text);
    } else {
        rendered.clear();
        value::render(value, rendered);
        values.push(rendered);
    }
}
