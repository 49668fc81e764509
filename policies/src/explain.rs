//! A JSON Schema finding, said to the person who wrote the file: which line, what is wrong, what to write instead.

use forethought_schemas::POLICY_SCHEMA;
use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
    paths::{Location, LocationSegment},
};
use serde_json::Value;

use crate::{
    problem::Problem,
    suggest::nearest,
    yaml::{Node, Step, path_text},
};

/// Every violation of the policy file's schema.
pub(crate) fn violations(root: &Node, value: &Value) -> Vec<Problem> {
    POLICY_SCHEMA.validator().iter_errors(value).flat_map(|error| explain(root, &error)).collect()
}

fn explain(root: &Node, error: &ValidationError<'_>) -> Vec<Problem> {
    let steps = steps(error.instance_path());
    if let Kind::AdditionalProperties { unexpected } = error.kind() {
        return unexpected.iter().map(|key| unknown_key(root, &steps, key, error)).collect();
    }
    let (message, mend) = sentence(&steps, error);
    vec![Problem::new(root.place_of(&steps), path_text(&steps), message).mend(mend)]
}

fn steps(location: &Location) -> Vec<Step> {
    let step = |segment| match segment {
        LocationSegment::Property(name) => Step::Key(name.into_owned()),
        LocationSegment::Index(index) => Step::Index(index),
    };
    location.segments().map(step).collect()
}

fn unknown_key(root: &Node, steps: &[Step], key: &str, error: &ValidationError<'_>) -> Problem {
    let parent = if steps.is_empty() { "the file".to_owned() } else { path_text(steps) };
    let mut full = steps.to_vec();
    full.push(Step::Key(key.to_owned()));
    let mut known: Vec<&str> = owner(error)
        .and_then(|schema| schema.get("properties")?.as_object())
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    known.sort_unstable();
    let guess = nearest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Problem::new(root.place_of(&full), path_text(&full), format!("unknown key `{key}` in {parent}"))
        .mend(format!("{guess}known keys: {}", known.join(", ")))
}

/// The sub-schema whose keyword was violated.
fn owner(error: &ValidationError<'_>) -> Option<&'static Value> {
    let (parent, _keyword) = error.schema_path().as_str().rsplit_once('/')?;
    POLICY_SCHEMA.document().pointer(parent)
}

fn description(error: &ValidationError<'_>) -> &'static str {
    owner(error)
        .and_then(|schema| schema.get("description")?.as_str())
        .map_or("see the policy schema", |text| text.trim_end_matches('.'))
}

/// What is wrong, and the mend.
fn sentence(steps: &[Step], error: &ValidationError<'_>) -> (String, String) {
    let found = found(steps, error.instance());
    match error.kind() {
        Kind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            (format!("the key `{key}` is missing"), format!("add `{key}:` {}", about(error, key)))
        }
        Kind::Type { kind } => {
            (format!("expected {}, found {found}", type_name(kind)), type_mend(kind, error.instance(), error))
        }
        Kind::Minimum { limit } | Kind::ExclusiveMinimum { limit } => {
            (format!("{found} is too small, the least is {limit}"), description(error).to_owned())
        }
        Kind::Maximum { limit } | Kind::ExclusiveMaximum { limit } => {
            (format!("{found} is too large, the most is {limit}"), description(error).to_owned())
        }
        Kind::Enum { options } => {
            let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let guess = error.instance().as_str().and_then(|word| nearest(word, options.iter().copied()));
            let guess = guess.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            (format!("{found} is not one of the known values"), format!("{guess}known values: {}", options.join(", ")))
        }
        Kind::MinLength { .. } => ("the text is empty".to_owned(), description(error).to_owned()),
        Kind::MaxLength { limit } => {
            (format!("the text is longer than {limit} characters"), description(error).to_owned())
        }
        Kind::MaxItems { limit } => (format!("the list has more than {limit} items"), description(error).to_owned()),
        Kind::UniqueItems => ("the list names something twice".to_owned(), "keep each once".to_owned()),
        Kind::Pattern { .. } => (format!("{found} has the wrong form"), description(error).to_owned()),
        Kind::Format { .. } => (format!("{found} is not a time"), description(error).to_owned()),
        Kind::Constant { expected_value } => {
            (format!("{found} is not {expected_value}"), format!("write `{expected_value}`"))
        }
        _ => (error.masked().to_string(), description(error).to_owned()),
    }
}

/// What a missing key is for, in brackets.
fn about(error: &ValidationError<'_>, key: &str) -> String {
    let property = owner(error).and_then(|schema| schema.get("properties")?.get(key));
    let target = property.map(|property| {
        let reference = property.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        reference.and_then(|pointer| POLICY_SCHEMA.document().pointer(pointer)).unwrap_or(property)
    });
    let text = target.and_then(|target| target.get("description")?.as_str()).unwrap_or_default();
    format!("({})", text.trim_end_matches('.'))
}

/// The value that was found; a key's hash is never repeated, for it may be the key itself, pasted by mistake.
fn found(steps: &[Step], value: &Value) -> String {
    let secret = matches!(steps.last(), Some(Step::Key(key)) if key == "hash");
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(number) => format!("{number}"),
        Value::String(_) if secret => "the text".to_owned(),
        Value::String(text) if text.chars().count() > 80 => {
            format!("the text `{}…`", text.chars().take(80).collect::<String>())
        }
        Value::String(text) => format!("the text `{text}`"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn type_name(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => match kind.as_str() {
            "integer" => "a whole number",
            "string" => "text",
            "array" => "a list",
            "object" => "a mapping",
            other => other,
        }
        .to_owned(),
        TypeKind::Multiple(_) => "another type".to_owned(),
    }
}

fn type_mend(kind: &TypeKind, value: &Value, error: &ValidationError<'_>) -> String {
    let wanted = match kind {
        TypeKind::Single(kind) => kind.as_str(),
        TypeKind::Multiple(_) => "",
    };
    match (wanted, value) {
        ("integer", Value::String(text)) if text.parse::<i64>().is_ok() => "remove the quotes".to_owned(),
        ("string", Value::Number(_) | Value::Bool(_)) => "put it in quotes".to_owned(),
        ("array", Value::String(_)) => "write one item a line, each after `- `".to_owned(),
        ("array", Value::Null) => "write `[]` for an empty list, or remove the key".to_owned(),
        _ => description(error).to_owned(),
    }
}
