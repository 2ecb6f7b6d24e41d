//! JSON as Go writes it, byte for byte: Compose hashes it.

use std::fmt::Write as _;

/// An object whose fields come in the order in which they are given.
pub(super) struct Object(String);

impl Object {
    pub fn new() -> Self {
        Self(String::from("{"))
    }

    /// A field that is always there.
    pub fn field(&mut self, key: &str, json: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let _ = write!(self.0, "{}:{json}", string(key));
    }

    /// A field that is left out if it has no value.
    pub fn optional(&mut self, key: &str, json: Option<String>) {
        if let Some(json) = json {
            self.field(key, &json);
        }
    }

    /// A text that is left out if it is empty.
    pub fn text(&mut self, key: &str, text: Option<&String>) {
        self.optional(
            key,
            text.filter(|text| !text.is_empty())
                .map(|text| string(text)),
        );
    }

    /// A list that is left out if it is empty.
    pub fn list<T>(&mut self, key: &str, items: &[T], json: impl Fn(&T) -> String) {
        if !items.is_empty() {
            self.field(key, &list(items, json));
        }
    }

    /// A mapping that is left out if it is empty.
    pub fn map<'v, V: 'v>(
        &mut self,
        key: &str,
        entries: impl IntoIterator<Item = (&'v String, &'v V)>,
        json: impl Fn(&V) -> String,
    ) {
        let mut object = Object::new();
        for (name, value) in entries {
            object.field(name, &json(value));
        }
        if !object.is_empty() {
            self.field(key, &object.finish());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

pub(super) fn list<T>(items: &[T], json: impl Fn(&T) -> String) -> String {
    let items: Vec<_> = items.iter().map(json).collect();
    format!("[{}]", items.join(","))
}

#[expect(
    clippy::ptr_arg,
    reason = "it is given to functions that take an item of a list"
)]
pub(super) fn text(text: &String) -> String {
    string(text)
}

/// Go escapes for HTML, too.
pub(super) fn string(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\0'..'\u{20}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_html_would_take_for_markup_is_escaped() {
        assert_eq!(string("a&b<c>"), r#""a\u0026b\u003cc\u003e""#);
        assert_eq!(string("\u{1}\u{2028}é"), "\"\\u0001\\u2028é\"");
    }

    proptest! {
        #[test]
        fn it_is_json(plain: String) {
            let read: String = serde_json::from_str(&string(&plain)).expect("it is JSON");
            prop_assert_eq!(read, plain);
        }
    }
}
