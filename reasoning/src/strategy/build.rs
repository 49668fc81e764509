//! From a name, a budget and a seed to a strategy.

use forethought_schemas::{Budget, StrategyName};

use super::{
    Strategy,
    beam::{BeamSearch, Search},
    machine::{Machine, Recipe, Weigh},
    params::Params,
    turns::Order,
    verdict::Choose,
};
use crate::{
    AnswerKind, Judge, Ledger, MAX_SAMPLES, MIN_SAMPLE_TOKENS, Plan, PlanError, VerifierSpec, Verifiers, plan_of,
};

/// Samples of `best_of_n` when the request says nothing.
const BEST_OF: u32 = 8;
/// Samples of a vote when the request says nothing; most votes stop far earlier.
const VOTE_OF: u32 = 40;
/// Drafts of `self_correct` when the request says nothing.
const ROUNDS: u32 = 3;
/// Warm-up samples of a confidence vote, as in the paper; at most half of all.
const WARM_UP: u32 = 16;

/// What a strategy needs of an engine, beside samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Probabilities of tokens.
    pub logprobs: bool,
    /// Going on with an answer that has begun.
    pub continues: bool,
    /// Telling a stop sequence from the model's own end.
    pub tells_stops: bool,
}

impl Needs {
    /// What a strategy of this name needs with these verifiers.
    ///
    /// A search whose verifiers know nothing of beginnings goes by how likely they are; without that it would go by
    /// chance. `best_of_n` is content with less: without probabilities it takes the first of equals.
    #[must_use]
    pub fn of(name: StrategyName, verifiers: &[VerifierSpec]) -> Self {
        let search = name == StrategyName::BeamSearch;
        let blind = !verifiers.iter().any(VerifierSpec::knows_beginnings);
        let sure = verifiers.iter().any(|spec| matches!(spec, VerifierSpec::Confidence { .. }));
        Self {
            logprobs: name == StrategyName::ConfidenceVote || sure || (search && blind),
            continues: search,
            tells_stops: search,
        }
    }

    /// Whether the answer depends on how likely samples are, beyond which of equal ones speaks for a vote. Some servers take
    /// longer for a token when they have to tell.
    #[must_use]
    pub fn weighs_likelihood(name: StrategyName, kind: &AnswerKind, verifiers: &[VerifierSpec]) -> bool {
        let by_score = match name {
            StrategyName::Single | StrategyName::SelfConsistency => false,
            StrategyName::Auto => *kind == AnswerKind::Text,
            StrategyName::BestOfN
            | StrategyName::ConfidenceVote
            | StrategyName::SelfCorrect
            | StrategyName::BeamSearch => true,
        };
        by_score || Self::of(name, verifiers).logprobs
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
        /// The largest of `n`, `samples`, and `rounds` for each of `n`.
        asked: u32,
        /// The budget's `max_samples`, at most [`MAX_SAMPLES`].
        max: u32,
    },
    /// More answers, drafts or samples than the tokens can be shared between.
    #[error(
        "{asked} samples are asked for where {tokens} tokens are enough for {fit} of at least {least}: raise total_tokens, \
         or ask for fewer or shorter ones"
    )]
    TooFewTokens {
        /// The samples asked for: `n`, `rounds` for each of `n`, or `samples` where all of them are.
        asked: u32,
        /// The budget's `total_tokens`.
        tokens: u32,
        /// Samples that fit into it.
        fit: u32,
        /// Tokens that each of them must have.
        least: u32,
    },
    /// Not even one sample can have what each must have.
    #[error(
        "a sample needs {least} tokens for its thoughts and its answer and has {tokens}: raise max_completion_tokens and \
         total_tokens, or have it think less"
    )]
    NoRoom {
        /// Tokens that each sample must have.
        least: u32,
        /// Tokens that it has.
        tokens: u32,
    },
    /// A sample's share is gone before it has said anything.
    #[error(
        "a judge needs {judge} of the {tokens} tokens of each sample: raise max_completion_tokens and total_tokens"
    )]
    NoRoomForJudge {
        /// Tokens of each sample.
        tokens: u32,
        /// Tokens of a judgement.
        judge: u32,
    },
    /// Steps are not judged.
    #[error("beam_search takes no judge, which would be asked of every step: use another verifier or another strategy")]
    JudgedSteps,
    /// A parameter is out of its range.
    #[error("{name} is {value}: {mend}")]
    Param {
        /// The parameter.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What to do.
        mend: &'static str,
    },
}

/// Builds a strategy without verifiers.
///
/// # Errors
/// As [`strategy_verified()`].
pub fn strategy(
    name: StrategyName,
    budget: Budget,
    seed: u64,
    n: u32,
    kind: AnswerKind,
    params: Params,
) -> Result<Box<dyn Strategy>, StrategyError> {
    strategy_verified(name, budget, seed, n, kind, params, Verifiers::none())
}

/// Builds a strategy.
///
/// `n` is the number of answers to return, as in `OpenAI`'s API. All strategies keep these rules:
/// - [`plan()`](crate::plan()) is fixed at the start, and no more is ever started or reserved; a judge's tokens are its sample's.
/// - At most [`Params::wave`] samples are in flight, and of a [thrifty](Params::thrifty) vote as many as could decide it; a
///   next one starts as one ends, or is counted.
/// - Sample seeds come from [`sample_seed`](crate::sample_seed).
/// - A sample that fails is tried once more with the same seed, if that may help, within its own share.
/// - The same samples give the same verdict in whatever order they end, unless the deadline passes or the client leaves.
///
/// All return `n` samples, or as many as finished. What stops early stops only when `n` different answers are there that no
/// verifier refutes.
/// - `single` draws `n` and returns them in their order.
/// - `best_of_n` draws all and returns the best by what verifiers say and then by likelihood, distinct answers first;
///   [`Params::weighted`] sums the scores of samples with the same answer (Snell et al., arXiv 2408.03314).
/// - `self_consistency` (Wang, arXiv 2203.11171) returns the answers with the heaviest votes first and stops when
///   the vote is decided, the Beta rule is sure of the *winner*, or a window of samples agrees.
///   With verifiers, a vote weighs what [`Verification::votes`](crate::Verification::votes) says.
/// - `confidence_vote` (`DeepConf`, arXiv 2508.15260) draws a warm-up, then cuts traces short that are less sure than the
///   best of it, weighs votes by confidence, and stops at a consensus.
/// - `self_correct` drafts, verifies and revises with what verifiers find, until `n` drafts pass or the rounds are over;
///   the best verified draft is returned, not the last one (Self-Refine, arXiv 2303.17651). Without a verifier it warns:
///   that lowers accuracy more often than not (Huang, arXiv 2310.01798). Drafts are drawn one after the other.
/// - `beam_search` goes step by step: the best of several beginnings go on in several ways.
/// - `auto` votes; where verifiers tell right from wrong, a vote that ends unsure goes to the heaviest answer that one of them
///   passed, and the likelier of two answers with equal votes wins; with [`Params::corrects`], samples that are all refuted are mended on the way. Free texts, which hardly
///   ever agree, are chosen by score, or mended as by `self_correct` where there are verifiers.
///
/// # Errors
/// When the budget allows nothing or less than was asked for, or a parameter is out of its range.
pub fn strategy_verified(
    name: StrategyName,
    budget: Budget,
    seed: u64,
    n: u32,
    kind: AnswerKind,
    params: Params,
    verifiers: Verifiers,
) -> Result<Box<dyn Strategy>, StrategyError> {
    params.check()?;
    let plan = shares(name, &budget, n, &params, verifiers.judge.is_some())?;
    if name == StrategyName::BeamSearch {
        if verifiers.judge.is_some() {
            return Err(StrategyError::JudgedSteps);
        }
        let search = Search { plan, seed, n, kind, params, verifiers };
        return Ok(Box::new(BeamSearch::new(search, Ledger::new(budget))));
    }
    let free_text = kind == AnswerKind::Text;
    // Free texts cannot vote, but what verifiers find in them can be mended.
    let mends = name == StrategyName::Auto && free_text && !verifiers.is_empty();
    let revises = (name == StrategyName::SelfCorrect || mends).then_some(params.rounds.unwrap_or(ROUNDS));
    let (choose, weigh) = match name {
        StrategyName::Single => (Choose::InOrder, Weigh::Votes),
        StrategyName::BestOfN if params.weighted => (Choose::ByVotes, Weigh::Scores),
        StrategyName::BestOfN | StrategyName::BeamSearch => (Choose::ByScore, Weigh::Votes),
        StrategyName::SelfCorrect if !verifiers.is_empty() => (Choose::ByScore, Weigh::Votes),
        StrategyName::Auto if free_text => (Choose::ByScore, Weigh::Votes),
        StrategyName::SelfConsistency | StrategyName::Auto | StrategyName::SelfCorrect => {
            (Choose::ByVotes, Weigh::Votes)
        }
        StrategyName::ConfidenceVote => (Choose::ByVotes, confidence(&params, plan.samples)?),
    };
    let stops = match name {
        StrategyName::SelfConsistency | StrategyName::ConfidenceVote | StrategyName::SelfCorrect => true,
        StrategyName::Auto => !free_text || mends,
        StrategyName::Single | StrategyName::BestOfN | StrategyName::BeamSearch => false,
    };
    let wave = if revises.is_some() { 1 } else { params.wave };
    let corrects = params.corrects && name == StrategyName::Auto && !free_text && !verifiers.is_empty();
    let Params { beta_threshold: beta, esc_window: esc, thrifty, .. } = params;
    let in_turns = stops && weigh == Weigh::Votes && revises.is_none() && !corrects;
    let order = if in_turns { params.order } else { Order::Drawn };
    // Where all votes weigh alike, a tie is decided before the last sample by what was counted first, which saves tokens.
    let settles = name == StrategyName::Auto && verifiers.most_votes() > 1;
    let recipe = Recipe {
        plan,
        seed,
        n,
        kind,
        order,
        wave,
        thrifty,
        choose,
        weigh,
        stops,
        revises,
        settles,
        corrects,
        beta,
        esc,
        verifiers,
    };
    Ok(Box::new(Machine::new(recipe, Ledger::new(budget))))
}

/// How many samples are drawn, and what each may generate.
fn shares(name: StrategyName, budget: &Budget, n: u32, params: &Params, judged: bool) -> Result<Plan, StrategyError> {
    if n == 0 {
        return Err(PlanError::NoSamples.into());
    }
    let max = budget.max_samples.min(MAX_SAMPLES);
    let rounds = params.rounds.filter(|_| name == StrategyName::SelfCorrect);
    let drafts = rounds.map_or(0, |rounds| rounds.saturating_mul(n));
    let asked = n.max(params.samples.unwrap_or(0)).max(drafts);
    let max = if rounds.is_some() { max.min(params.samples.unwrap_or(max)) } else { max };
    if asked > max {
        return Err(StrategyError::TooMany { asked, max });
    }
    let usual = match name {
        StrategyName::Single => 1,
        StrategyName::BestOfN | StrategyName::BeamSearch => BEST_OF,
        StrategyName::SelfCorrect => ROUNDS,
        StrategyName::SelfConsistency | StrategyName::ConfidenceVote | StrategyName::Auto => VOTE_OF,
    };
    let wanted = match name {
        StrategyName::Single => n,
        StrategyName::SelfCorrect if rounds.is_some() => drafts,
        StrategyName::SelfCorrect => usual.saturating_mul(n).min(params.samples.unwrap_or(max)).max(n),
        _ => params.samples.unwrap_or(usual).max(n),
    };
    let judge = Judge::max_tokens();
    let asked = params.least_tokens.map(|least| least.saturating_add(if judged { judge } else { 0 }));
    let least = asked.unwrap_or(MIN_SAMPLE_TOKENS);
    let plan = plan_of(budget, wanted, least)?;
    if let Some(least) = asked.filter(|least| plan.tokens_per_sample < *least) {
        return Err(StrategyError::NoRoom { least, tokens: plan.tokens_per_sample });
    }
    let must = if params.all_samples { wanted } else { n.max(drafts) };
    if plan.samples < must {
        let (tokens, fit) = (budget.total_tokens, plan.samples);
        return Err(StrategyError::TooFewTokens { asked: must, tokens, fit, least });
    }
    if judged && plan.tokens_per_sample <= judge {
        return Err(StrategyError::NoRoomForJudge { tokens: plan.tokens_per_sample, judge });
    }
    Ok(plan)
}

fn confidence(params: &Params, samples: u32) -> Result<Weigh, StrategyError> {
    let usual = WARM_UP.min(samples.div_ceil(2));
    let warm_up = params.warm_up.unwrap_or(usual);
    if !(1..=samples).contains(&warm_up) {
        // Nothing would ever be cut, or nothing be known to cut by.
        let mend = "set it to 1 to as many samples as max_samples and total_tokens allow, or leave it out";
        return Err(StrategyError::Param { name: "warm_up", value: f64::from(warm_up), mend });
    }
    let Params { window, keep_percent, consensus, .. } = *params;
    Ok(Weigh::Confidence { warm_up, window, keep_percent, consensus })
}
