//! One sample's request.

use std::sync::Arc;

use forethought_schemas::ToolCard;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// A tool that the model has called.
    Tool,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// What the model thought before it called tools; templates keep it until the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// The tools that the model calls with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Called>,
    /// Of a tool: which call it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
}

impl Message {
    /// A turn in which something is said, and nothing called.
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), thinking: None, calls: Vec::new(), answers: None }
    }
}

/// A call of a tool, in a model's turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// By this its result names it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it was called with.
    pub arguments: Value,
}

/// A conversation, and the tools that the model may call in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// Its turns, in order.
    pub messages: Vec<Message>,
    /// What the model is told of tools.
    pub tools: Arc<[ToolCard]>,
}

impl From<Vec<Message>> for Conversation {
    fn from(messages: Vec<Message>) -> Self {
        Self { messages, tools: Arc::default() }
    }
}

impl Conversation {
    /// Every text in it that somebody wrote.
    pub(crate) fn each_text(&self, see: &mut dyn FnMut(&str)) {
        for Message { content, thinking, calls, answers, .. } in &self.messages {
            see(content);
            thinking.iter().chain(answers).for_each(|text| see(text));
            for Called { id, name, arguments } in calls {
                see(id);
                see(name);
                each_in(arguments, see);
            }
        }
        for ToolCard { name, description, parameters, .. } in self.tools.iter() {
            see(name);
            see(description);
            each_in(parameters, see);
        }
    }

    /// It with another text in the place of each.
    pub(crate) fn map_texts(&self, change: &dyn Fn(&str) -> String) -> Self {
        let message = |message: &Message| Message {
            role: message.role,
            content: change(&message.content),
            thinking: message.thinking.as_deref().map(change),
            calls: message
                .calls
                .iter()
                .map(|call| Called {
                    id: change(&call.id),
                    name: change(&call.name),
                    arguments: map_in(&call.arguments, change),
                })
                .collect(),
            answers: message.answers.as_deref().map(change),
        };
        let tool = |tool: &ToolCard| ToolCard {
            name: change(&tool.name),
            description: change(&tool.description),
            parameters: Arc::new(map_in(&tool.parameters, change)),
            runs: tool.runs,
        };
        Self { messages: self.messages.iter().map(message).collect(), tools: self.tools.iter().map(tool).collect() }
    }
}

fn each_in(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(list) => list.iter().for_each(|item| each_in(item, see)),
        Value::Object(fields) => fields.iter().for_each(|(key, item)| {
            see(key);
            each_in(item, see);
        }),
        _ => {}
    }
}

fn map_in(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(list) => list.iter().map(|item| map_in(item, change)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, item)| (change(key), map_in(item, change))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

impl std::ops::Deref for Conversation {
    type Target = Vec<Message>;

    fn deref(&self) -> &Self::Target {
        &self.messages
    }
}

/// What the model continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A conversation, rendered with the model's own chat template.
    Messages(Conversation),
    /// A conversation whose answer has begun already; the model goes on where `begun` ends. Only on an engine that
    /// [continues](crate::Abilities::continues).
    Begun {
        /// The conversation.
        messages: Conversation,
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
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
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
    pub schema: Option<Arc<Value>>,
    /// Whether what the engine cannot enforce of the schema is left to whoever checks the text.
    pub lenient: bool,
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
            lenient: false,
            show_control: false,
        }
    }
}
