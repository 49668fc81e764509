//! The text of a prompt and the number of its tokens, by what the server offers for it.

use serde_json::{Value, json};

use super::{client::Client, openai::number, template::TemplateFile};
use crate::{Conversation, EngineError, Message, Prompt, Role, tools};

/// What a template may put around a message, in tokens.
const AROUND: usize = 16;
/// What a template may say for itself, such as a system prompt of its own, in tokens.
const OF_ITS_OWN: usize = 128;

/// Tokens that texts begin with, as protocols of classifiers write them.
const STARTS: [&str; 2] = ["<bos>", "<|begin_of_text|>"];

/// The field by which an operator sets what the server's template is to do.
pub(super) const TEMPLATE_OPTIONS: &str = "chat_template_kwargs";

/// Who renders a conversation.
pub(super) enum Render {
    /// llama.cpp's `/apply-template`.
    Llama,
    /// vLLM, which gives a conversation's tokens and the text of tokens.
    Vllm,
    /// We, with the template of a file.
    File(Box<TemplateFile>),
}

/// Who counts tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// llama.cpp's `/tokenize`, which takes a text.
    Llama,
    /// vLLM's `/tokenize`, which takes a text, and a conversation where it renders one.
    Vllm { conversations: bool },
    /// Nobody: no token is shorter than a byte, so a text has no more tokens than bytes.
    Bytes,
}

impl Render {
    /// The text of a prompt.
    pub(super) async fn text(&self, client: &Client, prompt: &Prompt) -> Result<String, EngineError> {
        match prompt {
            Prompt::Raw(text) => Ok(text.clone()),
            Prompt::Messages(messages) => self.conversation(client, messages).await,
            Prompt::Begun { messages, begun } => Ok(self.conversation(client, messages).await? + begun),
        }
    }

    async fn conversation(&self, client: &Client, asked: &Conversation) -> Result<String, EngineError> {
        let reply = match self {
            Self::File(file) => return file.render(asked),
            Self::Llama => client.post("/apply-template", &json!({ "messages": tools::plainly(asked) })).await?,
            Self::Vllm => {
                let tokens = client.post("/tokenize", &conversation(client, asked)).await?;
                let tokens = tokens.get("tokens").unwrap_or(&Value::Null);
                client.post("/detokenize", &json!({ "model": client.model(), "tokens": tokens })).await?
            }
        };
        let text = reply.get("prompt").and_then(Value::as_str);
        text.map(ToOwned::to_owned).ok_or_else(|| EngineError::Template("the server rendered no prompt".to_owned()))
    }
}

/// What vLLM is asked for the tokens of a conversation.
pub(super) fn conversation(client: &Client, asked: &Conversation) -> Value {
    let messages = tools::plainly(asked);
    let mut body = json!({ "model": client.model(), "messages": messages, "add_generation_prompt": true });
    if let (Some(fields), Some(options)) = (body.as_object_mut(), client.template_options()) {
        fields.insert(TEMPLATE_OPTIONS.to_owned(), options.clone());
    }
    body
}

/// What vLLM is asked for the tokens of a text.
pub(super) fn text(client: &Client, text: &str, special: bool) -> Value {
    json!({ "model": client.model(), "prompt": text, "add_special_tokens": special })
}

impl Count {
    /// A raw text as the server is to be sent it: without the token that it begins with, where the server puts that before every
    /// text. Two of them are not what a model was trained with.
    pub(super) async fn begun_once<'t>(
        self,
        client: &Client,
        text: &'t str,
        special: bool,
    ) -> Result<&'t str, EngineError> {
        let begins = STARTS.into_iter().find_map(|start| Some((start, text.strip_prefix(start)?)));
        let Some((start, rest)) = begins.filter(|_| self != Self::Bytes) else { return Ok(text) };
        let twice = self.of_text(client, start, special).await? == 2;
        Ok(if twice { rest } else { text })
    }

    /// The tokens of a rendered text.
    pub(super) async fn of_text(self, client: &Client, of: &str, special: bool) -> Result<u32, EngineError> {
        let reply = match self {
            Self::Bytes => return Ok(bytes(of.len() + AROUND)),
            Self::Llama => {
                let body = json!({ "content": of, "add_special": true, "parse_special": true });
                client.post("/tokenize", &body).await?
            }
            Self::Vllm { .. } => client.post("/tokenize", &text(client, of, special)).await?,
        };
        counted(&reply).ok_or_else(|| EngineError::Sample("the server counted no tokens".to_owned()))
    }

    /// The tokens of a prompt that the server renders.
    pub(super) async fn of_prompt(self, client: &Client, prompt: &Prompt) -> Result<u32, EngineError> {
        if self != (Self::Vllm { conversations: true }) {
            return Ok(most_tokens(prompt));
        }
        let (messages, begun) = match prompt {
            Prompt::Raw(text) => (vec![Message::new(Role::User, text.clone())].into(), 0),
            Prompt::Messages(messages) => (messages.clone(), 0),
            Prompt::Begun { messages, begun } => (messages.clone(), begun.len()),
        };
        let reply = client.post("/tokenize", &conversation(client, &messages)).await?;
        let tokens = counted(&reply).ok_or_else(|| EngineError::Sample("the server counted no tokens".to_owned()))?;
        Ok(tokens.saturating_add(bytes(begun)))
    }
}

/// vLLM says the number, llama.cpp only lists the tokens.
pub(super) fn counted(reply: &Value) -> Option<u32> {
    let listed = || reply.get("tokens").and_then(Value::as_array).map(|tokens| bytes(tokens.len()));
    number(reply, "/count").or_else(listed)
}

fn most_tokens(prompt: &Prompt) -> u32 {
    let conversation = |asked: &Conversation| -> usize {
        tools::plainly(asked).iter().map(|message| message.content.len() + AROUND).sum()
    };
    bytes(match prompt {
        Prompt::Raw(text) => text.len() + AROUND + OF_ITS_OWN,
        Prompt::Messages(messages) => conversation(messages) + OF_ITS_OWN,
        Prompt::Begun { messages, begun } => conversation(messages) + begun.len() + OF_ITS_OWN,
    })
}

fn bytes(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
