//! What is known of each sample.

use forethought_engine::Finish;
use forethought_reasoning::{AnswerKind, SampleResult, extract};

use crate::KillSwitch;

/// Where a sample stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleState {
    /// It is being drawn.
    Running,
    /// It ended by itself.
    Finished,
    /// It broke off.
    Failed,
    /// It was stopped from outside.
    Cancelled,
}

/// One sample, as the response and the audit log tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleReport {
    /// Its place, from 0.
    pub index: u32,
    /// Its own seed.
    pub seed: u64,
    /// What it said, as far as it came.
    pub text: String,
    /// Tokens that it generated, over all its tries.
    pub tokens: u32,
    /// Its canonical answer.
    pub answer: Option<String>,
    /// Where it stands.
    pub state: SampleState,
    /// Why it ended.
    pub finish: Option<Finish>,
}

/// A sample at work.
pub(super) struct Sample {
    pub report: SampleReport,
    pub attempt: u32,
    pub attempt_tokens: u32,
    /// The sum over the tokens that were seen, and how many they are. An end token has none.
    logprobs: (f64, u32),
    pub kill: KillSwitch,
    /// What the reader has of the try before.
    told: String,
}

impl Sample {
    pub(super) fn new(index: u32, seed: u64, kill: KillSwitch) -> Self {
        let report = SampleReport {
            index,
            seed,
            text: String::new(),
            tokens: 0,
            answer: None,
            state: SampleState::Running,
            finish: None,
        };
        Self { report, attempt: 0, attempt_tokens: 0, logprobs: (0.0, 0), kill, told: String::new() }
    }

    /// Begins another try; the reader has the first `told` bytes of the one before.
    pub(super) fn again(&mut self, kill: KillSwitch, told: usize) {
        if let Some(told) = self.report.text.get(..told) {
            told.clone_into(&mut self.told);
        }
        self.kill = kill;
        self.attempt += 1;
        self.attempt_tokens = 0;
        self.logprobs = (0.0, 0);
        self.report.text.clear();
        self.report.state = SampleState::Running;
    }

    pub(super) fn token(&mut self, text: &str, logprob: f32) {
        self.report.tokens += 1;
        self.attempt_tokens += 1;
        self.logprobs = (self.logprobs.0 + f64::from(logprob), self.logprobs.1 + 1);
        self.report.text.push_str(text);
    }

    /// Whether this try says, as far as it came, what the reader has of the one before. `piece` is its latest text; the
    /// pieces before it were compared when they came.
    pub(super) fn agrees(&self, piece: &str) -> bool {
        let before = self.report.text.len().saturating_sub(piece.len());
        let told = self.told.as_bytes().get(before..).unwrap_or_default();
        told.starts_with(piece.as_bytes()) || piece.as_bytes().starts_with(told)
    }

    /// Whether this try ended before it had said all that the reader has of the one before.
    pub(super) fn falls_short(&self) -> bool {
        self.report.text.len() < self.told.len()
    }

    /// Takes the end, and gives what the strategy is told.
    pub(super) fn finish(&mut self, text: &str, finish: Finish, kind: &AnswerKind) -> SampleResult {
        self.report.text.push_str(text);
        self.report.state = SampleState::Finished;
        self.report.finish = Some(finish);
        self.report.answer = extract(kind, &self.report.text).map(|answer| answer.canonical);
        SampleResult {
            index: self.report.index,
            thinking: String::new(),
            text: self.report.text.clone(),
            finish: match finish {
                Finish::Length => forethought_reasoning::Finish::Length,
                Finish::Matched => forethought_reasoning::Finish::Matched,
                Finish::Stop | Finish::Cancelled => forethought_reasoning::Finish::Stop,
            },
            tokens: self.attempt_tokens,
            confidence: None,
            mean_logprob: (self.logprobs.1 > 0).then(|| self.logprobs.0 / f64::from(self.logprobs.1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_token_makes_no_answer_surer() {
        let mut sample = Sample::new(0, 0, KillSwitch::new());
        sample.token("4", -1.0);
        sample.token("2", -3.0);
        sample.attempt_tokens += 1;
        let result = sample.finish("", Finish::Stop, &AnswerKind::Number);
        assert_eq!((result.tokens, result.mean_logprob), (3, Some(-2.0)));
        sample.again(KillSwitch::new(), 0);
        let result = sample.finish("", Finish::Stop, &AnswerKind::Number);
        assert_eq!((result.tokens, result.mean_logprob), (0, None));
    }
}
