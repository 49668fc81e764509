//! The first JSON value of a text, and the one way to write it.

mod parse;

use std::collections::BTreeMap;

use parse::parse;

use super::Answer;

/// Places at which a value is looked for, which keeps the search linear.
const TRIES: usize = 32;

/// A JSON value with exact numbers; the maps are sorted.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    /// The canonical form of the number.
    Number(String),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

pub(super) fn find(text: &str, pointer: Option<&str>) -> Option<Answer> {
    let (value, shown) = first(text)?;
    match pointer.filter(|pointer| !pointer.is_empty()) {
        None => Some(Answer { canonical: value.canonical(), shown: shown.to_owned() }),
        Some(pointer) => {
            let part = value.at(pointer)?;
            let shown = if let Value::Text(text) = part { text.clone() } else { part.canonical() };
            Some(Answer { canonical: part.canonical(), shown })
        }
    }
}

/// The first object, or array with objects in it, else the first array: `[1]` in prose is a footnote.
fn first(text: &str) -> Option<(Value, &str)> {
    let (mut from, mut footnote) = (0, None);
    for _ in 0..TRIES {
        let Some(at) = text.get(from..).and_then(|rest| rest.find(['{', '['])) else { break };
        let start = from + at;
        let Some((value, end)) = parse(text, start) else {
            from = after_broken(text, start)?;
            continue;
        };
        let shown = text.get(start..end).unwrap_or_default();
        let object = match &value {
            Value::List(items) => items.iter().any(|item| matches!(item, Value::Map(_))),
            _ => true,
        };
        if object {
            return Some((value, shown));
        }
        footnote = footnote.or(Some((value, shown)));
        from = end;
    }
    footnote
}

/// Where to look on after a value that does not parse. What stands inside of a broken or cut object is a part of an
/// answer, and must not pass for the whole; a brace that begins no object is prose. `None` when the object never ends.
fn after_broken(text: &str, start: usize) -> Option<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let object = rest.strip_prefix('{').is_some_and(|inside| inside.trim_start().starts_with('"'));
    if !object {
        return Some(start + 1);
    }
    let mut depth = 0_i64;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(start + at + 1),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

impl Value {
    /// RFC 6901.
    fn at(&self, pointer: &str) -> Option<&Self> {
        pointer.strip_prefix('/')?.split('/').try_fold(self, |value, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match value {
                Self::Map(map) => map.get(&step),
                Self::List(items) => items.get(step.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }

    /// Sorted keys, no spaces, exact numbers, strings without spaces at their ends.
    fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => quote(text.trim(), out),
            Self::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    out.push(if i == 0 { '[' } else { ',' });
                    item.write(out);
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Self::Map(map) => {
                for (i, (key, value)) in map.iter().enumerate() {
                    out.push(if i == 0 { '{' } else { ',' });
                    quote(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push_str(if map.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
