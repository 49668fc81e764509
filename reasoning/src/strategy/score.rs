//! What makes one sample better than another.

use std::{cmp::Ordering, sync::Arc};

use super::{Finish, SampleResult};
use crate::{Answer, Outcome, Verification};

/// Thousandths of a vote in a whole one. Weights are whole numbers, so that sums do not depend on their order.
pub(super) const WHOLE: u64 = 1000;

/// A finished sample with what was found in it.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    pub(super) index: u32,
    pub(super) answer: Option<Answer>,
    pub(super) verification: Verification,
    /// The mean log-probability of its tokens.
    pub(super) likelihood: Option<f64>,
    /// How likely it is, where that is to settle a tie between votes, in millionths.
    pub(super) tie_break: Option<i64>,
    /// The confidence of its trace, where that was watched.
    pub(super) confidence: Option<f64>,
    /// It was cut short for being unsure.
    pub(super) weak: bool,
    /// It reached its `max_tokens`: its end is missing, and what it seems to answer may be half of an answer.
    pub(super) cut: bool,
    /// Its text, where another sample may go on from it; else empty.
    pub(super) text: Arc<str>,
    /// Has a text, and an end of its own.
    complete: (bool, bool),
}

impl Scored {
    pub(super) fn new(sample: &SampleResult, answer: Option<Answer>, verification: Verification) -> Self {
        let number = |value: Option<f64>| value.filter(|value| !value.is_nan());
        let ended = matches!(sample.finish, Finish::Stop | Finish::Matched);
        Self {
            index: sample.index,
            verification,
            likelihood: number(sample.mean_logprob),
            tie_break: None,
            confidence: number(sample.confidence),
            weak: sample.finish == Finish::Weak,
            cut: sample.finish == Finish::Length,
            text: Arc::default(),
            complete: (!sample.text.trim().is_empty(), ended),
            answer,
        }
    }

    /// Lets the likelier of two answers with equal votes win, where the engine tells how likely they are.
    #[expect(clippy::cast_possible_truncation, reason = "clamped before")]
    pub(super) fn settle_ties(&mut self) {
        self.tie_break = self.likelihood.map(|value| (value * 1e6).round().clamp(-1e15, 1e15) as i64);
    }

    /// Best first: with an answer before without, then by what verifiers say, then the likelier, then the lowest index.
    /// Without an answer, a text goes before none, and one that ended by itself before one that was cut.
    pub(super) fn by_score(&self, other: &Self) -> Ordering {
        let answered = other.answer.is_some().cmp(&self.answer.is_some());
        let complete = if self.answer.is_none() { other.complete.cmp(&self.complete) } else { Ordering::Equal };
        answered.then(complete).then_with(|| self.by_soundness(other))
    }

    /// Best first: by what verifiers say, a whole one before one that was cut, then the verifiers' score, the fewer faults,
    /// the likelier, the lowest index.
    pub(super) fn by_soundness(&self, other: &Self) -> Ordering {
        self.class()
            .cmp(&other.class())
            .then(self.cut.cmp(&other.cut))
            .then(best(Some(self.verification.score), Some(other.verification.score)))
            .then(self.verification.faults.cmp(&other.verification.faults))
            .then(best(self.likelihood, other.likelihood))
            .then(self.index.cmp(&other.index))
    }

    /// Whether a verifier that tells right from wrong passed the whole of it.
    pub(super) fn is_vouched(&self) -> bool {
        !self.cut && self.verification.outcome == Outcome::Passed && self.verification.telling
    }

    /// What verifiers say, lower is better: passed, nothing, refuted.
    pub(super) fn class(&self) -> u8 {
        match self.verification.outcome {
            Outcome::Passed => 0,
            Outcome::Unchecked | Outcome::Broken => 1,
            Outcome::Refuted => 2,
        }
    }

    /// Its score in thousandths.
    pub(super) fn thousandths(&self) -> u64 {
        thousandths(self.verification.score)
    }
}

/// A value of 0 and above in thousandths, at most a million million.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
pub(super) fn thousandths(value: f64) -> u64 {
    if value.is_nan() { 0 } else { (value * 1000.0).round().clamp(0.0, 1e15) as u64 }
}

fn best(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        // `partial_cmp` and not `total_cmp`: -0.0 and 0.0 are the same score.
        (Some(a), Some(b)) => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
