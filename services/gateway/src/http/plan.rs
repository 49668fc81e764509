//! From a request to what a deliberation is to do: presets, defaults, and the tenant's cap.

mod budget;
mod prompt;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;
mod verifiers;

use std::{
    hash::{BuildHasher, RandomState},
    time::SystemTime,
};

use forethought_actors::{Job, ReviewPlan, Thinking};
use forethought_engine::Sampling;
use forethought_policies::Principal;
use forethought_reasoning::{AnswerKind, Order, Params, ToolUse};
use forethought_safeguards::Safeguards;
use forethought_schemas::{ApiError, BudgetCap, ChatRequest, Effort, Preset, RequestId, StrategyName};

use tokio::time::Instant;

use super::Served;
pub(super) use thinking::Mind;
pub(super) use tools::Shelf;

/// What a request is planned from, beside itself.
pub(super) struct Ground<'a> {
    /// What is configured for the model.
    pub served: &'a Served,
    /// The most that the tenant may ask for.
    pub cap: Option<BudgetCap>,
    /// Who asks.
    pub principal: &'a Principal,
    /// What the tenant means by an effort.
    pub preset: &'a dyn Fn(Effort) -> Preset,
    /// The request's id.
    pub id: &'a RequestId,
    /// When it came.
    pub since: Instant,
    /// For a request that gives no seed.
    pub seed: u64,
    /// The tools of the service.
    pub tools: &'a dyn Shelf,
}

/// Everything of a job but what only the engine knows. Without a `mind`, the engine has not been asked yet how the model
/// thinks, and the plan is only good to see whether the tenant may ask at all.
pub(super) fn plan(request: &ChatRequest, ground: &Ground<'_>, mind: Option<&Mind>) -> Result<Job, ApiError> {
    let Ground { served, cap, principal, .. } = *ground;
    let ask = &request.deliberation;
    let kind = answer_kind(request)?;
    // A preset that nobody asked for must not make a request fail; one that somebody asked for must not be cut.
    let effort = request.effort.unwrap_or_else(|| cap.map_or(served.effort, |cap| served.effort.min(cap.effort)));
    let preset = (ground.preset)(effort).or(served.presets.get(&effort).copied().unwrap_or_default());
    let preset = if request.effort.is_some() { preset } else { budget::unasked(preset, request, cap) };
    let mut warnings = Vec::new();
    let thinking = match mind {
        Some(mind) => thinking::plan(request, preset, effort, mind, &mut warnings)?,
        None => None,
    };
    let checked = request.format.schema().is_some() && mind.is_some_and(|mind| !mind.can.json_schema);
    let fallback = |max_samples| match (max_samples, &kind) {
        // What cannot be drawn to fit is verified, and mended.
        (2.., _) if checked => StrategyName::SelfCorrect,
        (1, _) => StrategyName::Single,
        // Free texts hardly ever agree: a vote over them would choose by chance.
        (_, AnswerKind::Text) => StrategyName::BestOfN,
        _ => StrategyName::SelfConsistency,
    };
    let strategy = ask.strategy.or(preset.strategy);
    let temperature = request.temperature.unwrap_or(served.temperature);
    let spender = Spender { preset, effort, strategy, cap, greedy: temperature <= 0.0, thinking: thinking.as_ref() };
    let budget = budget::plan(request, &spender)?;
    let strategy = strategy.unwrap_or_else(|| fallback(budget.max_samples));
    check_steps(request, strategy)?;
    let verifiers = verifiers::plan(request, strategy, &kind)?;
    if let Some(mind) = mind {
        thinking::check_needs(strategy, &verifiers, mind)?;
    }
    let tools = tools::plan(request, ground.tools, mind, &mut warnings)?;
    let schema = request.format.schema();
    let instruction = thinking::instruction(thinking.as_ref(), &served.thinking).map(str::to_owned);
    let params = params(request, preset, budget.max_samples, strategy, thinking.as_ref(), mind);
    Ok(Job {
        request_id: ground.id.clone(),
        since: ground.since,
        tenant: principal.tenant().to_owned(),
        key_id: principal.key_id().to_owned(),
        model: request.model.clone(),
        weights: String::new(),
        effort,
        strategy,
        seed: request.seed.unwrap_or(ground.seed),
        n: request.n,
        budget,
        prompt: prompt::prompt(request, instruction.as_deref(), tools.as_ref()),
        instruction,
        prompt_tokens: 0,
        subject: request.subject.clone(),
        params,
        kind,
        sampling: Sampling {
            temperature,
            top_p: request.top_p.unwrap_or(1.0),
            frequency_penalty: request.frequency_penalty,
            presence_penalty: request.presence_penalty,
            min_p: served.min_p,
            ..Sampling::default()
        },
        stop: request.stop.clone(),
        verifiers,
        question: prompt::question(request),
        thinking,
        // Of an answer that may still be refused nothing is shown.
        stream_text: request.stream && !checked && !may_be_calls(request, tools.as_deref()),
        tools,
        must_fit: schema.clone().filter(|_| checked),
        schema: schema.filter(|_| !checked),
        stream_thinking: request.stream,
        warnings,
        // What the caller's policy looks for is put in where the plan is carried out.
        safeguards: Safeguards::none(),
        asked: Vec::new(),
        facts: request.deliberation.facts.clone(),
        review: ReviewPlan::default(),
        whole: forethought_actors::WholePlan::default(),
        laws: Vec::new(),
        retention: forethought_audit::RetentionNote::default(),
        disclosures: std::sync::Arc::default(),
    })
}

use budget::Spender;
pub(super) use budget::{fit, fit_results, least_room};
pub(super) use thinking::sayings;

/// Whether a text may turn out to be a call, once it is whole: where calls are found in what was said, and where the engine draws an
/// answer that fits a schema, or a call.
fn may_be_calls(request: &ChatRequest, tools: Option<&ToolUse>) -> bool {
    tools.is_some_and(|tools| !tools.firm || request.format.schema().is_some())
}

/// A step is no JSON, so what is written step by step cannot be drawn to fit, nor mended.
fn check_steps(request: &ChatRequest, strategy: StrategyName) -> Result<(), ApiError> {
    if strategy != StrategyName::BeamSearch || request.format.schema().is_none() {
        return Ok(());
    }
    Err(ApiError::invalid(
        "response_format",
        "unsupported_by_strategy",
        "`beam_search` writes an answer step by step and cannot keep to `response_format`; leave one of them out, or use \
         `best_of_n` or `self_correct`",
    ))
}

fn params(
    request: &ChatRequest,
    preset: Preset,
    max_samples: u32,
    strategy: StrategyName,
    thinking: Option<&Thinking>,
    mind: Option<&Mind>,
) -> Params {
    let default = Params::default();
    let ask = &request.deliberation;
    // Thoughts that were asked for are not cut to make room for more samples.
    let thoughts = thinking.filter(|_| ask.thinking_tokens.is_some());
    let early = ask.early_stop != Some(false);
    let beta = ask.beta_threshold.or(default.beta_threshold);
    let wave = ask.wave.or(preset.wave);
    let all_are_drawn = matches!(strategy, StrategyName::Single | StrategyName::BestOfN | StrategyName::BeamSearch);
    // What stops early draws less where fewer are in flight.
    let usual = mind.filter(|_| all_are_drawn).map(|mind| mind.parallel.max(1));
    let votes = matches!(strategy, StrategyName::SelfConsistency | StrategyName::Auto);
    // The lanes of the embedded engine are few: there others that begin in the place of a long one only wait.
    let waits = mind.is_none_or(|mind| mind.repeatable);
    let order = match ask.order.as_deref() {
        Some("shortest") if votes => Order::Shortest,
        None if votes && !waits => Order::Shortest,
        _ => Order::Drawn,
    };
    Params {
        samples: Some(max_samples),
        all_samples: thoughts.is_some() && ask.max_samples.is_some(),
        least_tokens: thoughts.map(|thoughts| thoughts.tokens.unwrap_or(0).saturating_add(thoughts.reserve)),
        order,
        wave: wave.or(usual).unwrap_or(default.wave),
        thrifty: wave.is_none(),
        beta_threshold: beta.filter(|_| early),
        esc_window: ask.esc_window.filter(|_| early),
        weighted: ask.weighted.unwrap_or(default.weighted),
        warm_up: ask.warm_up,
        window: ask.window.unwrap_or(default.window),
        keep_percent: ask.keep_percent.unwrap_or(default.keep_percent),
        consensus: ask.consensus.or(default.consensus).filter(|_| early),
        rounds: ask.rounds,
        width: ask.width.unwrap_or(default.width),
        step_tokens: ask.step_tokens.unwrap_or(default.step_tokens),
        diverse: ask.diverse.unwrap_or(default.diverse),
        ..default
    }
}

fn answer_kind(request: &ChatRequest) -> Result<AnswerKind, ApiError> {
    let ask = &request.deliberation;
    let json = || AnswerKind::Json { pointer: ask.answer_pointer.clone() };
    Ok(match ask.answer.as_deref() {
        Some("number") => AnswerKind::Number,
        Some("choice") => AnswerKind::Choice,
        Some("boxed") => AnswerKind::Boxed,
        Some("json") => json(),
        Some("regex") => pattern(ask.answer_pattern.as_deref().unwrap_or_default())?,
        Some(_) => AnswerKind::Text,
        None if request.format.schema().is_some() => json(),
        None => AnswerKind::infer(&prompt::question(request), false),
    })
}

fn pattern(pattern: &str) -> Result<AnswerKind, ApiError> {
    AnswerKind::regex(pattern).map_err(|error| {
        let message = format!("the pattern cannot be used: {error}; write one without look-around and back references");
        ApiError::invalid("deliberation.answer_pattern", "invalid_value", message)
    })
}

/// 53 bits, so that every JSON library can give it back to us as it was.
pub(super) fn random_seed() -> u64 {
    RandomState::new().hash_one(SystemTime::now()) & ((1 << 53) - 1)
}
