//! Verifiers as a request or a preset names them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Arithmetic, Judge, Verifier, Verifiers,
    format::{Confidence, Format, Pattern},
    range::Range,
    schema::Schema,
};
use crate::{AnswerKind, answer::AnswerPattern};

/// One verifier, by its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum VerifierSpec {
    /// Every equation in thinking and answer is worked out again.
    Arithmetic {},
    /// The answer is JSON that fits a schema.
    JsonSchema {
        /// The schema.
        schema: Value,
    },
    /// The answer matches a regular expression, in Rust's syntax: no look-around, linear time.
    Regex {
        /// The expression; anchor it by `^` and `$` to match the whole answer.
        pattern: String,
    },
    /// There is an answer of the declared kind.
    Format {
        /// Nothing but the answer may be there.
        #[serde(default)]
        only: bool,
    },
    /// The answer is a number within bounds, both inclusive, and with a unit.
    Range {
        /// The least value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        /// The greatest value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
        /// What must stand with the number, such as `km`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// The model was sure enough of what it wrote.
    Confidence {
        /// The least confidence: a mean log-probability, ≤ 0, or the value that a confidence vote watches, ≥ 0.
        min: f64,
    },
    /// A model judges the answer by a rubric.
    Judge {
        /// What makes an answer good.
        rubric: String,
        /// The model that judges; without it, the one that answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// From this score on an answer passes, 0 to 1, by default 0.5.
        #[serde(default = "half")]
        min: f64,
    },
}

const fn half() -> f64 {
    0.5
}

/// A verifier that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The schema is wrong.
    #[error("the schema of a `json_schema` verifier cannot be used: {0}")]
    Schema(String),
    /// The pattern is wrong.
    #[error("the pattern of a `regex` verifier cannot be used: {0}")]
    Pattern(String),
    /// The bounds leave nothing.
    #[error("a `range` verifier needs `min`, `max` or `unit`, finite numbers, and `min` not above `max`")]
    Range,
    /// A number is out of its range.
    #[error("`min` of a `judge` is 0 to 1, and that of a `confidence` verifier a finite number")]
    Min,
    /// Only one.
    #[error("there are two `judge` verifiers: join their rubrics into one")]
    Judges,
}

impl VerifierSpec {
    /// The model that a judge among these names.
    #[must_use]
    pub fn judge_model(specs: &[Self]) -> Option<&str> {
        specs.iter().find_map(|spec| if let Self::Judge { model, .. } = spec { model.as_deref() } else { None })
    }

    /// Whether it can say something of an answer that has only begun.
    #[must_use]
    pub const fn knows_beginnings(&self) -> bool {
        matches!(self, Self::Arithmetic {})
    }

    /// Builds all of them for one question.
    ///
    /// # Errors
    /// When one cannot be used, with the mend.
    pub fn build(specs: &[Self], kind: &AnswerKind, question: &str) -> Result<Verifiers, SpecError> {
        let mut verifiers = Verifiers::none();
        for spec in specs {
            match spec {
                Self::Judge { rubric, min, .. } => {
                    if !(0.0..=1.0).contains(min) {
                        return Err(SpecError::Min);
                    }
                    let judge = Judge { rubric: rubric.clone(), question: question.to_owned(), min: *min };
                    if verifiers.judge.replace(judge).is_some() {
                        return Err(SpecError::Judges);
                    }
                }
                other => verifiers.checks.push(other.check(kind)?),
            }
        }
        Ok(verifiers)
    }

    fn check(&self, kind: &AnswerKind) -> Result<Box<dyn Verifier>, SpecError> {
        Ok(match self {
            Self::Arithmetic {} => Box::new(Arithmetic),
            Self::JsonSchema { schema } => {
                let compiled =
                    jsonschema::validator_for(schema).map_err(|e| SpecError::Schema(e.masked().to_string()))?;
                Box::new(Schema(Arc::new(compiled)))
            }
            Self::Regex { pattern } => {
                let built = AnswerPattern::new(pattern).map_err(|error| SpecError::Pattern(error.to_string()))?;
                Box::new(Pattern(built))
            }
            Self::Format { only } => Box::new(Format { kind: kind.clone(), only: *only }),
            Self::Range { min, max, unit } => {
                let finite = [min, max].into_iter().flatten().all(|bound| bound.is_finite());
                let ordered = min.zip(*max).is_none_or(|(min, max)| min <= max);
                let empty = min.is_none() && max.is_none() && unit.as_deref().is_none_or(|unit| unit.trim().is_empty());
                if !finite || !ordered || empty {
                    return Err(SpecError::Range);
                }
                Box::new(Range { min: *min, max: *max, unit: unit.clone() })
            }
            Self::Confidence { min } if !min.is_finite() => return Err(SpecError::Min),
            Self::Confidence { min } => Box::new(Confidence(*min)),
            // Taken by the caller: it is no check of ours.
            Self::Judge { .. } => return Err(SpecError::Judges),
        })
    }
}
