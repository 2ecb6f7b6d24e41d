//! YAML as JSON values, for files that other programs read.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The one document of a text.
pub fn parse(text: &str) -> Value {
    let mut events = Parser::new_from_str(text).map(|event| event.expect("it is YAML").0);
    loop {
        match events.next().expect("there is a document") {
            Event::StreamStart | Event::DocumentStart(_) => {}
            first => return value(first, &mut events),
        }
    }
}

fn value<'t>(first: Event<'t>, events: &mut impl Iterator<Item = Event<'t>>) -> Value {
    match first {
        Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut sequence = Vec::new();
            loop {
                match events.next().expect("a sequence ends") {
                    Event::SequenceEnd => return Value::Array(sequence),
                    item => sequence.push(value(item, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut mapping = Map::new();
            loop {
                match events.next().expect("a mapping ends") {
                    Event::MappingEnd => return Value::Object(mapping),
                    Event::Scalar(key, ..) => {
                        let first = events.next().expect("a key has a value");
                        let twice = mapping.insert(key.to_string(), value(first, events));
                        assert!(twice.is_none(), "`{key}` is there twice");
                    }
                    other => panic!("{other:?} is no key"),
                }
            }
        }
        other => panic!("{other:?} is not understood"),
    }
}

/// A number, a truth value, nothing, or else text.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match text.parse() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::String(text.to_owned()),
        },
    }
}
