//! A llama.cpp server, or another server that speaks OpenAI's API, as an engine.
//!
//! Where somebody renders conversations for us, the server is asked *raw*: then an answer that has begun can be gone on
//! with. llama.cpp's server renders (`/apply-template`) and has a completion of its own; vLLM renders too (`/tokenize`,
//! `/detokenize`); for others the operator gives the model's template. Else the server is asked for chat completions,
//! and what it cannot do is said in [`Abilities`](crate::Abilities). The connection is closed when a sample is no
//! longer wanted, which stops the server's work.

mod chat;
mod client;
mod config;
mod events;
mod llama;
mod openai;
mod probe;
mod raw;
mod read;
mod template;
mod texts;
mod way;

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{Engine, EngineError, EngineInfo, Prompt, SampleRequest, SampleStream};
use client::Client;
pub use config::{Api, UpstreamConfig};
use probe::{Found, Identity, Trouble};
use way::Asking;

/// How long to wait between looks at a server that is not there yet.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What the operator may not add to a body: it is what a request is about.
const OURS: [&str; 5] = ["messages", "prompt", "stream", "n", "model"];

/// A server of ours or of others.
pub struct UpstreamEngine {
    info: EngineInfo,
    server: Arc<Server>,
    /// Looks whether the server still has the model; ends with the engine.
    _looking: JoinSet<()>,
}

struct Server {
    client: Client,
    asking: Asking,
    identity: Identity,
    /// It has another model than was found.
    changed: AtomicBool,
}

impl UpstreamEngine {
    /// Looks at the server, waiting until it is there and has loaded its model, and finds out what it can do.
    ///
    /// # Errors
    /// [`EngineError::Load`] when the address cannot be used, the key is missing, or the server lacks the model.
    pub async fn connect(config: &UpstreamConfig) -> Result<Self, EngineError> {
        let fail = |message: String| EngineError::Load { path: config.url.clone(), message };
        let client = client(config).map_err(fail)?;
        let mut tries = 0;
        let found = loop {
            match probe::look(&client, config, tries).await {
                Ok(found) => break found,
                Err(Trouble::Wrong(what)) => return Err(fail(what)),
                Err(Trouble::Away(what)) => {
                    tracing::warn!(url = config.url, what, "an upstream is not there yet");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
            tries += 1;
        };
        let Found { asking, can, weights, context_tokens, parallel, identity } = found;
        tracing::info!(url = config.url, api = ?asking.api(), ?can, weights, "an upstream is there");
        let info = EngineInfo {
            backend: "upstream",
            weights: config.weights.clone().unwrap_or(weights),
            context_tokens: config.context_tokens.unwrap_or(context_tokens),
            parallel: config.parallel.unwrap_or(parallel).max(1),
            // Batches of others change the last digits of its logits.
            repeatable: false,
            can,
            marks: asking.marks,
            calls: asking.calls(),
        };
        let server = Arc::new(Server { client, asking, identity, changed: AtomicBool::new(false) });
        let mut looking = JoinSet::new();
        looking.spawn(look_on(Arc::clone(&server), Duration::from_millis(config.check_every_ms.max(1))));
        Ok(Self { info, server, _looking: looking })
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

    /// The server, as long as it is the one that was found.
    fn server(&self) -> Result<&Arc<Server>, EngineError> {
        if self.alive() {
            return Ok(&self.server);
        }
        Err(EngineError::Dead("the server has another model than before and must be looked at again".to_owned()))
    }
}

fn client(config: &UpstreamConfig) -> Result<Client, String> {
    if let Some(ours) = OURS.into_iter().find(|key| config.extra_body.contains_key(*key)) {
        return Err(format!("`extra_body` cannot set `{ours}`; remove it"));
    }
    let key = match &config.api_key_env {
        None => None,
        Some(name) => Some(env::var(name).map_err(|_| format!("the environment has no {name}; set it"))?),
    };
    Client::new(config, key)
}

/// A server may come back with other weights, which nobody would notice by its answers.
async fn look_on(server: Arc<Server>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        // That it is away for a while changes nothing.
        if let Err(error) = server.check().await
            && server.changed.load(Ordering::Acquire)
        {
            tracing::warn!(%error, "an upstream is looked at anew");
            return;
        }
    }
}

impl Server {
    async fn check(&self) -> Result<(), EngineError> {
        match probe::changed(&self.client, &self.identity).await? {
            None => Ok(()),
            Some(what) => {
                self.changed.store(true, Ordering::Release);
                Err(EngineError::Dead(what))
            }
        }
    }
}

#[async_trait]
impl Engine for UpstreamEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        let server = Arc::clone(self.server()?);
        let chunks = server.asking.start(&server.client, &request).await?;
        let (events, receiver) = mpsc::channel(request.max_tokens as usize + 4);
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        tokio::spawn(async move {
            let reading = async {
                let read = server.asking.read(chunks, &events, request.max_tokens, request.top_logprobs).await;
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
        let server = self.server()?;
        let tokens = server.asking.count(&server.client, &request.prompt).await?;
        self.fits(tokens, request.max_tokens)?;
        Ok(tokens)
    }

    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        let server = self.server()?;
        server.asking.text(&server.client, prompt).await
    }

    fn alive(&self) -> bool {
        !self.server.changed.load(Ordering::Acquire)
    }

    async fn check(&self) -> Result<(), EngineError> {
        self.server()?.check().await
    }
}
