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
        let whole = AnswerKind::Json { pointer: None };
        let text = sample.text.trim();
        let found = || extract(&whole, text).and_then(|answer| serde_json::from_str(&answer.shown).ok());
        let Some(value) = serde_json::from_str::<Value>(text).ok().or_else(found) else {
            return Verification::refuted(vec!["the answer is not JSON".to_owned()]);
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
