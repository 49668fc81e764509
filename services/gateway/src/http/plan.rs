//! From a request to what a deliberation is to do: presets, defaults, and the tenant's cap.

use std::{
    hash::{BuildHasher, RandomState},
    time::SystemTime,
};

use forethought_actors::Job;
use forethought_engine::{Message, Prompt, Role, Sampling};
use forethought_policies::Principal;
use forethought_reasoning::{AnswerKind, Params};
use forethought_schemas::{ApiError, Budget, BudgetCap, ChatRequest, ChatRole, Effort, RequestId, StrategyName};
use serde_json::json;

use super::Served;

/// Tokens of one answer, when the request does not say.
const SAMPLE_TOKENS: u32 = 512;
/// Time to the answer, when the request does not say, in milliseconds.
const DEADLINE_MS: u64 = 120_000;

/// Samples of each preset.
const fn preset(effort: Effort) -> u32 {
    match effort {
        Effort::None => 1,
        Effort::Minimal => 3,
        Effort::Low => 5,
        Effort::Medium => 8,
        Effort::High => 16,
        Effort::Xhigh => 32,
    }
}

/// Everything of a job but what only the engine knows.
pub(super) fn plan(
    request: &ChatRequest,
    served: Served,
    cap: Option<BudgetCap>,
    principal: &Principal,
    id: &RequestId,
) -> Result<Job, ApiError> {
    let ask = &request.deliberation;
    let kind = answer_kind(request);
    // A preset that nobody asked for must not make a request fail; one that somebody asked for must not be cut.
    let effort = request.effort.unwrap_or_else(|| cap.map_or(served.effort, |cap| served.effort.min(cap.effort)));
    let greedy = request.temperature == Some(0.0);
    let wanted = if greedy && ask.strategy.is_none() { 1 } else { preset(effort) };
    let wanted = match ask.strategy {
        Some(StrategyName::Single) => request.n,
        _ => wanted.max(request.n),
    };
    let sample_tokens = request.max_completion_tokens.unwrap_or(SAMPLE_TOKENS);
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
    let strategy = ask.strategy.unwrap_or(match (max_samples, &kind) {
        (1, _) => StrategyName::Single,
        // Free texts hardly ever agree: a vote over them would choose by chance.
        (_, AnswerKind::Text) => StrategyName::BestOfN,
        _ => StrategyName::SelfConsistency,
    });
    let all = max_samples.saturating_mul(sample_tokens);
    let total_tokens = ask.total_tokens.unwrap_or_else(|| cap.map_or(all, |cap| all.min(cap.total_tokens)));
    let deadline_ms =
        ask.deadline_ms.unwrap_or_else(|| cap.map_or(DEADLINE_MS, |cap| DEADLINE_MS.min(cap.deadline_ms)));
    Ok(Job {
        request_id: id.clone(),
        tenant: principal.tenant().to_owned(),
        key_id: principal.key_id().to_owned(),
        model: request.model.clone(),
        weights: String::new(),
        effort,
        strategy,
        budget: Budget { max_samples, total_tokens, sample_tokens: sample_tokens.min(total_tokens), deadline_ms },
        seed: request.seed.unwrap_or_else(random_seed),
        n: request.n,
        params: params(request, max_samples),
        prompt: prompt(request),
        prompt_tokens: 0,
        prompt_record: prompt_record(request, served, &kind),
        kind,
        sampling: Sampling {
            temperature: request.temperature.unwrap_or(served.temperature),
            top_p: request.top_p.unwrap_or(1.0),
            frequency_penalty: request.frequency_penalty,
            presence_penalty: request.presence_penalty,
            min_p: served.min_p,
            ..Sampling::default()
        },
        stop: request.stop.clone(),
        thinking: None,
        schema: None,
        stream_thinking: false,
        stream_text: request.stream && strategy == StrategyName::Single && request.n == 1,
    })
}

/// Samples that the tenant's cap pays for in full: fewer whole answers are better than many that break off. A request
/// that says itself what all samples may spend wants it shared.
fn afforded(cap: BudgetCap, sample_tokens: u32, asked_total: Option<u32>) -> u32 {
    let whole = if asked_total.is_some() { u32::MAX } else { cap.total_tokens / sample_tokens.max(1) };
    cap.max_samples.min(whole)
}

/// The least room for an answer without which a request is refused: what it asked for, or else any.
pub(super) fn least_room(request: &ChatRequest, job: &Job) -> u32 {
    if request.max_completion_tokens.is_some() { job.budget.sample_tokens } else { 1 }
}

/// Cuts a sample to what the prompt leaves of the model's context, where the request did not say how long it may be.
pub(super) fn fit(job: &mut Job, request: &ChatRequest, context_tokens: u32) {
    if request.max_completion_tokens.is_none() {
        let left = context_tokens.saturating_sub(job.prompt_tokens).max(1);
        job.budget.sample_tokens = job.budget.sample_tokens.min(left);
    }
}

/// What an auditor needs, beside the admission record itself, to ask the same again.
fn prompt_record(request: &ChatRequest, served: Served, kind: &AnswerKind) -> Vec<u8> {
    let record = json!({
        "messages": request.messages,
        "sampling": {
            "temperature": request.temperature.unwrap_or(served.temperature), "top_p": request.top_p.unwrap_or(1.0),
            "min_p": served.min_p, "frequency_penalty": request.frequency_penalty,
            "presence_penalty": request.presence_penalty,
        },
        "stop": request.stop, "answer": format!("{kind:?}"), "wave": request.deliberation.wave,
        "early_stop": request.deliberation.early_stop.unwrap_or(true),
    });
    record.to_string().into_bytes()
}

fn params(request: &ChatRequest, max_samples: u32) -> Params {
    let default = Params::default();
    let ask = &request.deliberation;
    Params {
        samples: Some(max_samples),
        wave: ask.wave.unwrap_or(default.wave),
        beta_threshold: if ask.early_stop == Some(false) { None } else { default.beta_threshold },
        esc_window: default.esc_window,
    }
}

fn answer_kind(request: &ChatRequest) -> AnswerKind {
    let ask = &request.deliberation;
    match ask.answer.as_deref() {
        Some("number") => AnswerKind::Number,
        Some("choice") => AnswerKind::Choice,
        Some("boxed") => AnswerKind::Boxed,
        Some("json") => AnswerKind::Json { pointer: ask.answer_pointer.clone() },
        Some(_) => AnswerKind::Text,
        None => {
            let last = request.messages.last().map(|message| message.content.as_str()).unwrap_or_default();
            AnswerKind::infer(last, false)
        }
    }
}

fn prompt(request: &ChatRequest) -> Prompt {
    let message = |m: &forethought_schemas::ChatMessage| Message {
        role: match m.role {
            ChatRole::System => Role::System,
            ChatRole::User => Role::User,
            ChatRole::Assistant => Role::Assistant,
        },
        content: m.content.clone(),
    };
    Prompt::Messages(request.messages.iter().map(message).collect())
}

/// 53 bits, so that every JSON library can give it back to us as it was.
fn random_seed() -> u64 {
    RandomState::new().hash_one(SystemTime::now()) & ((1 << 53) - 1)
}
