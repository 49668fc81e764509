//! A JSON value as YAML that people can read and edit: blocks of mappings and lists, every text in double quotes.
//!
//! A JSON string is a double-quoted YAML string but for a few characters that YAML breaks lines at or forbids
//! (YAML 1.2.2, 5.1 and 5.7). Lists of numbers stand in one line.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Keys that a reader looks for first.
const FIRST: [&str; 7] = ["id", "path", "name", "set", "url", "by", "probes"];

/// The text of a value, with `indent` spaces before every line but the first.
pub(crate) fn append(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (place, (key, value)) in ordered(fields).into_iter().enumerate() {
                start_line(place, indent, text);
                text.push_str(key);
                text.push(':');
                nested(value, indent, text);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_string()) => {
            for (place, item) in items.iter().enumerate() {
                start_line(place, indent, text);
                text.push_str("- ");
                append(item, indent + 2, text);
            }
        }
        Value::String(string) => quote(string, text),
        other => text.push_str(&other.to_string()),
    }
}

/// The fields, what names the thing first.
fn ordered(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(key, _)| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
    fields
}

fn start_line(place: usize, indent: usize, text: &mut String) {
    if place > 0 {
        text.push('\n');
        text.extend(std::iter::repeat_n(' ', indent));
    }
}

fn nested(value: &Value, indent: usize, text: &mut String) {
    let block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => items.iter().any(|item| item.is_object() || item.is_string()),
        _ => false,
    };
    if block {
        text.push('\n');
        text.extend(std::iter::repeat_n(' ', indent + 2));
        append(value, indent + 2, text);
    } else {
        text.push(' ');
        append(value, indent, text);
    }
}

fn quote(string: &str, text: &mut String) {
    for c in Value::from(string).to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            other => text.push(other),
        }
    }
}
