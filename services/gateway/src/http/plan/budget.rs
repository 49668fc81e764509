//! What a deliberation may spend.

use forethought_actors::{Job, Thinking};
use forethought_schemas::{ApiError, Budget, BudgetCap, ChatRequest, Effort, Preset, StrategyName};

/// Tokens of one answer, when nothing says how many.
const SAMPLE_TOKENS: u32 = 512;
/// Time to the answer, when nothing says how long, in milliseconds.
const DEADLINE_MS: u64 = 120_000;

/// Samples that an effort usually means.
const fn usual_samples(effort: Effort) -> u32 {
    match effort {
        Effort::None => 1,
        Effort::Minimal => 3,
        Effort::Low => 5,
        Effort::Medium => 8,
        Effort::High => 16,
        Effort::Xhigh => 32,
    }
}

/// What a budget depends on, beside the request.
pub(super) struct Spender<'a> {
    pub preset: Preset,
    pub effort: Effort,
    /// What was asked for.
    pub strategy: Option<StrategyName>,
    pub cap: Option<BudgetCap>,
    /// Whether every sample is the same.
    pub greedy: bool,
    pub thinking: Option<&'a Thinking>,
}

/// A preset that nobody asked for: what of it cannot be had is cut, because it must not make a request fail.
pub(super) fn unasked(preset: Preset, request: &ChatRequest, cap: Option<BudgetCap>) -> Preset {
    let by_steps = |strategy: &StrategyName| *strategy == StrategyName::BeamSearch && request.format.schema().is_some();
    let most = cap.unwrap_or(BudgetCap {
        max_samples: u32::MAX,
        total_tokens: u32::MAX,
        deadline_ms: u64::MAX,
        effort: Effort::Xhigh,
    });
    Preset {
        strategy: preset.strategy.filter(|strategy| !by_steps(strategy)),
        max_samples: preset.max_samples.map(|samples| samples.min(most.max_samples)),
        total_tokens: preset.total_tokens.map(|tokens| tokens.min(most.total_tokens)),
        deadline_ms: preset.deadline_ms.map(|time| time.min(most.deadline_ms)),
        ..preset
    }
}

/// The request's own numbers, else the preset's, else the usual ones within the tenant's cap.
pub(super) fn plan(request: &ChatRequest, spender: &Spender<'_>) -> Result<Budget, ApiError> {
    let Spender { preset, effort, strategy, cap, greedy, thinking } = *spender;
    let ask = &request.deliberation;
    let sample_tokens = sample_tokens(request, preset, thinking);
    let usual = preset.max_samples.unwrap_or_else(|| usual_samples(effort));
    let wanted = match strategy {
        Some(StrategyName::Single) => request.n,
        None if greedy => request.n,
        _ => usual.max(request.n),
    };
    let afforded = || cap.map_or(wanted, |cap| wanted.min(afforded(cap, sample_tokens, ask.total_tokens)));
    let max_samples = ask.max_samples.unwrap_or_else(|| afforded().max(request.n));
    if max_samples < request.n {
        return Err(ApiError::invalid(
            "n",
            "invalid_value",
            format!(
                "`n` is {} and `deliberation.max_samples` is {max_samples}; allow at least as many samples",
                request.n
            ),
        ));
    }
    let all = max_samples.saturating_mul(sample_tokens);
    let allowed = cap.map_or(u32::MAX, |cap| cap.total_tokens);
    let total_tokens = ask.total_tokens.or(preset.total_tokens).unwrap_or_else(|| all.min(allowed));
    let usual_deadline = || cap.map_or(DEADLINE_MS, |cap| DEADLINE_MS.min(cap.deadline_ms));
    let deadline_ms = ask.deadline_ms.or(preset.deadline_ms).unwrap_or_else(usual_deadline);
    Ok(Budget { max_samples, total_tokens, sample_tokens: sample_tokens.min(total_tokens), deadline_ms })
}

/// Tokens of one sample: room for its thoughts, and for an answer.
fn sample_tokens(request: &ChatRequest, preset: Preset, thinking: Option<&Thinking>) -> u32 {
    let thoughts = thinking.and_then(|thinking| thinking.tokens).unwrap_or(0);
    let usual = || thoughts.saturating_add(SAMPLE_TOKENS.max(thinking.map_or(0, |thinking| thinking.reserve)));
    request.max_completion_tokens.or(preset.max_completion_tokens).unwrap_or_else(usual)
}

/// Samples that the tenant's cap pays for in full: fewer whole answers are better than many that break off. A request
/// that says itself what all samples may spend wants it shared.
fn afforded(cap: BudgetCap, sample_tokens: u32, asked_total: Option<u32>) -> u32 {
    let whole = if asked_total.is_some() { u32::MAX } else { cap.total_tokens / sample_tokens.max(1) };
    cap.max_samples.min(whole)
}

/// Tokens of a text that is read again may be cut otherwise than they were drawn, and then be some more.
const READ_AGAIN: u32 = 16;

/// The most that is kept free for what a draft is told that it lacks, in tokens: a few findings.
const FINDINGS: u32 = 512;

/// Tokens that later passes of a sample read beside the prompt and what the sample has drawn: `said` of them are said
/// for the model.
const fn read_again(said: u32) -> u32 {
    if said == 0 { 0 } else { said.saturating_add(READ_AGAIN) }
}

/// The least room behind the prompt without which a request is refused: for the answer that it asked for, or else any.
/// Of a model that thinks `said` tokens more, which are said for it.
pub(in crate::http) fn least_room(request: &ChatRequest, job: &Job, said: u32) -> u32 {
    let thoughts = request.deliberation.thinking_tokens.and(job.thinking.as_ref());
    let answer = match (request.max_completion_tokens, thoughts) {
        (Some(_), _) => job.budget.sample_tokens,
        (None, Some(thinking)) => thinking.tokens.unwrap_or(0).saturating_add(thinking.reserve),
        (None, None) => 1,
    };
    let tools = if job.tools.is_some() { around_turns(job).saturating_add(LEAST_RESULT) } else { 0 };
    answer.saturating_add(read_again(said)).saturating_add(tools)
}

/// Cuts a sample to what the prompt, and `said` tokens that are said for the model, leave of its context, where the
/// request did not say how long it may be.
pub(in crate::http) fn fit(job: &mut Job, request: &ChatRequest, context_tokens: u32, said: u32) {
    if request.max_completion_tokens.is_some() {
        return;
    }
    let left = context_tokens.saturating_sub(job.prompt_tokens).saturating_sub(read_again(said));
    let left = left.saturating_sub(around_turns(job));
    // What tools say is read by the same sample.
    let results = job.tools.as_ref().map_or(0, |tools| u32::try_from(tools.limits.total_bytes).unwrap_or(u32::MAX));
    let left = left.saturating_sub(results.min(left / 4));
    let revises = job.strategy == StrategyName::SelfCorrect && job.budget.max_samples > 1;
    // A draft is read again, with what was found in it, and written anew.
    let left = if revises { left.saturating_sub(FINDINGS.min(left / 4)) / 2 } else { left };
    job.budget.sample_tokens = job.budget.sample_tokens.min(left.max(1));
}

/// Tokens that a template puts around one turn that calls tools, and around one call and what came of it.
const AROUND: (u32, u32) = (64, 32);

/// What templates put around all turns of a sample that call tools, and around these calls.
fn around_turns(job: &Job) -> u32 {
    let Some(tools) = &job.tools else { return 0 };
    let turns = tools.limits.rounds.saturating_mul(AROUND.0);
    turns.saturating_add(tools.limits.calls.saturating_mul(AROUND.1))
}

/// Cuts what a sample may read of tools to what is left of the model's context: no token is shorter than a byte.
pub(in crate::http) fn fit_results(job: &mut Job, context_tokens: u32, said: u32) {
    let around = around_turns(job);
    let Some(tools) = &mut job.tools else { return };
    let used = job.prompt_tokens.saturating_add(job.budget.sample_tokens).saturating_add(read_again(said));
    let left = context_tokens.saturating_sub(used).saturating_sub(around).max(LEAST_RESULT) as usize;
    let limits = &mut std::sync::Arc::make_mut(tools).limits;
    limits.total_bytes = limits.total_bytes.min(left);
    limits.result_bytes = limits.result_bytes.min(limits.total_bytes);
}

/// A result that is cut to less says nothing, in bytes.
const LEAST_RESULT: u32 = 64;
