//! The extension object `deliberation` of a request.

use serde_json::{Value, json};

use super::{
    fields::{self, Fields},
    to_u32,
};
use crate::{ApiError, Facts, StrategyName};

/// Verifiers of one request.
const MAX_VERIFIERS: usize = 16;

/// Words that one list of facts may have.
const MAX_WORDS: usize = 32;

/// How often a thought may be made to go on.
const MAX_EXTENSIONS: u64 = 16;

/// The extension object `deliberation`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliberationAsk {
    /// How the budget is spent.
    pub strategy: Option<StrategyName>,
    /// Samples that may be drawn, at least 1.
    pub max_samples: Option<u32>,
    /// Tokens that all samples together may generate.
    pub total_tokens: Option<u32>,
    /// Wall-clock time to the answer, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// What an answer looks like: `text`, `number`, `choice`, `json`, `boxed` or `regex`.
    pub answer: Option<String>,
    /// The pattern of an answer, of which the last match counts, or its first group; only where `answer` is `regex`.
    pub answer_pattern: Option<String>,
    /// A JSON pointer to the part of a JSON answer that is voted on; only where `answer` is `json`.
    pub answer_pointer: Option<String>,
    /// Tokens that one sample may think; the rest of its tokens is for the answer.
    pub thinking_tokens: Option<u32>,
    /// A thought shorter than this is made to go on, see `extensions`.
    pub min_thinking_tokens: Option<u32>,
    /// How often a thought may be made to go on.
    pub extensions: Option<u32>,
    /// Samples in flight at once.
    pub wave: Option<u32>,
    /// In which order a vote counts its samples: `shortest` or `drawn`.
    pub order: Option<String>,
    /// Whether a vote may stop once its winner is likely enough (the Beta rule). A vote that the samples left cannot
    /// change stops in any case.
    pub early_stop: Option<bool>,
    /// Threshold of the Beta rule, above 0.5 and at most 1.
    pub beta_threshold: Option<f64>,
    /// Samples of a window that must agree to stop a vote (ESC).
    pub esc_window: Option<u32>,
    /// Whether `best_of_n` sums the scores of samples with the same answer.
    pub weighted: Option<bool>,
    /// Samples of a confidence vote that run to their end whatever they are.
    pub warm_up: Option<u32>,
    /// Tokens of a group of which a confidence is the mean.
    pub window: Option<u32>,
    /// The share of the warm-up that later traces must be as sure as, in percent.
    pub keep_percent: Option<u32>,
    /// The share of all weight at which a confidence vote stops.
    pub consensus: Option<f64>,
    /// Drafts of `self_correct`.
    pub rounds: Option<u32>,
    /// In how many ways a beam goes on.
    pub width: Option<u32>,
    /// Tokens of one step of a beam.
    pub step_tokens: Option<u32>,
    /// Whether each subtree of beams keeps its own best.
    pub diverse: Option<bool>,
    /// What samples are checked with: objects with a `type`. What each may hold is checked where they are built.
    pub verifiers: Vec<Value>,
    /// Tools of the service that the model may call while it thinks; `None` takes those that the tenant's policy offers.
    pub tools: Option<Vec<String>>,
    /// Times that a sample may call tools and read what they say.
    pub tool_rounds: Option<u32>,
    /// Calls that a sample may make.
    pub tool_calls: Option<u32>,
    /// Whether the response carries the samples' texts.
    pub include_samples: bool,
    /// What the request says it is about.
    pub facts: Facts,
}

impl DeliberationAsk {
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let ask = Self {
            strategy: fields.named::<StrategyName>("strategy", "unknown_strategy")?,
            max_samples: fields.integer("max_samples", 1, 1024)?.map(to_u32),
            total_tokens: fields.integer("total_tokens", 1, u64::from(u32::MAX))?.map(to_u32),
            deadline_ms: fields.integer("deadline_ms", 1, 86_400_000)?,
            answer: fields.one_of("answer", &["text", "number", "choice", "json", "boxed", "regex"])?,
            answer_pattern: fields.text("answer_pattern")?,
            answer_pointer: fields.text("answer_pointer")?,
            thinking_tokens: fields.integer("thinking_tokens", 0, u64::from(u32::MAX))?.map(to_u32),
            min_thinking_tokens: fields.integer("min_thinking_tokens", 0, u64::from(u32::MAX))?.map(to_u32),
            extensions: fields.integer("extensions", 0, MAX_EXTENSIONS)?.map(to_u32),
            wave: fields.integer("wave", 1, 1024)?.map(to_u32),
            order: fields.one_of("order", &["shortest", "drawn"])?,
            early_stop: fields.flag("early_stop")?,
            beta_threshold: fields.exact_number("beta_threshold", 0.5, 1.0)?,
            esc_window: fields.integer("esc_window", 2, 1024)?.map(to_u32),
            weighted: fields.flag("weighted")?,
            warm_up: fields.integer("warm_up", 1, 1024)?.map(to_u32),
            window: fields.integer("window", 1, 1_000_000)?.map(to_u32),
            keep_percent: fields.integer("keep_percent", 1, 100)?.map(to_u32),
            consensus: fields.exact_number("consensus", 0.5, 1.0)?,
            rounds: fields.integer("rounds", 1, 64)?.map(to_u32),
            width: fields.integer("width", 1, 1024)?.map(to_u32),
            step_tokens: fields.integer("step_tokens", 1, 1_000_000)?.map(to_u32),
            diverse: fields.flag("diverse")?,
            verifiers: verifiers(&mut fields)?,
            tools: fields.optional_texts("tools", super::MAX_TOOLS)?,
            tool_rounds: fields.integer("tool_rounds", 1, 64)?.map(to_u32),
            tool_calls: fields.integer("tool_calls", 1, 1024)?.map(to_u32),
            include_samples: fields.flag("include_samples")?.unwrap_or(false),
            facts: facts(&mut fields)?,
        };
        ask.check_thinking()?;
        if let Some(pointer) = ask.answer_pointer.as_deref().filter(|p| !p.is_empty() && !p.starts_with('/')) {
            return Err(ApiError::invalid(
                "deliberation.answer_pointer",
                "invalid_value",
                format!("`{pointer}` is not a JSON pointer; begin it with `/`, such as `/name`"),
            ));
        }
        fields.refuse_unknown(&[])?;
        ask.with_pointed_answer()?.with_patterned_answer()
    }

    /// A pattern says what the answer looks like where nothing else does, and there is no `regex` without one.
    fn with_patterned_answer(self) -> Result<Self, ApiError> {
        let wrong = |message: String| Err(ApiError::invalid("deliberation.answer_pattern", "invalid_value", message));
        match (&self.answer_pattern, self.answer.as_deref()) {
            (Some(_), None) => Ok(Self { answer: Some("regex".to_owned()), ..self }),
            (Some(_), Some(kind)) if kind != "regex" => wrong(format!(
                "`deliberation.answer_pattern` is only for answers by a pattern, and `deliberation.answer` is `{kind}`; set \
                 that to `regex`, or leave the pattern out"
            )),
            (None, Some("regex")) => {
                wrong("`deliberation.answer` is `regex`; say which with `deliberation.answer_pattern`".to_owned())
            }
            _ => Ok(self),
        }
    }

    /// A pointer only makes sense in JSON, so it says what the answer looks like where nothing else does.
    fn with_pointed_answer(self) -> Result<Self, ApiError> {
        match (&self.answer_pointer, self.answer.as_deref()) {
            (Some(_), None) => Ok(Self { answer: Some("json".to_owned()), ..self }),
            (Some(_), Some(kind)) if kind != "json" => Err(ApiError::invalid(
                "deliberation.answer_pointer",
                "invalid_value",
                format!(
                    "`deliberation.answer_pointer` is only for answers in JSON, and `deliberation.answer` is `{kind}`; \
                     set that to `json`, or leave the pointer out"
                ),
            )),
            _ => Ok(self),
        }
    }

    fn check_thinking(&self) -> Result<(), ApiError> {
        let wrong =
            |message: String| Err(ApiError::invalid("deliberation.min_thinking_tokens", "invalid_value", message));
        match (self.min_thinking_tokens, self.thinking_tokens) {
            (Some(least), Some(most)) if least > most => wrong(format!(
                "`deliberation.min_thinking_tokens` is {least} and `deliberation.thinking_tokens` is {most}; ask for no \
                 more than may be thought"
            )),
            _ => Ok(()),
        }
    }
}

/// What the request says it is about. What its words mean is checked where rules are known.
fn facts(fields: &mut Fields<'_>) -> Result<Facts, ApiError> {
    let mut words = |field| {
        let mut words = fields.texts(field, MAX_WORDS)?;
        words.sort();
        words.dedup();
        Ok(words)
    };
    Ok(Facts {
        sectors: words("sectors")?,
        regions: words("regions")?,
        data_classes: words("data_classes")?,
        purpose: fields.text("purpose")?,
        interaction: fields.text("interaction")?,
        decision: fields.text("decision")?,
        grounds: Vec::new(),
    })
}

/// `verifiers`, or a single `verifier`; a name alone stands for `{"type": name}`.
fn verifiers(fields: &mut Fields<'_>) -> Result<Vec<Value>, ApiError> {
    let many = fields.take("verifiers").filter(|value| !value.is_null());
    let single = fields.take("verifier").filter(|value| !value.is_null());
    let list = match (many, single) {
        (Some(_), Some(_)) => {
            let message = "`deliberation.verifier` and `deliberation.verifiers` are both there; send only the list";
            return Err(ApiError::invalid("deliberation.verifier", "invalid_value", message));
        }
        (Some(Value::Array(list)), None) if list.len() <= MAX_VERIFIERS => list.clone(),
        (Some(Value::Array(list)), None) => {
            let message = format!("`deliberation.verifiers` has {} entries; give at most {MAX_VERIFIERS}", list.len());
            return Err(ApiError::invalid("deliberation.verifiers", "invalid_value", message));
        }
        (Some(other), None) => return Err(fields::wrong_type("deliberation.verifiers", "a list of verifiers", other)),
        (None, Some(one)) => vec![one.clone()],
        (None, None) => Vec::new(),
    };
    let named = |verifier| match verifier {
        Value::String(name) => json!({ "type": name }),
        other => other,
    };
    Ok(list.into_iter().map(named).collect())
}
