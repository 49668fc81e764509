//! Draws a few tokens to see what a server takes and tells.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Asking, Failure, Probe, Trouble};
use crate::{
    Channel, Finish, Prompt, SampleEvent, SampleRequest, TopLogprob, Usage,
    upstream::{Api, openai::OPTIONAL, texts::TEMPLATE_OPTIONS},
};

/// The most alternatives that may be asked for.
const TOP: u8 = 20;
/// Room for a value of a few tokens; in a chat, behind a thought that was not to be.
const SCHEMA_TOKENS: (u32, u32) = (32, 256);

/// What was drawn.
pub(super) struct Drawn {
    /// Everything that was said.
    pub text: String,
    /// What was said for an answer.
    pub answer: String,
    tops: Vec<(f32, Vec<TopLogprob>)>,
    finish: Finish,
    usage: Usage,
}

impl Drawn {
    /// Whether a token's own probability came, and alternatives.
    pub(super) fn tells_logprobs(&self) -> bool {
        self.tops.iter().any(|(own, top)| !own.is_nan() && !top.is_empty())
    }

    /// Probabilities sum to 1 at most, so logarithms by which they sum to more are not natural ones.
    fn is_base10(&self) -> bool {
        self.tops.iter().any(|(_, top)| top.iter().map(|top| top.logprob.exp()).sum::<f32>() > 1.01)
    }
}

pub(super) fn hello(max_tokens: u32) -> SampleRequest {
    SampleRequest {
        top_logprobs: TOP,
        show_control: true,
        ..SampleRequest::new(Prompt::Messages(super::hello()), max_tokens, 1)
    }
}

impl Probe<'_> {
    /// Finds the optional fields that the server takes; `None` when it takes not even those that are not optional.
    pub(super) async fn fit(&self, asking: &mut Asking) -> Result<Option<Drawn>, Trouble> {
        let request = hello(4);
        let mut drawn = self.can(self.draw(asking, &request).await)?;
        if drawn.is_none() {
            asking.dialect.refused = OPTIONAL.into();
            if self.can(self.draw(asking, &hello(1)).await)?.is_none() {
                return Ok(None);
            }
            for field in OPTIONAL {
                asking.dialect.refused.remove(field);
                if self.can(self.draw(asking, &hello(1)).await)?.is_none() {
                    asking.dialect.refused.insert(field);
                }
            }
            drawn = self.can(self.draw(asking, &request).await)?;
        }
        asking.dialect.base10 = drawn.as_ref().is_some_and(Drawn::is_base10);
        Ok(drawn)
    }

    /// Whether the server puts a token before a text though it is asked not to; `None` where it does not count.
    pub(super) async fn insists(&self, asking: &Asking) -> Result<Option<bool>, Trouble> {
        let request = SampleRequest { prompt: Prompt::Raw("a".to_owned()), ..hello(1) };
        let drawn = self.can(self.draw(asking, &request).await)?;
        Ok(drawn.map(|drawn| drawn.usage.prompt_tokens).filter(|tokens| *tokens > 0).map(|tokens| tokens == 2))
    }

    /// Stops that hardly any answer does without.
    pub(super) async fn tells_stops(&self, asking: &Asking) -> Result<bool, Trouble> {
        let stop = [" ", "e", "a", "\n"].map(ToOwned::to_owned).to_vec();
        let drawn = self.can(self.draw(asking, &SampleRequest { stop, ..hello(16) }).await)?;
        Ok(drawn.is_some_and(|drawn| drawn.finish == Finish::Matched))
    }

    /// A schema that leaves one value: a server that does not keep to it says something else.
    pub(super) async fn keeps_to_schema(&self, asking: &mut Asking) -> Result<bool, Trouble> {
        let schema = json!({ "type": "object", "properties": { "q7": { "const": 1 } }, "required": ["q7"],
                             "additionalProperties": false });
        let max_tokens = if asking.api() == Api::Chat { SCHEMA_TOKENS.1 } else { SCHEMA_TOKENS.0 };
        let request = SampleRequest { schema: Some(Arc::new(schema)), show_control: false, ..hello(max_tokens) };
        let kept = asking.dialect.extra.clone();
        asking.dialect.extra.entry(TEMPLATE_OPTIONS).or_insert(json!({ "enable_thinking": false }));
        let mut drawn = self.can(self.draw(asking, &request).await);
        asking.dialect.extra = kept;
        if let Ok(None) = drawn {
            drawn = self.can(self.draw(asking, &request).await);
        }
        let said = drawn?.map(|drawn| drawn.answer).unwrap_or_default();
        let said = said.rsplit("</think>").next().unwrap_or_default();
        Ok(serde_json::from_str::<Value>(said).is_ok_and(|value| value == json!({ "q7": 1 })))
    }

    async fn draw(&self, asking: &Asking, request: &SampleRequest) -> Result<Drawn, Failure> {
        let chunks = asking.start(self.client, request).await?;
        // Room for all of it: nobody reads before it is whole.
        let (out, mut events) = mpsc::channel(request.max_tokens as usize + 4);
        asking.read(chunks, &out, request.max_tokens, request.top_logprobs).await?;
        drop(out);
        let (mut text, mut answer, mut tops) = (String::new(), String::new(), Vec::new());
        let (mut finish, mut usage) = (Finish::Stop, Usage::default());
        while let Some(event) = events.recv().await {
            match event? {
                SampleEvent::Token { text: said, channel, logprob, top, .. } => {
                    text.push_str(&said);
                    if channel != Channel::Thinking {
                        answer.push_str(&said);
                    }
                    tops.push((logprob, top));
                }
                SampleEvent::End { text: said, finish: how, usage: used } => {
                    text.push_str(&said);
                    answer.push_str(&said);
                    (finish, usage) = (how, used);
                }
            }
        }
        Ok(Drawn { text, answer, tops, finish, usage })
    }
}
