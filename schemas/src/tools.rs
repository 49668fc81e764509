//! What a model is told of tools, and what it may do with them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who runs a tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// Whoever asked: a call of it is given back as the answer.
    #[default]
    Client,
    /// This service, while the model thinks.
    Server,
}

/// What a model is told of one tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCard {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The JSON Schema of its arguments, an object.
    pub parameters: Arc<Value>,
    /// Who runs it.
    #[serde(default)]
    pub runs: Runs,
}

impl ToolCard {
    /// It as OpenAI's APIs and chat templates have it.
    #[must_use]
    pub fn function(&self) -> Value {
        let (name, description) = (&self.name, &self.description);
        let function = json!({ "name": name, "description": description, "parameters": self.parameters.as_ref() });
        json!({ "type": "function", "function": function })
    }
}

/// Whether a model calls tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// It may.
    #[default]
    Auto,
    /// It may not.
    None,
    /// It begins with a call.
    Required,
    /// It begins with a call of this one.
    Named(String),
}
