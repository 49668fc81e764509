//! One sample's request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Who speaks in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions from the application.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// What the model continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A conversation, rendered with the model's own chat template.
    Messages(Vec<Message>),
    /// A conversation whose answer has begun already; the model goes on where `begun` ends. Only on an engine that
    /// [continues](crate::Abilities::continues).
    Begun {
        /// The conversation.
        messages: Vec<Message>,
        /// What the answer begins with, exactly as the model would have written it.
        begun: String,
    },
    /// A text that is continued as it stands.
    Raw(String),
}

/// How tokens are drawn. The defaults are OpenAI's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// 0 takes the likeliest token; 2 is the most that is allowed.
    pub temperature: f32,
    /// Draw from the likeliest tokens that together hold this share of the probability, in (0, 1].
    pub top_p: f32,
    /// Draw from this many likeliest tokens; 0 means all.
    pub top_k: u32,
    /// Draw from tokens at least this share as likely as the likeliest, in [0, 1).
    pub min_p: f32,
    /// Taken from a token's logit for each time that it was generated, in [-2, 2].
    pub frequency_penalty: f32,
    /// Taken once from the logit of a token that was generated, in [-2, 2].
    pub presence_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 1.0, top_p: 1.0, top_k: 0, min_p: 0.0, frequency_penalty: 0.0, presence_penalty: 0.0 }
    }
}

/// One sample to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRequest {
    /// What the model continues.
    pub prompt: Prompt,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// The same seed and request give the same sample.
    pub seed: u64,
    /// The sample ends before the first of these texts.
    pub stop: Vec<String>,
    /// Tokens that may be generated, the end token included; at least 1.
    pub max_tokens: u32,
    /// Whether each token's own probability is needed. An engine tells it all the same where that costs nothing.
    pub logprobs: bool,
    /// Likeliest alternatives reported for each token, at most 20.
    pub top_logprobs: u8,
    /// Go on until `max_tokens`, never drawing the end token; for measuring speed.
    pub ignore_end: bool,
    /// Only texts that fit this JSON Schema can be drawn. Only on an engine that [knows how](crate::Abilities::json_schema).
    pub schema: Option<Arc<serde_json::Value>>,
    /// Give control tokens as text too, for models that mark their thoughts with them.
    pub show_control: bool,
}

impl SampleRequest {
    /// A request with the defaults: no stops, probabilities but no alternatives, no schema.
    #[must_use]
    pub fn new(prompt: Prompt, max_tokens: u32, seed: u64) -> Self {
        Self {
            prompt,
            sampling: Sampling::default(),
            seed,
            stop: Vec::new(),
            max_tokens,
            logprobs: true,
            top_logprobs: 0,
            ignore_end: false,
            schema: None,
            show_control: false,
        }
    }
}
