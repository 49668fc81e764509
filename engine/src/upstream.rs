//! A llama.cpp server, or another server that speaks OpenAI's API, as an engine.
//!
//! Where the server renders a conversation for us (llama.cpp's `/apply-template`), it is asked *raw*: then an answer that
//! has begun can be gone on with. Else it is asked for chat completions, and what it cannot do is said in
//! [`Abilities`]. The connection is closed when a sample is no longer wanted, which stops the server's work.

mod chat;
mod client;
mod events;
mod llama;
mod probe;

use std::{env, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Abilities, Engine, EngineError, EngineInfo, Prompt, SampleRequest, SampleStream};
use client::Client;

/// Where a server is and what it is taken for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// The server's address, such as `http://127.0.0.1:8081`, without `/v1`.
    pub url: String,
    /// The model's name there; by default the first that the server lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The environment variable that holds the server's key. A client's own key is never passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
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
}

const fn a_minute() -> u64 {
    60_000
}

const fn half_a_minute() -> u64 {
    30_000
}

impl UpstreamConfig {
    /// The defaults for one server.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            model: None,
            api_key_env: None,
            parallel: None,
            context_tokens: None,
            weights: None,
            json_schema: None,
            first_token_within_ms: a_minute(),
            next_token_within_ms: half_a_minute(),
        }
    }
}

impl fmt::Debug for UpstreamConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamConfig").field("url", &self.url).field("model", &self.model).finish_non_exhaustive()
    }
}

/// How long to wait between looks at a server that is not there yet.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A server of ours or of others.
pub struct UpstreamEngine {
    info: EngineInfo,
    client: Arc<Client>,
    way: Way,
}

/// How it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// llama.cpp's own completion of a rendered text.
    Llama,
    /// OpenAI's chat completions.
    Chat,
}

impl UpstreamEngine {
    /// Looks at the server, waiting until it is there and has loaded its model, and finds out what it can do.
    ///
    /// # Errors
    /// [`EngineError::Load`] when the address cannot be used, the key is missing, or the server lacks the model.
    pub async fn connect(config: &UpstreamConfig) -> Result<Self, EngineError> {
        let fail = |message: String| EngineError::Load { path: config.url.clone(), message };
        let key = match &config.api_key_env {
            None => None,
            Some(name) => Some(env::var(name).map_err(|_| fail(format!("the environment has no {name}; set it")))?),
        };
        let client = Arc::new(Client::new(config, key).map_err(fail)?);
        let found = loop {
            match probe::look(&client, config).await {
                Ok(found) => break found,
                Err(probe::Trouble::Wrong(what)) => return Err(fail(what)),
                Err(probe::Trouble::Away(what)) => {
                    tracing::warn!(url = config.url, what, "an upstream is not there yet");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        };
        let way = if found.llama { Way::Llama } else { Way::Chat };
        let info = EngineInfo {
            backend: "upstream",
            weights: config.weights.clone().unwrap_or(found.weights),
            context_tokens: config.context_tokens.unwrap_or(found.context_tokens),
            parallel: config.parallel.unwrap_or(found.parallel).max(1),
            // Batches of others change the last digits of its logits.
            repeatable: false,
            can: Abilities {
                continues: found.llama,
                logprobs: found.logprobs,
                json_schema: config.json_schema.unwrap_or(found.json_schema),
                tells_stops: found.llama,
            },
            marks: found.marks,
        };
        client.set_model(found.model);
        Ok(Self { info, client, way })
    }

    fn fits(&self, tokens: u32, max_tokens: u32) -> Result<(), EngineError> {
        let context = self.info.context_tokens;
        if tokens.saturating_add(max_tokens) <= context {
            return Ok(());
        }
        Err(EngineError::Request {
            param: "messages",
            code: "context_length_exceeded",
            message: format!(
                "{tokens} prompt tokens and {max_tokens} for the answer are more than the model's {context}; shorten the \
                 messages or ask for fewer tokens"
            ),
        })
    }
}

#[async_trait]
impl Engine for UpstreamEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        let body = match self.way {
            Way::Llama => llama::body(&request, &llama::rendered(&self.client, &request.prompt).await?),
            Way::Chat => chat::body(&request, &self.client.model())?,
        };
        let path = if self.way == Way::Llama { llama::PATH } else { chat::PATH };
        let response = self.client.stream(path, &body).await?;
        let (events, receiver) = mpsc::channel(request.max_tokens as usize + 4);
        let cancel = CancellationToken::new();
        let (stop, client, way) = (cancel.clone(), Arc::clone(&self.client), self.way);
        tokio::spawn(async move {
            let reading = async {
                let read = match way {
                    Way::Llama => llama::read(&client, response, &events).await,
                    Way::Chat => chat::read(&client, response, &events).await,
                };
                if let Err(error) = read {
                    let _ = events.send(Err(error)).await;
                }
            };
            // The response is dropped with the reading, and its connection is closed.
            tokio::select! {
                () = stop.cancelled() => {}
                () = reading => {}
            }
        });
        Ok(SampleStream::new(receiver, cancel))
    }

    async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError> {
        let tokens = match self.way {
            Way::Llama => {
                let text = llama::rendered(&self.client, &request.prompt).await?;
                llama::count(&self.client, &text).await?
            }
            Way::Chat => chat::most_tokens(&request.prompt),
        };
        self.fits(tokens, request.max_tokens)?;
        Ok(tokens)
    }

    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        match self.way {
            Way::Llama => llama::rendered(&self.client, prompt).await.map(Some),
            Way::Chat => Ok(None),
        }
    }

    fn alive(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), EngineError> {
        probe::check(&self.client).await
    }
}
