//! From a name, a budget and a seed to a strategy.

use forethought_schemas::{Budget, StrategyName};

use super::{
    Strategy,
    machine::{Machine, Recipe},
    score::{MeanLogprob, Score},
    verdict::Choose,
};
use crate::{AnswerKind, Ledger, MAX_SAMPLES, PlanError, plan};

/// Samples of `best_of_n` when the request says nothing.
const BEST_OF: u32 = 8;
/// Samples of `self_consistency` when the request says nothing; most votes stop far earlier.
const VOTE_OF: u32 = 40;

/// What a request may tune.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Samples to draw at most; `None` for the strategy's own number (1, 8, 40), cut to the budget's.
    pub samples: Option<u32>,
    /// Samples in flight, at least 1; the smallest number that can decide a vote is 4.
    pub wave: u32,
    /// Threshold of the Beta rule, above 0.5 and at most 1; `None` turns it off. At 0.95 the first samples that agree
    /// stop the vote at the 4th.
    pub beta_threshold: Option<f64>,
    /// Samples of a window of Early-Stopping Self-Consistency (ESC, arXiv 2401.10480), at least 2, 5 in the paper: the
    /// first window of consecutive samples that all agree stops the vote. `None` turns it off.
    pub esc_window: Option<u32>,
}

impl Default for Params {
    fn default() -> Self {
        Self { samples: None, wave: 4, beta_threshold: Some(0.95), esc_window: None }
    }
}

/// A strategy that cannot be built. Nothing that was asked for is silently cut.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum StrategyError {
    /// The budget allows nothing.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// More answers or samples than the budget allows.
    #[error("{asked} samples are asked for where {max} are allowed: raise max_samples or ask for fewer")]
    TooMany {
        /// The larger of `n` and `samples`.
        asked: u32,
        /// The budget's `max_samples`, at most [`MAX_SAMPLES`].
        max: u32,
    },
    /// More answers than the tokens can be shared between.
    #[error(
        "{asked} answers are asked for where {tokens} tokens are enough for {fit}: raise total_tokens or ask for fewer"
    )]
    TooFewTokens {
        /// The answers asked for.
        asked: u32,
        /// The budget's `total_tokens`.
        tokens: u32,
        /// Samples of at least [`MIN_SAMPLE_TOKENS`](crate::MIN_SAMPLE_TOKENS) that fit into it.
        fit: u32,
    },
    /// Nothing would run.
    #[error("wave is 0: set it to at least 1")]
    NoWave,
    /// The Beta rule would stop at once, or never.
    #[error("beta_threshold is {0}: set it above 0.5 and to at most 1, or leave it out")]
    Threshold(f64),
    /// One sample always agrees with itself.
    #[error("esc_window is {0}: set it to at least 2, or leave it out")]
    Window(u32),
}

/// Builds a strategy that scores samples by [`MeanLogprob`].
///
/// `n` is the number of answers to return, as in `OpenAI`'s API. All strategies keep these rules:
/// - [`plan()`] is fixed at the start, and no more is ever started or reserved.
/// - At most [`Params::wave`] samples are in flight; a next one starts as one ends.
/// - Sample seeds come from [`sample_seed`](crate::sample_seed).
/// - A sample that fails is tried once more with the same seed, if that may help, within its own share.
/// - The same samples give the same verdict in whatever order they end, unless the deadline passes or the client leaves.
///
/// All return `n` samples, or as many as finished. `single` draws `n` and returns them in their order. `best_of_n` draws
/// all and returns the best scored ones, distinct answers first. `self_consistency` (Wang, arXiv 2203.11171) returns the
/// answers with the most votes first and stops when `n` samples have finished and the vote is decided, the Beta rule is
/// sure of the *winner*, or a window of samples agrees.
///
/// # Errors
/// When the budget allows nothing or less than was asked for, or a parameter is out of its range.
pub fn strategy(
    name: StrategyName,
    budget: Budget,
    seed: u64,
    n: u32,
    kind: AnswerKind,
    params: Params,
) -> Result<Box<dyn Strategy>, StrategyError> {
    strategy_scored(name, budget, seed, n, kind, params, Box::new(MeanLogprob))
}

/// The same with another score, such as a verifier's.
///
/// # Errors
/// As [`strategy()`].
pub fn strategy_scored(
    name: StrategyName,
    budget: Budget,
    seed: u64,
    n: u32,
    kind: AnswerKind,
    params: Params,
    score: Box<dyn Score>,
) -> Result<Box<dyn Strategy>, StrategyError> {
    if n == 0 {
        return Err(PlanError::NoSamples.into());
    }
    if params.wave == 0 {
        return Err(StrategyError::NoWave);
    }
    if let Some(threshold) = params.beta_threshold.filter(|threshold| !(*threshold > 0.5 && *threshold <= 1.0)) {
        return Err(StrategyError::Threshold(threshold));
    }
    if let Some(window) = params.esc_window.filter(|window| *window < 2) {
        return Err(StrategyError::Window(window));
    }
    let max = budget.max_samples.min(MAX_SAMPLES);
    let asked = n.max(params.samples.unwrap_or(0));
    if asked > max {
        return Err(StrategyError::TooMany { asked, max });
    }
    let (choose, default) = match name {
        StrategyName::Single => (Choose::InOrder, 1),
        StrategyName::BestOfN => (Choose::ByScore, BEST_OF),
        StrategyName::SelfConsistency => (Choose::ByVotes, VOTE_OF),
    };
    let wanted = if name == StrategyName::Single { n } else { params.samples.unwrap_or(default).max(n) };
    let plan = plan(&budget, wanted)?;
    if plan.samples < n {
        return Err(StrategyError::TooFewTokens { asked: n, tokens: budget.total_tokens, fit: plan.samples });
    }
    let Params { wave, beta_threshold: beta, esc_window: esc, .. } = params;
    let recipe = Recipe { plan, seed, n, kind, wave, choose, beta, esc, score };
    Ok(Box::new(Machine::new(recipe, Ledger::new(budget))))
}
