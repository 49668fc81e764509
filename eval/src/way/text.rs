//! A way on the command line: `vote8=self_consistency,max_samples=8`.

use serde_json::{Map, Value, json};

use crate::EvalError;

/// Leads to the fields of the request's `deliberation` that a way has no key for.
const INSIDE: &str = "deliberation.";

/// The way as a file would have it; whether the keys and values are good is checked there.
pub(super) fn parse(text: &str) -> Result<Value, EvalError> {
    let wrong = |what: &str| {
        EvalError::Input(format!(
            "`--way {text}`: {what}; write NAME=STRATEGY,KEY=VALUE,… such as vote8=self_consistency,max_samples=8"
        ))
    };
    let (name, rest) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
    let (mut way, mut inside) = (Map::new(), Map::new());
    way.insert("name".to_owned(), json!(name.trim()));
    for (at, part) in rest.split(',').map(str::trim).enumerate() {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) => (key.trim(), read(key.trim(), value.trim())),
            None if at == 0 && !part.is_empty() => ("strategy", json!(part)),
            None => return Err(wrong(&format!("`{part}` has no `=`"))),
        };
        let (object, key) = match key.strip_prefix(INSIDE) {
            Some(key) => (&mut inside, key),
            None => (&mut way, key),
        };
        if object.insert(key.to_owned(), value).is_some() {
            return Err(wrong(&format!("`{key}` stands twice")));
        }
    }
    if !inside.is_empty() {
        way.insert("deliberation".to_owned(), Value::Object(inside));
    }
    Ok(Value::Object(way))
}

/// A number or a truth value as what it is, all else as text; several verifiers or tools are joined by `+`.
fn read(key: &str, value: &str) -> Value {
    if key == "verifiers" || key == "tools" {
        return Value::Array(value.split('+').map(Value::from).collect());
    }
    match serde_json::from_str(value) {
        Ok(read @ (Value::Number(_) | Value::Bool(_))) => read,
        _ => Value::from(value),
    }
}
