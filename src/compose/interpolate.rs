//! `${…}` in the values of a Compose file, as Compose understands it.

use std::collections::BTreeSet;

use super::{
    Problem,
    yaml::{Node, Value},
};

/// What variables stand for.
pub trait Environment {
    /// The value of a variable; `None` if it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// Puts values in place of variables, and remembers those that have none.
pub(super) struct Interpolation<'e> {
    environment: &'e dyn Environment,
    /// Variables without a value and without a default, which became nothing.
    pub unset: BTreeSet<String>,
    /// How many words the current text is within.
    depth: usize,
}

/// Deeper than anybody writes them, and shallow enough for recursion.
const MAX_DEPTH: usize = 32;

/// The forms of `${NAME…}`, the longer sign first.
const OPERATORS: [(&str, Operator); 6] = [
    (
        ":-",
        Operator {
            form: Form::Default,
            empty_is_unset: true,
        },
    ),
    (
        ":?",
        Operator {
            form: Form::Required,
            empty_is_unset: true,
        },
    ),
    (
        ":+",
        Operator {
            form: Form::Alternative,
            empty_is_unset: true,
        },
    ),
    (
        "-",
        Operator {
            form: Form::Default,
            empty_is_unset: false,
        },
    ),
    (
        "?",
        Operator {
            form: Form::Required,
            empty_is_unset: false,
        },
    ),
    (
        "+",
        Operator {
            form: Form::Alternative,
            empty_is_unset: false,
        },
    ),
];

#[derive(Clone, Copy)]
struct Operator {
    form: Form,
    empty_is_unset: bool,
}

#[derive(Clone, Copy)]
enum Form {
    /// The word, if the variable is not set.
    Default,
    /// An error with the word, if it is not set.
    Required,
    /// The word, if it is set.
    Alternative,
}

impl<'e> Interpolation<'e> {
    pub fn new(environment: &'e dyn Environment) -> Self {
        Self {
            environment,
            unset: BTreeSet::new(),
            depth: 0,
        }
    }

    /// Every value below `node`; keys are left alone.
    pub fn tree(&mut self, node: &mut Node) -> Result<(), Problem> {
        match &mut node.value {
            Value::Scalar { text, plain } => {
                if text.contains('$') {
                    *text = self.text(text).map_err(|message| Problem {
                        line: node.line,
                        key: String::new(),
                        message,
                        hint: Some("write `$$` for a dollar sign"),
                    })?;
                    // What a variable held is a text, even if it is empty.
                    *plain = false;
                }
                Ok(())
            }
            Value::Sequence(nodes) => nodes.iter_mut().try_for_each(|node| self.tree(node)),
            Value::Mapping(entries) => entries
                .iter_mut()
                .try_for_each(|entry| self.tree(&mut entry.value)),
        }
    }

    /// A text with its variables replaced.
    pub fn text(&mut self, text: &str) -> Result<String, String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            result.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                result.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let end = closing_brace(after)
                    .ok_or_else(|| format!("`${rest}` has no closing brace"))?;
                result.push_str(&self.braced(&after[..end])?);
                rest = &after[end + 1..];
            } else {
                let (name, after) = split_name(rest);
                if name.is_empty() {
                    return Err(format!("no name follows the `$` in `{text}`"));
                }
                result.push_str(&self.plain(name));
                rest = after;
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    /// What is between braces.
    fn braced(&mut self, inside: &str) -> Result<String, String> {
        let (name, rest) = split_name(inside);
        if name.is_empty() {
            return Err(format!("`${{{inside}}}` does not begin with a name"));
        }
        if rest.is_empty() {
            return Ok(self.plain(name));
        }
        let Some((word, operator)) = OPERATORS
            .into_iter()
            .find_map(|(sign, operator)| Some((rest.strip_prefix(sign)?, operator)))
        else {
            return Err(format!("`${{{inside}}}` is no form of a variable"));
        };
        // As in Compose, the word is replaced even where it will not be used.
        if self.depth == MAX_DEPTH {
            return Err(format!("`{name}` is nested too deeply"));
        }
        self.depth += 1;
        let word = self.text(word);
        self.depth -= 1;
        let word = word?;
        let value = self.environment.get(name);
        let set = value
            .as_ref()
            .is_some_and(|value| !(operator.empty_is_unset && value.is_empty()));
        match (operator.form, set) {
            (Form::Default, false) | (Form::Alternative, true) => Ok(word),
            (Form::Default | Form::Required, true) | (Form::Alternative, false) => {
                Ok(value.unwrap_or_default())
            }
            (Form::Required, false) if word.is_empty() => Err(format!("`{name}` must be set")),
            (Form::Required, false) => Err(format!("`{name}` must be set: {word}")),
        }
    }

    fn plain(&mut self, name: &str) -> String {
        self.environment.get(name).unwrap_or_else(|| {
            self.unset.insert(name.to_owned());
            String::new()
        })
    }
}

/// The brace that closes the one before `text`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

fn split_name(text: &str) -> (&str, &str) {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    text.split_at(if begins { end } else { 0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            "DOLLAR" => Some("a$SET".to_owned()),
            _ => None,
        }
    }

    fn text(text: &str) -> Result<String, String> {
        Interpolation::new(&environment).text(text)
    }

    #[test]
    fn every_form_does_what_compose_does() {
        for (template, expected) in [
            ("$SET-${SET}.", "value-value."),
            ("${SET:-d} ${EMPTY:-d} ${UNSET:-d}", "value d d"),
            ("${SET-d} ${EMPTY-d} ${UNSET-d}", "value  d"),
            ("${SET:+x} ${EMPTY:+x} ${UNSET:+x}.", "x  ."),
            ("${SET+x} ${EMPTY+x} ${UNSET+x}.", "x x ."),
            ("${SET:?e} ${SET?e} ${EMPTY?e}.", "value value ."),
            ("${UNSET:-${EMPTY:-${SET}}}/", "value/"),
            ("${UNSET:-a:-b?c}", "a:-b?c"),
            ("${UNSET-http://x:1/}", "http://x:1/"),
            ("$$SET $${SET}", "$SET ${SET}"),
            ("${UNSET:-a$$b}", "a$b"),
            ("$UNSET|${UNSET}", "|"),
            ("${DOLLAR}", "a$SET"),
            ("no variable", "no variable"),
        ] {
            assert_eq!(text(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_is_required_and_missing_is_named() {
        let expected = Err("`UNSET` must be set: in .env".to_owned());
        assert_eq!(text("${UNSET:?in .env}"), expected);
        assert_eq!(text("${EMPTY:?}"), Err("`EMPTY` must be set".to_owned()));
    }

    #[test]
    fn a_malformed_variable_is_refused() {
        for template in [
            "$", "a$ b", "${", "${}", "${SET", "${1}", "${SET!x}", "${-x}",
        ] {
            assert!(text(template).is_err(), "{template}");
        }
        let deep = "${UNSET:-".repeat(10_000) + &"}".repeat(10_000);
        assert!(text(&deep).is_err());
    }

    #[test]
    fn variables_that_became_nothing_are_remembered() {
        let mut interpolation = Interpolation::new(&environment);
        interpolation
            .text("$A ${B} ${C-} ${SET}")
            .expect("it is well formed");
        let unset: Vec<_> = interpolation.unset.into_iter().collect();
        assert_eq!(unset, ["A", "B"]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_without_a_panic(template in "[$a{}:?+\\-é_1]{0,40}") {
            let _ = text(&template);
        }

        #[test]
        fn doubled_dollars_come_out_as_they_were(plain in "\\PC*") {
            prop_assert_eq!(text(&plain.replace('$', "$$")), Ok(plain));
        }
    }
}
