//! Whether an answer has the form that was asked for.

use super::{Verification, Verifier};
use crate::{
    Answer, AnswerKind, SampleResult,
    answer::{AnswerPattern, boxed_alone, number_alone},
};

/// An answer of the declared kind is there; with `only`, nothing else is.
#[derive(Clone, Debug)]
pub(super) struct Format {
    pub kind: AnswerKind,
    pub only: bool,
}

impl Verifier for Format {
    fn check(&self, sample: &SampleResult, answer: Option<&Answer>) -> Verification {
        let Some(answer) = answer else {
            return Verification::refuted(vec![format!("there is no answer of the kind {}", name(&self.kind))]);
        };
        if self.only && !self.is_all(&sample.text, answer) {
            return Verification::refuted(vec!["there is more than the answer: give the answer alone".to_owned()]);
        }
        Verification::passed()
    }
}

impl Format {
    fn is_all(&self, text: &str, answer: &Answer) -> bool {
        let text = text.trim();
        match &self.kind {
            AnswerKind::Json { .. } => serde_json::from_str::<serde_json::Value>(text).is_ok(),
            AnswerKind::Text => true,
            AnswerKind::Boxed => boxed_alone(text).is_some(),
            AnswerKind::Number => number_alone(text).as_ref() == Some(&answer.canonical),
            AnswerKind::Choice => {
                let text = boxed_alone(text).unwrap_or(text);
                text.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case(&answer.canonical)
            }
            AnswerKind::Regex { pattern } => pattern.is_all(text),
        }
    }
}

fn name(kind: &AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Text => "text",
        AnswerKind::Number => "number",
        AnswerKind::Choice => "choice",
        AnswerKind::Json { .. } => "json",
        AnswerKind::Boxed => "boxed",
        AnswerKind::Regex { .. } => "regex",
    }
}

/// The answer's text, without the spaces and line ends around it, matches a pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub AnswerPattern);

impl Verifier for Pattern {
    fn check(&self, sample: &SampleResult, _answer: Option<&Answer>) -> Verification {
        if self.0.is_match(sample.text.trim()) {
            return Verification::passed();
        }
        Verification::refuted(vec![format!("the answer does not match `{}`", self.0.as_str())])
    }
}

/// The model was sure enough: its trace's confidence where that was watched, else the mean log-probability.
#[derive(Clone, Copy, Debug)]
pub(super) struct Confidence(pub f64);

impl Verifier for Confidence {
    fn check(&self, sample: &SampleResult, _answer: Option<&Answer>) -> Verification {
        match sample.confidence.or(sample.mean_logprob) {
            None => Verification::unchecked(),
            Some(sure) if sure >= self.0 => Verification::passed(),
            Some(sure) => Verification::refuted(vec![format!("its confidence is {sure:.3}, below {}", self.0)]),
        }
    }
}
