//! YAML as a tree that knows its lines.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::Problem;

/// A value and the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub line: usize,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Scalar {
        text: String,
        /// Neither quoted nor a block: it may be more than a string.
        plain: bool,
    },
    Sequence(Vec<Node>),
    /// In the file's order; each key once.
    Mapping(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    /// The key's line.
    pub line: usize,
    pub value: Node,
}

/// Deeper than any Compose file, and shallow enough to be walked by recursion.
const MAX_DEPTH: usize = 32;

/// Aliases can make a short file a large tree.
const MAX_NODES: usize = 100_000;

impl Node {
    /// Whether it stands for nothing.
    pub fn is_null(&self) -> bool {
        matches!(
            &self.value,
            Value::Scalar { text, plain: true }
                if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        )
    }

    fn null(line: usize) -> Self {
        Self {
            line,
            value: Value::Scalar {
                text: String::new(),
                plain: true,
            },
        }
    }
}

/// The one document of a text; nothing, if it is empty.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            problem(
                error.marker().line(),
                format!("this is not YAML: {}", error.info()),
            )
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or_else(|| Node::null(1)))
}

fn problem(line: usize, message: impl Into<String>) -> Problem {
    Problem {
        line,
        key: String::new(),
        message: message.into(),
        hint: None,
    }
}

/// Puts the parser's events together.
#[derive(Default)]
struct Builder {
    root: Option<Node>,
    /// What is not closed yet, outermost first.
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

struct Open {
    line: usize,
    anchor: usize,
    collection: Collection,
}

enum Collection {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        /// What `<<` brings: weaker than the mapping's own entries.
        merged: Vec<Entry>,
        /// A key that waits for its value.
        key: Option<(String, usize)>,
    },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_string(tag.as_deref(), line)?;
                let value = Value::Scalar {
                    text: text.into_owned(),
                    plain,
                };
                self.add(Node { line, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let collection = Collection::Sequence(Vec::new());
                self.open(line, anchor, tag.as_deref(), collection)
            }
            Event::MappingStart(anchor, tag) => {
                let collection = Collection::Mapping {
                    entries: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.open(line, anchor, tag.as_deref(), collection)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop().expect("what ends has begun");
                let value = match open.collection {
                    Collection::Sequence(nodes) => Value::Sequence(nodes),
                    Collection::Mapping {
                        entries, merged, ..
                    } => Value::Mapping(with_merged(entries, merged)),
                };
                let node = Node {
                    line: open.line,
                    value,
                };
                self.add(node, open.anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| problem(line, "an alias within its own anchor"))?;
                self.nodes += size(&node);
                self.add(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(problem(line, "a second document begins here"))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(
        &mut self,
        line: usize,
        anchor: usize,
        tag: Option<&Tag>,
        collection: Collection,
    ) -> Result<(), Problem> {
        is_string(tag, line)?;
        if self.open.len() == MAX_DEPTH {
            return Err(problem(line, "this is nested too deeply"));
        }
        self.open.push(Open {
            line,
            anchor,
            collection,
        });
        Ok(())
    }

    /// Puts a complete node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(problem(node.line, "the file is too large"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.collection {
            Collection::Sequence(nodes) => nodes.push(node),
            Collection::Mapping {
                entries,
                merged,
                key,
            } => match key.take() {
                None => *key = Some((key_of(&node)?, node.line)),
                Some((key, line)) if key == "<<" => merged.extend(merge_sources(node, line)?),
                Some((key, line)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                        let message = format!("the key is there already, in line {}", first.line);
                        return Err(Problem {
                            key,
                            ..problem(line, message)
                        });
                    }
                    entries.push(Entry {
                        key,
                        line,
                        value: node,
                    });
                }
            },
        }
        Ok(())
    }
}

/// Whether a tag says that a scalar is a string. Other tags are not understood.
fn is_string(tag: Option<&Tag>, line: usize) -> Result<bool, Problem> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix == "str"),
        Some(tag) => {
            let message = format!("the tag `{}{}` is not supported", tag.handle, tag.suffix);
            Err(problem(line, message))
        }
    }
}

fn key_of(node: &Node) -> Result<String, Problem> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text.clone()),
        Value::Sequence(_) | Value::Mapping(_) => {
            Err(problem(node.line, "a key must be a single value"))
        }
    }
}

/// The entries of what `<<` names: a mapping, or several of which the first is the strongest.
fn merge_sources(node: Node, line: usize) -> Result<Vec<Entry>, Problem> {
    let nodes = match node.value {
        Value::Sequence(nodes) => nodes,
        Value::Mapping(_) | Value::Scalar { .. } => vec![node],
    };
    let mut entries = Vec::new();
    for node in nodes {
        let Value::Mapping(source) = node.value else {
            return Err(problem(line, "`<<` takes a mapping"));
        };
        entries.extend(source);
    }
    Ok(entries)
}

fn with_merged(mut entries: Vec<Entry>, merged: Vec<Entry>) -> Vec<Entry> {
    for entry in merged {
        if !entries.iter().any(|own| own.key == entry.key) {
            entries.push(entry);
        }
    }
    entries
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::Sequence(nodes) => nodes.iter().map(size).sum(),
        Value::Mapping(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// The tree in one line: `key@line:value`.
    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Scalar { text, plain: true } => text.clone(),
            Value::Scalar { text, plain: false } => format!("{text:?}"),
            Value::Sequence(nodes) => {
                let nodes: Vec<_> = nodes.iter().map(shown).collect();
                format!("[{}]", nodes.join(" "))
            }
            Value::Mapping(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|entry| format!("{}@{}:{}", entry.key, entry.line, shown(&entry.value)))
                    .collect();
                format!("{{{}}}", entries.join(" "))
            }
        }
    }

    fn parsed(text: &str) -> String {
        match parse(text) {
            Ok(node) => shown(&node),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn values_keep_their_lines_and_their_quotes() {
        assert_eq!(
            parsed("a: 1\nb:\n  - x\n  - 'y'\nc: |\n  two\n  lines\nd:\n"),
            r#"{a@1:1 b@2:[x "y"] c@5:"two\nlines\n" d@8:}"#
        );
        assert_eq!(parsed("a: !!str 1"), r#"{a@1:"1"}"#);
        assert!(parse("# nothing").expect("it parses").is_null());
    }

    #[test]
    fn a_mapping_takes_what_it_lacks_from_merged_ones() {
        let text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  b: 0\n  <<: [*x, *y]\n";
        let all = parsed(text);
        assert!(all.ends_with("z@3:{b@4:0 a@1:1 c@2:4}}"), "{all}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        for (text, expected) in [
            ("a: 1\na: 2", "2: `a`: the key is there already, in line 1"),
            ("a: 1\nb: !reset []", "2: the tag `!reset` is not supported"),
            ("a: 1\n---\nb: 2", "2: a second document begins here"),
            ("[a]: 1", "1: a key must be a single value"),
            ("a:\n  <<: 1", "2: `<<` takes a mapping"),
            ("a: &x [*x]", "1: an alias within its own anchor"),
        ] {
            assert_eq!(parsed(text), expected);
        }
        assert!(parsed("a: [1").contains("this is not YAML"));
    }

    #[test]
    fn a_file_cannot_grow_without_bounds() {
        let mut text = String::from("a0: &a0 [x, x]\n");
        for level in 1..30 {
            let before = level - 1;
            writeln!(text, "a{level}: &a{level} [*a{before}, *a{before}]").expect("it is a String");
        }
        assert!(parsed(&text).contains("too large"));
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        assert!(parse(&deep).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in "[-a:\\[\\]{}&*<!|'\"# ,\n]{0,60}") {
            let _ = parse(&text);
        }
    }
}
