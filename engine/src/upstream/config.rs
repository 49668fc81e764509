//! Where a server is and what it is taken for.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a server is and what it is taken for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// The server's address, such as `http://127.0.0.1:8081`.
    pub url: String,
    /// How it is asked; by default the best way that is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// The model's name there; by default the first that the server lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The environment variable that holds the server's key. A client's own key is never passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Certificates in PEM form that are trusted instead of the system's, for an address with https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The file of the model's chat template: Jinja, or a `tokenizer_config.json`. With it, servers that render no
    /// conversation for us are asked for raw completions; it goes before what the server renders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<PathBuf>,
    /// Fields that are added to each body that asks for a sample.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra_body: Map<String, Value>,
    /// Samples that it runs at once; by default what it says itself, else 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Tokens that prompt and answer may hold together; by default what it says itself, else 8192.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// What its weights are, for the audit log; by default what it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Whether it draws only what fits a JSON Schema; by default what is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<bool>,
    /// How long the first token may take before the server is taken for hung, in milliseconds.
    #[serde(default = "a_minute")]
    pub first_token_within_ms: u64,
    /// How long any later token may take, in milliseconds.
    #[serde(default = "half_a_minute")]
    pub next_token_within_ms: u64,
    /// Time between two looks at whether it still has the model that was found, in milliseconds.
    #[serde(default = "five_seconds")]
    pub check_every_ms: u64,
}

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// llama.cpp's own completion of a rendered text.
    Llama,
    /// OpenAI's raw completions of a rendered text.
    Completions,
    /// OpenAI's chat completions.
    Chat,
}

const fn a_minute() -> u64 {
    60_000
}

const fn half_a_minute() -> u64 {
    30_000
}

const fn five_seconds() -> u64 {
    5_000
}

impl UpstreamConfig {
    /// The defaults for one server.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            api: None,
            model: None,
            api_key_env: None,
            ca_file: None,
            chat_template: None,
            extra_body: Map::new(),
            parallel: None,
            context_tokens: None,
            weights: None,
            json_schema: None,
            first_token_within_ms: a_minute(),
            next_token_within_ms: half_a_minute(),
            check_every_ms: five_seconds(),
        }
    }
}

impl fmt::Debug for UpstreamConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamConfig").field("url", &self.url).field("model", &self.model).finish_non_exhaustive()
    }
}
