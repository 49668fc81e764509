//! One way of asking a server for a sample.

use super::{
    Api, chat,
    client::{Chunks, Client, Failure},
    llama,
    openai::Dialect,
    raw,
    read::{self, Out},
    texts::{Count, Render},
};
use crate::{CallFormat, EngineError, Marks, Prompt, SampleRequest};

/// How a server is asked. The ways that take a text have somebody who renders it.
pub(super) enum Way {
    /// llama.cpp's own completion.
    Llama(Render),
    /// Raw completions.
    Raw(Render),
    /// Chat completions.
    Chat,
}

/// A way with what is known of the server.
pub(super) struct Asking {
    pub way: Way,
    pub dialect: Dialect,
    pub count: Count,
    pub marks: Option<Marks>,
}

impl Asking {
    pub(super) const fn api(&self) -> Api {
        match self.way {
            Way::Llama(_) => Api::Llama,
            Way::Raw(_) => Api::Completions,
            Way::Chat => Api::Chat,
        }
    }

    /// How the model calls tools. What the server's own template makes of them is not known.
    pub(super) fn calls(&self) -> CallFormat {
        match &self.way {
            Way::Llama(Render::File(file)) | Way::Raw(Render::File(file)) => file.calls(),
            _ => CallFormat::Plain,
        }
    }

    /// Asks for a sample.
    pub(super) async fn start(&self, client: &Client, request: &SampleRequest) -> Result<Chunks, Failure> {
        match &self.way {
            Way::Llama(render) => {
                let text = self.rendered(client, render, &request.prompt).await?;
                client.stream(llama::PATH, &llama::body(request, &text, self.marks, &self.dialect.extra)).await
            }
            Way::Raw(render) => {
                let text = self.rendered(client, render, &request.prompt).await?;
                client.stream(raw::PATH, &raw::body(request, &text, &client.model(), &self.dialect)).await
            }
            Way::Chat => client.stream(chat::PATH, &chat::body(request, &client.model(), &self.dialect)?).await,
        }
    }

    /// The text that the server is sent for a prompt.
    async fn rendered(&self, client: &Client, render: &Render, prompt: &Prompt) -> Result<String, EngineError> {
        let text = render.text(client, prompt).await?;
        if !matches!(prompt, Prompt::Raw(_)) {
            return Ok(text);
        }
        // A server that does not take the wish not to add any adds some.
        let special = self.dialect.adds_special || self.dialect.refused.contains("add_special_tokens");
        Ok(self.count.begun_once(client, &text, special).await?.to_owned())
    }

    /// Reads the sample that was asked for.
    pub(super) async fn read(&self, chunks: Chunks, out: &Out, max_tokens: u32, top: u8) -> Result<(), EngineError> {
        let dialect = &self.dialect;
        match self.way {
            Way::Llama(_) => read::read(chunks, |chunk| Ok(llama::piece(chunk, top)), out, max_tokens).await,
            Way::Raw(_) => read::read(chunks, |chunk| raw::piece(chunk, dialect, top), out, max_tokens).await,
            Way::Chat => read::read(chunks, |chunk| chat::piece(chunk, dialect, top), out, max_tokens).await,
        }
    }

    /// The text that the model goes on with, where we know it.
    pub(super) async fn text(&self, client: &Client, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        match &self.way {
            Way::Llama(render) | Way::Raw(render) => render.text(client, prompt).await.map(Some),
            Way::Chat => Ok(None),
        }
    }

    /// The tokens of a prompt; at least as many where nobody counts them.
    pub(super) async fn count(&self, client: &Client, prompt: &Prompt) -> Result<u32, EngineError> {
        match self.text(client, prompt).await? {
            Some(text) => self.count.of_text(client, &text, self.dialect.adds_special).await,
            None => self.count.of_prompt(client, prompt).await,
        }
    }
}
