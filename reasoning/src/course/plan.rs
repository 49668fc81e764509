//! What a sample may do with tools.

use forethought_schemas::{Runs, ToolCard, ToolChoice};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CallStyle;

/// What one sample may do with tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolLimits {
    /// Times that it may call and read results, at least 1.
    pub rounds: u32,
    /// Calls in all of them, at least 1.
    pub calls: u32,
    /// Bytes of one result that it reads.
    pub result_bytes: usize,
    /// Bytes of all results that it reads.
    pub total_bytes: usize,
}

impl Default for ToolLimits {
    fn default() -> Self {
        Self { rounds: 4, calls: 16, result_bytes: 16 * 1024, total_bytes: 64 * 1024 }
    }
}

/// The tools of a deliberation, and how its model calls them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolUse {
    /// How the model writes calls.
    pub style: CallStyle,
    /// What it is told of; at least one.
    pub tools: Vec<ToolCard>,
    /// Whether it must call.
    pub choice: ToolChoice,
    /// Whether it may call several at once.
    pub parallel: bool,
    /// What a sample may do.
    pub limits: ToolLimits,
    /// Whether the engine draws only what is a call where one has begun, and goes on with an answer that has begun. Otherwise calls
    /// are looked for in what was said.
    pub firm: bool,
}

impl ToolUse {
    /// The tools that a first turn may call, where it must.
    pub(super) fn forced(&self) -> Vec<&ToolCard> {
        match &self.choice {
            ToolChoice::Auto | ToolChoice::None => Vec::new(),
            ToolChoice::Required => self.tools.iter().collect(),
            ToolChoice::Named(name) => self.tools.iter().filter(|tool| tool.name == *name).collect(),
        }
    }

    /// What a call of one of these must fit.
    pub(super) fn schema(&self, tools: &[&ToolCard]) -> Value {
        let mut schemas: Vec<Value> = tools.iter().map(|tool| self.style.schema(tool)).collect();
        match schemas.len() {
            1 => schemas.remove(0),
            _ => json!({ "anyOf": schemas }),
        }
    }

    /// What an answer must fit that may be a call.
    pub(super) fn or_call(&self, answer: &Value) -> Value {
        let call = |tool: &ToolCard| match tool.runs {
            Runs::Server => self.style.loose_schema(tool),
            Runs::Client => self.style.schema(tool),
        };
        json!({ "anyOf": self.tools.iter().map(call).chain([answer.clone()]).collect::<Vec<_>>() })
    }

    /// Whether there is a tool that this service runs.
    #[must_use]
    pub fn has_server(&self) -> bool {
        self.tools.iter().any(|tool| tool.runs == Runs::Server)
    }
}
