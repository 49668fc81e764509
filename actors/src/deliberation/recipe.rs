//! What is sealed with an admission so that the same can be asked again: with the admission record, all that a draw depends on.

use std::sync::Arc;

use forethought_audit::{Admission, RetentionNote};
use forethought_engine::{Conversation, Message, Prompt, Role, Sampling};
use forethought_reasoning::{AnswerKind, Params, ThinkingStyle, ToolUse, VerifierSpec};
use forethought_safeguards::Safeguards;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Job, ReviewPlan, Thinking, WholePlan};

/// The version of the fields below.
const VERSION: u32 = 1;

/// What a deliberation is carried out by, beside its admission record. It is kept as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    /// The version of these fields.
    #[serde(rename = "recipe")]
    version: u32,
    /// The version of the program that carried it out: another one may draw otherwise.
    program: String,
    /// The conversation, without the instruction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message>,
    /// What the answer began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<String>,
    /// The text that was continued, where it was no conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    /// What the operator has the model told before every conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instruction: Option<String>,
    /// What judges are told that samples answer, where it is not the last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    prompt_tokens: u32,
    sampling: Sampling,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stop: Vec<String>,
    answer: AnswerKind,
    params: Params,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    verifiers: Vec<VerifierSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thinking: Option<Thoughts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Arc<serde_json::Value>>,
    /// Whether answers were drawn freely and then held against the schema.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    schema_checked: bool,
    /// What its samples might do with tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tools: Option<Arc<ToolUse>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thoughts {
    style: ThinkingStyle,
    opened: bool,
    tokens: Option<u32>,
    min_tokens: u32,
    extensions: u32,
    reserve: u32,
}

/// Why nothing can be asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// It was kept by a program that did not keep enough.
    #[error("what was kept of the request is not enough to ask again: an earlier program kept it")]
    Earlier,
    /// It was kept by a program that keeps more.
    #[error("the request was kept in form {0}, this program knows {VERSION}; use the newer program")]
    Newer(u64),
    /// It makes no sense.
    #[error("what was kept of the request cannot be read: {0}")]
    Unreadable(String),
}

/// What is kept of a job, as JSON.
pub(super) fn write(job: &Job) -> Vec<u8> {
    let (mut messages, mut begun, mut raw) = (Vec::new(), None, None);
    match &job.prompt {
        Prompt::Messages(all) => messages.clone_from(&all.messages),
        Prompt::Begun { messages: all, begun: text } => (messages, begun) = (all.messages.clone(), Some(text.clone())),
        Prompt::Raw(text) => raw = Some(text.clone()),
    }
    let instruction = job.instruction.clone();
    if let Some(instruction) = &instruction {
        messages = without(messages, instruction);
    }
    let recipe = Recipe {
        version: VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        question: Some(job.question.clone()).filter(|question| *question != last(&messages)),
        messages,
        begun,
        raw,
        instruction,
        prompt_tokens: job.prompt_tokens,
        sampling: job.sampling.clone(),
        stop: job.stop.clone(),
        answer: job.kind.clone(),
        params: job.params,
        verifiers: job.verifiers.clone(),
        thinking: job.thinking.as_ref().map(Thoughts::of),
        schema: job.schema.clone().or_else(|| job.must_fit.clone()),
        schema_checked: job.must_fit.is_some(),
        tools: job.tools.clone(),
    };
    // Numbers, texts and lists: there is nothing in it that JSON does not have.
    serde_json::to_vec(&recipe).unwrap_or_default()
}

/// The job of an admission, of what was kept of it. The time that it may take counts from now; safeguards, and what was to be told
/// to whoever asked, are not in it.
///
/// # Errors
/// [`RecipeError`].
pub fn job_of(admission: &Admission, kept: &[u8]) -> Result<Job, RecipeError> {
    let recipe = read(kept)?;
    let question = recipe.question.unwrap_or_else(|| last(&recipe.messages));
    let messages = match &recipe.instruction {
        Some(instruction) => instructed(recipe.messages, instruction),
        None => recipe.messages,
    };
    let tools = recipe.tools.as_ref().map(|tools| tools.tools.clone().into()).unwrap_or_default();
    let messages = Conversation { messages, tools };
    let prompt = match (recipe.raw, recipe.begun) {
        (Some(text), _) => Prompt::Raw(text),
        (None, Some(begun)) => Prompt::Begun { messages, begun },
        (None, None) => Prompt::Messages(messages),
    };
    let (must_fit, schema) = if recipe.schema_checked { (recipe.schema, None) } else { (None, recipe.schema) };
    Ok(Job {
        request_id: admission.request_id.clone(),
        since: Instant::now(),
        tenant: admission.tenant.clone(),
        key_id: admission.key_id.clone(),
        model: admission.model.clone(),
        weights: admission.weights_digest.clone(),
        effort: admission.effort,
        strategy: admission.strategy,
        budget: admission.budget,
        seed: admission.seed,
        n: admission.n,
        kind: recipe.answer,
        params: recipe.params,
        prompt,
        instruction: recipe.instruction,
        prompt_tokens: recipe.prompt_tokens,
        subject: None,
        sampling: recipe.sampling,
        stop: recipe.stop,
        verifiers: recipe.verifiers,
        question,
        thinking: recipe.thinking.map(Thinking::from),
        tools: recipe.tools,
        schema,
        must_fit,
        stream_thinking: false,
        stream_text: false,
        warnings: Vec::new(),
        safeguards: Safeguards::none(),
        asked: Vec::new(),
        facts: admission.facts.clone(),
        laws: Vec::new(),
        retention: RetentionNote::default(),
        disclosures: Arc::default(),
        review: ReviewPlan::default(),
        whole: WholePlan::default(),
    })
}

/// The version of the program that carried out what was kept, if that is told.
#[must_use]
pub fn program_of(kept: &[u8]) -> Option<String> {
    read(kept).ok().map(|recipe| recipe.program)
}

fn read(kept: &[u8]) -> Result<Recipe, RecipeError> {
    let unreadable = |error: serde_json::Error| RecipeError::Unreadable(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(kept).map_err(unreadable)?;
    match value.get("recipe").and_then(serde_json::Value::as_u64) {
        None => Err(RecipeError::Earlier),
        Some(version) if version > VERSION.into() => Err(RecipeError::Newer(version)),
        Some(_) => serde_json::from_value(value).map_err(unreadable),
    }
}

/// The conversation with an instruction before it.
#[must_use]
pub fn instructed(mut messages: Vec<Message>, instruction: &str) -> Vec<Message> {
    match messages.first_mut().filter(|first| first.role == Role::System) {
        Some(first) => first.content = format!("{instruction}\n\n{}", first.content),
        None => messages.insert(0, Message::new(Role::System, instruction)),
    }
    messages
}

/// The conversation of which [`instructed`] makes this one.
fn without(mut messages: Vec<Message>, instruction: &str) -> Vec<Message> {
    let Some(first) = messages.first_mut() else { return messages };
    match first.content.strip_prefix(instruction).and_then(|rest| rest.strip_prefix("\n\n")) {
        Some(own) => first.content = own.to_owned(),
        None => drop(messages.remove(0)),
    }
    messages
}

/// What was asked last: what judges are told that samples answer.
fn last(messages: &[Message]) -> String {
    messages.last().map(|message| message.content.clone()).unwrap_or_default()
}

impl Thoughts {
    fn of(thinking: &Thinking) -> Self {
        let Thinking { style, opened, tokens, min_tokens, extensions, reserve } = thinking;
        let style = style.as_ref().clone();
        let (opened, tokens, min_tokens) = (*opened, *tokens, *min_tokens);
        Self { style, opened, tokens, min_tokens, extensions: *extensions, reserve: *reserve }
    }
}

impl From<Thoughts> for Thinking {
    fn from(thoughts: Thoughts) -> Self {
        let Thoughts { style, opened, tokens, min_tokens, extensions, reserve } = thoughts;
        Self { style: Arc::new(style), opened, tokens, min_tokens, extensions, reserve }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message::new(role, content)
    }

    #[test]
    fn an_instruction_comes_off_as_it_went_on() {
        let check = |messages: Vec<Message>| {
            assert_eq!(without(instructed(messages.clone(), "think"), "think"), messages);
        };
        check(vec![message(Role::User, "hi")]);
        check(vec![message(Role::System, ""), message(Role::User, "hi")]);
        check(vec![message(Role::System, "think"), message(Role::User, "think\n\nhi")]);
        check(Vec::new());
    }

    #[test]
    fn what_cannot_be_asked_again_says_why() {
        let check = |kept: &str, expect: &str| {
            let told = read(kept.as_bytes()).unwrap_err().to_string();
            assert!(told.contains(expect), "{kept}: {told}");
        };
        check(r#"{"messages":[],"answer":"Number"}"#, "an earlier program");
        check(r#"{"recipe":2}"#, "newer program");
        check(r#"{"recipe":1,"colour":"red"}"#, "cannot be read");
        check("hi", "cannot be read");
    }
}
