//! What makes one sample better than another.

use std::cmp::Ordering;

use super::{Finish, SampleResult};
use crate::Answer;

/// Scores a sample; a verifier is put in here. It must depend on its arguments only.
pub trait Score: Send {
    /// Higher is better; `None` or NaN is worse than every number.
    fn score(&self, sample: &SampleResult, answer: Option<&Answer>) -> Option<f64>;
}

/// The mean log-probability of the sample's tokens: the model's own confidence, until a verifier scores.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanLogprob;

impl Score for MeanLogprob {
    fn score(&self, sample: &SampleResult, _answer: Option<&Answer>) -> Option<f64> {
        sample.mean_logprob
    }
}

/// A finished sample with what was found in it.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    pub(super) index: u32,
    pub(super) answer: Option<Answer>,
    pub(super) score: Option<f64>,
    /// The sample's mean log-probability, whatever the score is.
    pub(super) confidence: Option<f64>,
    /// Has a text, and an end of its own.
    complete: (bool, bool),
}

impl Scored {
    pub(super) fn new(sample: &SampleResult, answer: Option<Answer>, score: &dyn Score) -> Self {
        let number = |value: Option<f64>| value.filter(|value| !value.is_nan());
        Self {
            index: sample.index,
            score: number(score.score(sample, answer.as_ref())),
            confidence: number(sample.mean_logprob),
            complete: (!sample.text.trim().is_empty(), sample.finish == Finish::Stop),
            answer,
        }
    }

    /// Best first: with an answer before without, then the score, then the lowest index. Without an answer, a text
    /// goes before none, and one that ended by itself before one that was cut.
    pub(super) fn by_score(&self, other: &Self) -> Ordering {
        let answered = other.answer.is_some().cmp(&self.answer.is_some());
        let complete = if self.answer.is_none() { other.complete.cmp(&self.complete) } else { Ordering::Equal };
        answered.then(complete).then(best(self.score, other.score)).then(self.index.cmp(&other.index))
    }

    /// Best first by confidence alone, then the lowest index.
    pub(super) fn by_confidence(&self, other: &Self) -> Ordering {
        best(self.confidence, other.confidence).then(self.index.cmp(&other.index))
    }
}

fn best(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        // `partial_cmp` and not `total_cmp`: -0.0 and 0.0 are the same score.
        (Some(a), Some(b)) => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
