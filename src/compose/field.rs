//! Reading typed values out of a file, with errors that name the key and the line.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use super::{
    Problem,
    yaml::{Entry, Node, Value},
};

/// A value, with the keys that lead to it.
#[derive(Clone)]
pub(super) struct Field<'n> {
    /// Such as `services.grafana.ports[0]`.
    pub path: String,
    /// The line of its key, or of the value itself within a list.
    pub line: usize,
    node: &'n Node,
}

/// What a mapping may hold: each key is taken once, and what is left over is not understood.
pub(super) struct Fields<'n> {
    path: String,
    line: usize,
    left: Vec<&'n Entry>,
    known: Vec<&'static str>,
}

impl<'n> Field<'n> {
    pub fn root(node: &'n Node) -> Self {
        Self {
            path: String::new(),
            line: node.line,
            node,
        }
    }

    /// That something is wrong with it.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            key: self.path.clone(),
            message: message.into(),
            hint: None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.node.is_null()
    }

    /// Whether it is a single value.
    pub fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar { .. })
    }

    pub fn is_sequence(&self) -> bool {
        matches!(self.node.value, Value::Sequence(_))
    }

    /// A single value as the file has it.
    ///
    /// What YAML takes for a number and Compose would write otherwise must be quoted.
    pub fn text(&self) -> Result<String, Problem> {
        let Value::Scalar { text, plain } = &self.node.value else {
            return Err(self.problem("expected a single value"));
        };
        if *plain && means_another_text(text) {
            return Err(self.problem(format!("quote `{text}` to have it as it is")));
        }
        Ok(text.clone())
    }

    /// A text that is not empty.
    pub fn name(&self) -> Result<String, Problem> {
        let text = self.text()?;
        if text.is_empty() {
            return Err(self.problem("expected a value"));
        }
        Ok(text)
    }

    pub fn parse<T: FromStr<Err: Display>>(&self) -> Result<T, Problem> {
        let Value::Scalar { text, .. } = &self.node.value else {
            return Err(self.problem("expected a single value"));
        };
        text.parse()
            .map_err(|error| self.problem(format!("`{text}`: {error}")))
    }

    pub fn boolean(&self) -> Result<bool, Problem> {
        let Value::Scalar { text, .. } = &self.node.value else {
            return Err(self.problem("expected `true` or `false`"));
        };
        match text.as_str() {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            _ => Err(self.problem(format!("`{text}`: expected `true` or `false`"))),
        }
    }

    /// The values of a list.
    pub fn items(&self) -> Result<Vec<Field<'n>>, Problem> {
        let Value::Sequence(nodes) = &self.node.value else {
            return Err(self.problem("expected a list"));
        };
        let items = nodes.iter().enumerate().map(|(index, node)| Field {
            path: format!("{}[{index}]", self.path),
            line: node.line,
            node,
        });
        Ok(items.collect())
    }

    /// The texts of a list.
    pub fn texts(&self) -> Result<Vec<String>, Problem> {
        self.items()?.iter().map(Field::text).collect()
    }

    /// The texts of a list, which may be a single value.
    pub fn text_or_texts(&self) -> Result<Vec<String>, Problem> {
        if self.is_scalar() {
            Ok(vec![self.text()?])
        } else {
            self.texts()
        }
    }

    /// The entries of a mapping whose keys are names.
    pub fn entries(&self) -> Result<Vec<(String, Field<'n>)>, Problem> {
        let Value::Mapping(entries) = &self.node.value else {
            return Err(self.problem("expected a mapping"));
        };
        let entries = entries
            .iter()
            .map(|entry| (entry.key.clone(), field(&self.path, entry)));
        Ok(entries.collect())
    }

    /// The entries of a mapping whose keys are known.
    pub fn fields(&self) -> Result<Fields<'n>, Problem> {
        let Value::Mapping(entries) = &self.node.value else {
            return Err(self.problem("expected a mapping"));
        };
        Ok(Fields {
            path: self.path.clone(),
            line: self.line,
            left: entries.iter().collect(),
            known: Vec::new(),
        })
    }

    /// `KEY: value`, or a list of `KEY=value`; without a value, `None`.
    pub fn pairs(&self) -> Result<BTreeMap<String, Option<String>>, Problem> {
        if !self.is_sequence() {
            let entries = self.entries()?.into_iter().map(|(key, field)| {
                let value = if field.is_null() {
                    None
                } else {
                    Some(field.text()?)
                };
                Ok((key, value))
            });
            return entries.collect();
        }
        let items = self.items()?.into_iter().map(|item| {
            let text = item.name()?;
            Ok(match text.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (text, None),
            })
        });
        items.collect()
    }

    /// [`Field::pairs`] where a missing value is an empty one.
    pub fn labels(&self) -> Result<BTreeMap<String, String>, Problem> {
        let pairs = self.pairs()?.into_iter();
        Ok(pairs
            .map(|(key, value)| (key, value.unwrap_or_default()))
            .collect())
    }
}

impl<'n> Fields<'n> {
    /// The value of a key; `None` if it is not there, or null.
    pub fn take(&mut self, key: &'static str) -> Option<Field<'n>> {
        self.take_even_null(key).filter(|field| !field.is_null())
    }

    /// The value of a key that may be null.
    pub fn take_even_null(&mut self, key: &'static str) -> Option<Field<'n>> {
        self.known.push(key);
        let at = self.left.iter().position(|entry| entry.key == key)?;
        Some(field(&self.path, self.left.remove(at)))
    }

    /// What `read` makes of a key's value, if it is there.
    pub fn map<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Field<'n>) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        self.take(key).as_ref().map(read).transpose()
    }

    /// What `read` makes of a key's value; otherwise nothing.
    pub fn map_or_default<T: Default>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Field<'n>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        Ok(self.map(key, read)?.unwrap_or_default())
    }

    /// A key that must be there.
    pub fn require(&mut self, key: &'static str) -> Result<Field<'n>, Problem> {
        self.take(key).ok_or_else(|| Problem {
            line: self.line,
            key: self.path.clone(),
            message: format!("`{key}` is missing"),
            hint: None,
        })
    }

    /// Refuses what was not taken. Keys that begin with `x-` are for others.
    pub fn finish(self) -> Result<(), Problem> {
        let unknown = self.left.iter().find(|entry| !entry.key.starts_with("x-"));
        let Some(entry) = unknown else {
            return Ok(());
        };
        Err(Problem {
            message: format!("not supported; expected one of {}", self.known.join(", ")),
            ..field(&self.path, entry).problem("")
        })
    }
}

fn field<'n>(path: &str, entry: &'n Entry) -> Field<'n> {
    let key = &entry.key;
    Field {
        path: if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        },
        line: entry.line,
        node: &entry.value,
    }
}

/// Whether YAML has something else in mind with `text` than what it says: `010` is 8 and `1.50`
/// is 1.5.
fn means_another_text(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['-', '+']);
    if ["0x", "0o", "0b"]
        .iter()
        .any(|radix| unsigned.starts_with(radix))
    {
        return true;
    }
    if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        if let Ok(integer) = text.parse::<i64>() {
            return integer.to_string() != text;
        }
        return text
            .parse::<f64>()
            .is_ok_and(|float| float.to_string() != text);
    }
    let lower = text.to_ascii_lowercase();
    matches!(lower.as_str(), "true" | "false") && lower != text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::yaml::parse;

    #[test]
    fn what_is_not_known_is_named_with_its_line() {
        let node = parse("a:\n  known: 1\n  x-other: 2\n  unknown: 3\n").expect("it is YAML");
        let (_, a) = Field::root(&node).entries().expect("a mapping").remove(0);
        let mut fields = a.fields().expect("a mapping");
        assert!(fields.take("known").is_some());
        let problem = fields.finish().expect_err("a key is left over");
        let expected = "4: `a.unknown`: not supported; expected one of known";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn a_number_that_yaml_would_rewrite_must_be_quoted() {
        for (text, rewritten) in [
            ("1", false),
            ("-5", false),
            ("1.5", false),
            ("010", true),
            ("1.50", true),
            ("1e3", true),
            ("0x1f", true),
            ("1.2.3", false),
            ("127.0.0.1", false),
            ("True", true),
            ("yes", false),
            ("infinity", false),
        ] {
            assert_eq!(means_another_text(text), rewritten, "{text}");
        }
    }
}
