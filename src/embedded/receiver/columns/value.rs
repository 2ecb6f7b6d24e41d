//! OTLP's values as text.
//!
//! As the OpenTelemetry Collector renders them (`Value.AsString` of its `pdata`), so that both
//! engines store the same: scalars plainly, bytes in base64, lists and maps as JSON with the keys
//! in order and the characters escaped that Go's encoder escapes. One thing differs: a number that
//! is infinite or none is rendered as OTLP's JSON writes it, and not as an encoder's complaint.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

/// Appends a value as text.
pub fn render(value: Option<&Value>, text: &mut String) {
    match value {
        Some(Value::StringValue(string)) => text.push_str(string),
        Some(Value::BytesValue(bytes)) => BASE64_STANDARD.encode_string(bytes, text),
        Some(Value::DoubleValue(number)) => render_number(*number, text),
        None | Some(Value::StringValueStrindex(_)) => {}
        Some(other) => render_json(Some(other), text),
    }
}

/// A value as text.
pub fn text(value: Option<&Value>) -> Cow<'_, str> {
    if let Some(Value::StringValue(string)) = value {
        return string.into();
    }
    let mut text = String::new();
    render(value, &mut text);
    text.into()
}

/// The value that an attribute has, as text; empty when there is no such attribute.
pub fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Cow<'a, str> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    text(attribute.and_then(|attribute| inner(attribute.value.as_ref())))
}

/// A value without its wrapping.
pub fn inner(value: Option<&AnyValue>) -> Option<&Value> {
    value.and_then(|value| value.value.as_ref())
}

fn render_json(value: Option<&Value>, text: &mut String) {
    match value {
        None | Some(Value::StringValueStrindex(_)) => text.push_str("null"),
        Some(Value::StringValue(string)) => quote(string, text),
        Some(Value::BoolValue(truth)) => text.push_str(if *truth { "true" } else { "false" }),
        Some(Value::IntValue(number)) => {
            let _ = write!(text, "{number}");
        }
        Some(Value::DoubleValue(number)) if number.is_finite() => render_number(*number, text),
        Some(Value::DoubleValue(number)) => {
            text.push('"');
            render_number(*number, text);
            text.push('"');
        }
        Some(Value::BytesValue(bytes)) => {
            text.push('"');
            BASE64_STANDARD.encode_string(bytes, text);
            text.push('"');
        }
        Some(Value::ArrayValue(array)) => {
            text.push('[');
            for (index, item) in array.values.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                render_json(item.value.as_ref(), text);
            }
            text.push(']');
        }
        Some(Value::KvlistValue(list)) => {
            // The last of a repeated key counts, as in Go's map.
            let map: BTreeMap<&str, Option<&Value>> = list
                .values
                .iter()
                .map(|item| (item.key.as_str(), inner(item.value.as_ref())))
                .collect();
            text.push('{');
            for (index, (key, value)) in map.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                quote(key, text);
                text.push(':');
                render_json(value, text);
            }
            text.push('}');
        }
    }
}

/// The shortest decimal that reads back as the same number; with an exponent from 10^21 upwards
/// and below 10^-6, as ECMAScript does.
fn render_number(number: f64, text: &mut String) {
    let magnitude = number.abs();
    let written = if number.is_nan() {
        write!(text, "NaN")
    } else if number.is_infinite() {
        write!(text, "{}Infinity", if number < 0.0 { "-" } else { "" })
    } else if magnitude >= 1e21 {
        write!(text, "{}", format!("{number:e}").replace('e', "e+"))
    } else if magnitude != 0.0 && magnitude < 1e-6 {
        write!(text, "{number:e}")
    } else {
        write!(text, "{number}")
    };
    written.expect("a string takes any text");
}

fn quote(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    #[expect(clippy::needless_pass_by_value, reason = "it reads better")]
    fn rendered(value: Value) -> String {
        text(Some(&value)).into_owned()
    }

    fn any(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    #[test]
    fn scalars_are_rendered_plainly() {
        assert_eq!(rendered(Value::StringValue("<a>".into())), "<a>");
        assert_eq!(rendered(Value::BoolValue(true)), "true");
        assert_eq!(rendered(Value::IntValue(i64::MIN)), "-9223372036854775808");
        assert_eq!(rendered(Value::BytesValue(vec![0, 255, 1])), "AP8B");
        assert_eq!(text(None), "");
    }

    #[test]
    fn numbers_are_rendered_as_ecmascript_does() {
        for (number, expected) in [
            (1.0, "1"),
            (-0.5, "-0.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(rendered(Value::DoubleValue(number)), expected);
        }
    }

    #[test]
    fn nested_values_are_json_with_the_keys_in_order() {
        let entry = |key: &str, value: Option<Value>| KeyValue {
            key: key.into(),
            value: Some(AnyValue { value }),
            ..KeyValue::default()
        };
        let list = Value::KvlistValue(KeyValueList {
            values: vec![
                entry("z", None),
                entry("a", Some(Value::StringValue("first".into()))),
                entry("a", Some(Value::StringValue("\"<&\u{1}\n\u{2028}é".into()))),
                entry(
                    "list",
                    Some(Value::ArrayValue(ArrayValue {
                        values: vec![
                            any(Value::IntValue(1)),
                            any(Value::DoubleValue(f64::NAN)),
                            any(Value::BytesValue(vec![1])),
                            any(Value::BoolValue(false)),
                        ],
                    })),
                ),
            ],
        });
        assert_eq!(
            rendered(list),
            r#"{"a":"\"\u003c\u0026\u0001\n\u2028é","list":[1,"NaN","AQ==",false],"z":null}"#
        );
    }
}
