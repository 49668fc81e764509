//! Strategies as state machines: what they see, what they ask for, and what they come to.

mod beam;
mod build;
mod machine;
mod params;
mod revise;
mod rules;
mod score;
mod tally;
mod turns;
mod verdict;

use std::sync::Arc;

pub use build::{Needs, StrategyError, strategy, strategy_verified};
pub use params::Params;
pub use rules::beta_confidence;
pub use tally::{Tally, Vote};
pub use turns::Order;
pub use verdict::{Checked, Status, StopRule, Verdict};

/// Why a sample ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it.
    Stop,
    /// It came to the end of a step, or to a stop sequence of the request.
    Matched,
    /// It reached its `max_tokens`.
    Length,
    /// It fell below the confidence that was asked of it, see [`Watch`], and was cut short.
    Weak,
}

/// A sample that ended by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleResult {
    /// Which sample it is, as in [`Action::Sample`].
    pub index: u32,
    /// The text of its thoughts, empty for a model that marks none.
    pub thinking: String,
    /// The text of the answer, without the thinking; after an [`Ask::Step`] of all steps so far.
    pub text: String,
    /// The canonical form of the calls that whoever asked is to make: then these are its answer, see
    /// [`canonical_calls`](crate::canonical_calls).
    pub calls: Option<String>,
    /// Why it ended.
    pub finish: Finish,
    /// Tokens that this try generated, thinking included.
    pub tokens: u32,
    /// The mean natural logarithm of its tokens' probabilities, ≤ 0; `None` from an engine that does not tell.
    pub mean_logprob: Option<f64>,
    /// Its confidence, see [`TraceConfidence`](crate::TraceConfidence), where it was [watched](Watch).
    pub confidence: Option<f64>,
}

/// What happened. One that does not fit, such as a sample that is not running, changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// The deliberation may begin; the first observation.
    Start,
    /// A sample goes on. Which of two is the longer one can decide which of them is counted first, see
    /// [`Order::Shortest`]: it is told after each token.
    Reached {
        /// Which sample it is.
        index: u32,
        /// Tokens that this try has generated so far.
        tokens: u32,
    },
    /// A sample ended by itself.
    Sample(SampleResult),
    /// A step ended, and the answer may go on.
    Stepped {
        /// The sample as far as it has come; its tokens are those of this step.
        result: SampleResult,
        /// What the step adds to [`Ask::Step`]'s `begun`, markers included.
        said: String,
    },
    /// A sample, or its judgement, broke off.
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
    /// A model has judged a sample.
    Judged {
        /// Which sample it is.
        index: u32,
        /// What it said.
        text: String,
        /// Tokens that it generated.
        tokens: u32,
    },
    /// The deadline passed.
    DeadlinePassed,
    /// Nobody waits for the answer any more.
    ClientLeft,
}

/// What a sample goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The request's own conversation.
    Question,
    /// One step further in an answer that has begun. It ends with [`Observation::Stepped`], or with
    /// [`Observation::Sample`] where the answer has come to its end.
    Step {
        /// The answer so far, markers included; empty for the first step.
        begun: Arc<str>,
        /// The step ends before this text.
        until: Arc<str>,
        /// What the whole answer may still use.
        room: Room,
    },
    /// The conversation, a draft of its answer, and a request to mend it.
    Revise {
        /// The draft, as the model's turn.
        draft: Arc<str>,
        /// What is wrong with it and what to do, as the user's turn.
        findings: Arc<str>,
    },
}

/// The tokens of an answer that is drawn step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What every answer may have at most.
    pub share: u32,
    /// Those of the text so far, whoever drew them.
    pub drawn: u32,
    /// What may still be generated, this step included; less than what the text leaves of the share where other texts
    /// were drawn from it.
    pub left: u32,
}

/// Watches a trace's confidence while it runs (`DeepConf`, arXiv 2508.15260).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch {
    /// Tokens of a group, at least 1.
    pub window: u32,
    /// A trace whose full window falls below this ends at once with [`Finish::Weak`]; `None` only measures.
    pub threshold: Option<f64>,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start a sample, or try it once more with the same seed. A sample that has ended may be asked to go on.
    Sample {
        /// Which sample it is, from 0.
        index: u32,
        /// The seed of its draws.
        seed: u64,
        /// Tokens that it may generate, its answer included.
        max_tokens: u32,
        /// What it goes on from.
        ask: Ask,
        /// Whether its confidence is watched.
        watch: Option<Watch>,
    },
    /// Have a model judge a sample that has ended. It ends with [`Observation::Judged`] or [`Observation::Failed`].
    Judge {
        /// Which sample it is; the tokens count as its own.
        index: u32,
        /// The seed of the judge's draws.
        seed: u64,
        /// What the judge is asked, as a user's message.
        prompt: Arc<str>,
        /// Tokens that the judge may generate.
        max_tokens: u32,
    },
    /// Stop a running sample, or its judge; nothing is expected of it any more.
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
