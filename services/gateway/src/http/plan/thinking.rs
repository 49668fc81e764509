//! How much each sample may think.

use std::sync::Arc;

use forethought_actors::{Job, Thinking};
use forethought_engine::{Abilities, CallFormat};
use forethought_reasoning::{Allowance, Needs, ThinkingStyle, VerifierSpec};
use forethought_schemas::{ApiError, ChatRequest, Effort, Preset, StrategyName};

use crate::config::ThinkingConfig;

/// What the engine tells of itself and of how its model thinks.
pub(in crate::http) struct Mind {
    /// Its markers; `None` for a model that marks no thoughts.
    pub style: Option<Arc<ThinkingStyle>>,
    /// What the engine can do.
    pub can: Abilities,
    /// Samples that it runs at once.
    pub parallel: u32,
    /// Whether the same seed gives the same sample.
    pub repeatable: bool,
    /// Tokens that the operator keeps back for answers.
    pub reserve: Option<u32>,
    /// How its model calls tools.
    pub calls: CallFormat,
}

impl Mind {
    /// Whether the engine draws only what is a call, where one has begun.
    pub(super) const fn draws_calls(&self) -> bool {
        self.can.continues && self.can.json_schema && self.can.tells_stops
    }
}

/// Tokens that an effort usually lets a sample think.
const fn usual_thoughts(effort: Effort) -> u32 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 256,
        Effort::Low => 512,
        Effort::Medium => 1024,
        Effort::High => 4096,
        Effort::Xhigh => 16_384,
    }
}

/// Tokens kept back for the answer, when nothing says how many.
const RESERVE: u32 = 256;

/// What a sample may think; `None` for a model that marks no thoughts. A preset that says more than can be had is a
/// warning, a request that does is refused.
pub(super) fn plan(
    request: &ChatRequest,
    preset: Preset,
    effort: Effort,
    mind: &Mind,
    warnings: &mut Vec<String>,
) -> Result<Option<Thinking>, ApiError> {
    let ask = &request.deliberation;
    let asked = ask.thinking_tokens.or(ask.min_thinking_tokens).or(ask.extensions).is_some();
    let mut lacking = |why: &str| {
        if preset.thinking_tokens.or(preset.min_thinking_tokens).or(preset.extensions).is_some() {
            warnings
                .push(format!("what `{effort}` means by default bounds the thoughts, which is not kept here: {why}"));
        }
    };
    let Some(style) = &mind.style else {
        lacking("the model marks no thoughts");
        return if asked { Err(no_thoughts()) } else { Ok(None) };
    };
    if !mind.can.continues {
        lacking("the model's engine cannot go on with an answer that has begun");
        let refusal = || cannot("deliberation.thinking_tokens", "go on with an answer that has begun", mind);
        return if asked { Err(refusal()) } else { Ok(Some(uncapped(style))) };
    }
    let style = if request.format.schema().is_some() { &Arc::new(without_lead(style)) } else { style };
    let usual = || usual_thoughts(effort);
    let tokens = ask.thinking_tokens.or(preset.thinking_tokens).unwrap_or_else(usual);
    let whole = request.max_completion_tokens.or(preset.max_completion_tokens);
    let reserve = mind.reserve.unwrap_or_else(|| whole.map_or(RESERVE, Allowance::usual_reserve));
    if let (Some(whole), Some(asked)) = (request.max_completion_tokens, ask.thinking_tokens)
        && asked.saturating_add(reserve) > whole
    {
        return Err(no_room(asked, reserve, whole));
    }
    Ok(Some(Thinking {
        style: Arc::clone(style),
        opened: false,
        tokens: Some(tokens),
        min_tokens: ask.min_thinking_tokens.or(preset.min_thinking_tokens).unwrap_or(0),
        extensions: ask
            .extensions
            .or(preset.extensions)
            .unwrap_or_else(|| u32::from(ask.min_thinking_tokens.is_some())),
        reserve,
    }))
}

/// Thoughts that are told apart, and neither capped nor prolonged.
fn uncapped(style: &Arc<ThinkingStyle>) -> Thinking {
    Thinking { style: Arc::clone(style), opened: false, tokens: None, min_tokens: 0, extensions: 0, reserve: 0 }
}

/// Without the words that the closing of a thought begins the answer with: an answer in JSON begins with JSON.
fn without_lead(style: &ThinkingStyle) -> ThinkingStyle {
    let ends = style.markers.close.iter().filter_map(|marker| {
        let end = style.closing.find(marker.as_str())? + marker.len();
        Some(style.closing.len() - style.closing.get(end..)?.trim_start().len())
    });
    let end = ends.max().unwrap_or(style.closing.len());
    ThinkingStyle { closing: style.closing.get(..end).unwrap_or_default().to_owned(), ..style.clone() }
}

/// The instruction of the model's profile, where a sample may think at all.
pub(super) fn instruction<'c>(thinking: Option<&Thinking>, config: &'c ThinkingConfig) -> Option<&'c str> {
    thinking.filter(|thinking| thinking.tokens != Some(0)).and(config.system.as_deref())
}

/// All that may be said for the model in one sample; empty where nothing is. Later passes read it again.
pub(in crate::http) fn sayings(job: &Job) -> String {
    let Some(thinking) = job.thinking.as_ref().filter(|thinking| thinking.tokens.is_some()) else {
        return String::new();
    };
    let ThinkingStyle { markers, begin, closing, wait } = thinking.style.as_ref();
    let (open, close) = (markers.open.first(), markers.close.first());
    let (open, close) = (open.map_or("", String::as_str), close.map_or("", String::as_str));
    format!("{open}\n\n{begin}{}{closing}\n{close}\n\n", wait.repeat(thinking.extensions as usize))
}

/// Refuses a strategy that needs more than the engine can do.
pub(super) fn check_needs(strategy: StrategyName, verifiers: &[VerifierSpec], mind: &Mind) -> Result<(), ApiError> {
    let needs = Needs::of(strategy, verifiers);
    let lacks = [
        (needs.logprobs && !mind.can.logprobs, "tell how likely tokens are"),
        (needs.continues && !mind.can.continues, "go on with an answer that has begun"),
        (needs.tells_stops && !mind.can.tells_stops, "tell where a step ends"),
    ];
    let lack = lacks.into_iter().find_map(|(lacks, what)| lacks.then_some(what));
    lack.map_or(Ok(()), |what| Err(cannot("deliberation.strategy", what, mind)))
}

/// What an engine cannot do.
pub(super) fn cannot(param: &'static str, what: &str, mind: &Mind) -> ApiError {
    let Abilities { continues, logprobs, json_schema, tells_stops } = mind.can;
    let able = [
        (continues, "continue an answer"),
        (logprobs, "tell probabilities"),
        (json_schema, "keep to a schema"),
        (tells_stops, "tell stop sequences from ends"),
    ];
    let able: Vec<&str> = able.into_iter().filter_map(|(can, what)| can.then_some(what)).collect();
    ApiError::invalid(
        param,
        "unsupported_by_engine",
        format!(
            "this model's engine cannot {what}; leave it out, or use a model whose engine can (this one can: {}; see \
             /v1/models)",
            if able.is_empty() { "none of the extras".to_owned() } else { able.join(", ") }
        ),
    )
}

fn no_thoughts() -> ApiError {
    ApiError::invalid(
        "deliberation.thinking_tokens",
        "unsupported_by_model",
        "this model marks no thoughts, so they can be neither capped nor prolonged; use `max_completion_tokens`, or have the \
         operator set `thinking` for the model",
    )
}

fn no_room(asked: u32, reserve: u32, whole: u32) -> ApiError {
    ApiError::invalid(
        "deliberation.thinking_tokens",
        "invalid_value",
        format!(
            "`deliberation.thinking_tokens` is {asked} and {reserve} tokens are kept back for the answer, which is more than \
             `max_completion_tokens`, {whole}; raise that to {}, or think less",
            asked.saturating_add(reserve)
        ),
    )
}
