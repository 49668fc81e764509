//! The right answer of a question: what kind it is of, and the form in which answers are compared with it.
//!
//! Both sides go through the same extraction, so that a sample and the file may write one value in two ways.

use forethought_reasoning::{AnswerKind, extract};
use serde_json::{Value, json};

use super::Kind;

/// The kind that a right answer seems to be of.
pub(super) fn kind(right: &Value, question: &str, has_pointer: bool) -> Result<Kind, String> {
    match right {
        _ if has_pointer => Ok(Kind::Json),
        Value::Number(_) => Ok(Kind::Number),
        Value::Object(_) | Value::Array(_) => Ok(Kind::Json),
        Value::String(text) if is_number(text) => Ok(Kind::Number),
        Value::String(text) if is_choice(text) && AnswerKind::infer(question, false) == AnswerKind::Choice => {
            Ok(Kind::Choice)
        }
        Value::String(_) => Ok(Kind::Text),
        Value::Null | Value::Bool(_) => {
            Err("`answer` is none: give a number, a text, a letter, or a JSON object or list".to_owned())
        }
    }
}

fn is_number(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+-.,/".contains(c)) && number(text).is_some()
}

fn is_choice(text: &str) -> bool {
    matches!(text.trim().as_bytes(), [b'A'..=b'J'])
}

fn number(text: &str) -> Option<String> {
    extract(&AnswerKind::Number, text).map(|answer| answer.canonical)
}

/// The right answer in canonical form.
pub(super) fn canonical(kind: Kind, pointer: Option<&str>, right: &Value) -> Result<String, String> {
    let found = match (kind, right) {
        (Kind::Json, _) => json_form(pointer, right),
        (_, Value::Number(_) | Value::String(_)) => {
            let text = right.as_str().map_or_else(|| right.to_string(), ToOwned::to_owned);
            let text = if kind == Kind::Boxed { format!("\\boxed{{{text}}}") } else { text };
            extract(&kind.answer_kind(None), &text).map(|answer| answer.canonical)
        }
        _ => None,
    };
    found.ok_or_else(|| format!("`answer` is no answer of the kind `{kind}`: correct it, or give another `kind`"))
}

/// With a pointer, the right answer may be the whole value or only the part.
fn json_form(pointer: Option<&str>, right: &Value) -> Option<String> {
    let form = |pointer: Option<&str>, value: &Value| {
        let kind = AnswerKind::Json { pointer: pointer.map(ToOwned::to_owned) };
        extract(&kind, &value.to_string()).map(|answer| answer.canonical)
    };
    match pointer.filter(|pointer| !pointer.is_empty()) {
        None => (right.is_object() || right.is_array()).then(|| form(None, right)).flatten(),
        Some(pointer) => form(Some("/part"), &json!({ "part": right.pointer(pointer).unwrap_or(right) })),
    }
}
