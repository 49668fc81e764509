//! The trait that every engine implements.

use async_trait::async_trait;
use serde::Serialize;

use crate::{CallFormat, EngineError, Prompt, SampleRequest, SampleStream};

/// What an engine is and can do; shown in `/v1/models` and recorded in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineInfo {
    /// The kind of engine, such as `mistral`.
    pub backend: &'static str,
    /// SHA-256 of the weights as `sha256:<hex>`, or a name for the script.
    pub weights: String,
    /// Tokens that prompt and answer together may hold.
    pub context_tokens: u32,
    /// Samples that make progress at the same moment; more wait their turn.
    pub parallel: u32,
    /// Whether the same seed gives the same sample whatever runs beside it.
    pub repeatable: bool,
    /// What not every engine can do.
    pub can: Abilities,
    /// How the model's chat template marks thoughts, where it does.
    pub marks: Option<Marks>,
    /// How the model writes that it calls a tool.
    pub calls: CallFormat,
}

/// How a chat template marks the thoughts of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Marks {
    /// `<think>` and `</think>`.
    Think,
    /// The channels of gpt-oss.
    Harmony,
}

impl Marks {
    /// What the source of a chat template speaks of.
    #[must_use]
    pub fn of(template: &str) -> Option<Self> {
        if template.contains("<|channel|>") {
            Some(Self::Harmony)
        } else if template.contains("<think>") || template.contains("</think>") {
            Some(Self::Think)
        } else {
            None
        }
    }
}

/// What not every engine can do. A strategy that needs more than there is refuses.
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// Goes on with an answer that has begun ([`Prompt::Begun`]): needed to close a thought at its cap, and by steps.
    pub continues: bool,
    /// Tells the logarithms of the probabilities of tokens, and of the likeliest alternatives.
    pub logprobs: bool,
    /// Draws only what fits a JSON Schema.
    pub json_schema: bool,
    /// Tells a stop sequence from the model's own end: needed to search by steps.
    pub tells_stops: bool,
}

impl Abilities {
    /// Everything.
    pub const ALL: Self = Self { continues: true, logprobs: true, json_schema: true, tells_stops: true };
}

/// How a member of a pool is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberInfo {
    /// Its name: its address, its file, or what the configuration calls it.
    pub name: String,
    /// Whether it is used.
    pub state: MemberState,
    /// Samples that it runs.
    pub running: u32,
    /// Samples that failed in a row.
    pub failures: u32,
    /// Why it is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whether a member of a pool is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// It is used.
    Up,
    /// It failed and is left alone for a while.
    Resting,
    /// It is not there, and is looked for.
    Away,
    /// It is there, but not what the pool promises.
    Unfit,
}

/// Draws samples from one model.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What this engine is.
    fn info(&self) -> &EngineInfo;

    /// Starts one sample. Dropping the stream cancels the work at the next token.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the request can never succeed, [`EngineError::Template`] when the model's chat
    /// template fails, [`EngineError::Overloaded`] when too much waits, [`EngineError::Dead`] when the engine must be
    /// rebuilt first.
    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError>;

    /// Prompt tokens that a request would use.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the prompt is refused or too long, [`EngineError::Template`] when the model's chat
    /// template fails.
    async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError>;

    /// The text that the model would continue, or `None` where the engine cannot know it: it tells whether the chat
    /// template opens a thought.
    ///
    /// # Errors
    /// As [`count_prompt`](Self::count_prompt).
    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError>;

    /// False once the engine must be rebuilt; it then answers every call with [`EngineError::Dead`].
    fn alive(&self) -> bool;

    /// Whether it could work now, found out without drawing a token.
    ///
    /// # Errors
    /// [`EngineError::Dead`] and [`EngineError::Sample`] when it could not.
    async fn check(&self) -> Result<(), EngineError> {
        if self.alive() { Ok(()) } else { Err(EngineError::Dead("it must be rebuilt".to_owned())) }
    }

    /// Samples that make progress at this moment; fewer than [`EngineInfo::parallel`] while a part of the engine is away.
    fn slots(&self) -> u32 {
        self.info().parallel
    }

    /// What a [pool](crate::pool) is made of, and how its members are now; nothing for any other engine.
    fn members(&self) -> Vec<MemberInfo> {
        Vec::new()
    }
}
