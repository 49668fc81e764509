//! Strategies as state machines: what they see, what they ask for, and what they come to.

mod build;
mod machine;
mod rules;
mod score;
mod tally;
mod verdict;

pub use build::{Params, StrategyError, strategy, strategy_scored};
pub use rules::beta_confidence;
pub use score::{MeanLogprob, Score};
pub use tally::{Tally, Vote};
pub use verdict::{Status, StopRule, Verdict};

/// Why a sample ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it.
    Stop,
    /// It reached its `max_tokens`.
    Length,
}

/// A sample that ended by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleResult {
    /// Which sample it is, as in [`Action::Sample`].
    pub index: u32,
    /// The text of the answer, without the thinking.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// Tokens that this try generated, thinking included.
    pub tokens: u32,
    /// The mean natural logarithm of its tokens' probabilities, ≤ 0; `None` from an engine that does not tell.
    pub mean_logprob: Option<f64>,
}

/// What happened. One that does not fit, such as a sample that is not running, changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// The deliberation may begin; the first observation.
    Start,
    /// A sample ended by itself.
    Sample(SampleResult),
    /// A sample broke off.
    Failed {
        /// Which sample it is.
        index: u32,
        /// Whether the same try may succeed elsewhere or later.
        retryable: bool,
        /// Tokens that this try generated; they are spent.
        tokens: u32,
        /// What failed, for the verdict.
        reason: String,
    },
    /// The deadline passed.
    DeadlinePassed,
    /// Nobody waits for the answer any more.
    ClientLeft,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start a sample, or try it once more with the same seed.
    Sample {
        /// Which sample it is, from 0.
        index: u32,
        /// The seed of its draws.
        seed: u64,
        /// Tokens that it may generate, its answer included.
        max_tokens: u32,
    },
    /// Stop a running sample; nothing is expected of it any more.
    Cancel {
        /// Which sample it is.
        index: u32,
    },
    /// The end; no action follows.
    Finish(Verdict),
}

/// How a budget is spent. [`strategy()`] says which rules all of them keep.
pub trait Strategy: Send {
    /// What to do after an observation. After [`Action::Finish`] there is nothing more to do.
    fn next(&mut self, observation: Observation) -> Vec<Action>;

    /// The votes so far over all finished samples, for a live view. It depends on timing; the verdict does not.
    fn snapshot(&self) -> Tally;
}
