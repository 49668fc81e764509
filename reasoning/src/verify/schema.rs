//! Whether an answer fits a JSON Schema.

use std::{fmt, sync::Arc};

use jsonschema::Validator;
use serde_json::Value;

use super::{MAX_FINDINGS, Verification, Verifier};
use crate::{Answer, AnswerKind, SampleResult, extract};

/// A compiled schema.
#[derive(Clone)]
pub(super) struct Schema(pub Arc<Validator>);

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl Verifier for Schema {
    fn check(&self, sample: &SampleResult, _answer: Option<&Answer>) -> Verification {
        let Some(value) = bare_json(&sample.text).and_then(|json| serde_json::from_str::<Value>(json).ok()) else {
            return Verification::refuted(vec![NO_JSON.to_owned()]);
        };
        let errors = self.0.iter_errors(&value).take(MAX_FINDINGS);
        let findings: Vec<String> = errors
            .map(|error| match error.instance_path().to_string() {
                root if root.is_empty() => format!("{}", error.masked()),
                path => format!("at {path}: {}", error.masked()),
            })
            .collect();
        if findings.is_empty() { Verification::passed() } else { Verification::refuted(findings) }
    }
}

const NO_JSON: &str =
    "the answer is not JSON, or holds several JSON values: give one JSON value and nothing before or behind it";

/// The JSON of an answer, without the prose or the code fence around it, so that any reader of JSON takes it.
///
/// `None` where there is none, and where there are several values that differ: which of them is meant is not ours to
/// guess.
#[must_use]
pub fn bare_json(text: &str) -> Option<&str> {
    let text = text.trim();
    let whole = [Some(text), unfenced(text)].into_iter().flatten().find(|text| is_json(text));
    if whole.is_some() {
        return whole;
    }
    let found = extract(&JSON, text)?;
    let at = text.find(&found.shown)?;
    let (json, behind) = text.get(at..)?.split_at_checked(found.shown.len())?;
    // A list in prose may be a footnote, an object is none.
    let rival = |other: Answer| other.canonical != found.canonical && (is_object(&other.shown) || !is_object(json));
    if extract(&JSON, behind).is_some_and(rival) { None } else { Some(json).filter(|json| is_json(json)) }
}

const JSON: AnswerKind = AnswerKind::Json { pointer: None };

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

fn is_object(json: &str) -> bool {
    json.contains('{')
}

/// What stands in a code fence that is the whole text.
fn unfenced(text: &str) -> Option<&str> {
    let (_, inside) = text.strip_prefix("```")?.strip_suffix("```")?.split_once('\n')?;
    Some(inside.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_taken_out_of_fences_and_prose_where_it_is_the_only_one() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(bare_json(text), expect, "{text:?}");
        let json = r#"{"a": "}"}"#;
        check(json, Some(json));
        check(&format!("\u{a0}\n {json}\n"), Some(json));
        check(&format!("```json\n{json}\n```"), Some(json));
        check(&format!("```\n{json}\n```\n"), Some(json));
        check(&format!("Here it is [1]:\n```json\n{json}\n```\nI hope that it helps [2]."), Some(json));
        check(&format!("It is {json}."), Some(json));
        check(&format!("It is {json}, so {json}."), Some(json));
        check(&format!("For instance {json}; the answer is {{\"a\": 1}}."), None);
        check("It is [1, 2].", Some("[1, 2]"));
        check("See [1]: it is [1, 2].", None);
        check("```json\n\"a\"\n```", Some("\"a\""));
        check("7", Some("7"));
        check("I would rather not.", None);
        check("{\"a\": \"b", None);
        check("{'a': 1}", None);
        check("```", None);
        check("", None);
    }
}
