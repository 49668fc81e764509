//! OpenAI's chat completions, for servers that render conversations themselves and tell nobody how.

use serde_json::{Value, json};

use super::{
    openai::{self, Dialect},
    read::Piece,
};
use crate::{Channel, EngineError, Message, Prompt, Role, SampleRequest, tools};

pub(super) const PATH: &str = "/v1/chat/completions";

pub(super) fn body(request: &SampleRequest, model: &str, dialect: &Dialect) -> Result<Value, EngineError> {
    let messages = match &request.prompt {
        // It is not known what the server's template makes of tools.
        Prompt::Messages(conversation) => tools::plainly(conversation),
        Prompt::Raw(text) => vec![Message::new(Role::User, text.clone())],
        Prompt::Begun { .. } => {
            return Err(EngineError::Request {
                param: "deliberation",
                code: "unsupported_by_engine",
                message: "this model's server cannot go on with an answer that has begun".to_owned(),
            });
        }
    };
    let mut fields = openai::fields(request, model);
    fields.insert("messages".to_owned(), json!(messages));
    fields.insert("logprobs".to_owned(), json!(true));
    if request.top_logprobs > 0 {
        fields.insert("top_logprobs".to_owned(), json!(request.top_logprobs));
    }
    Ok(dialect.fitted(fields))
}

/// A chunk's thought comes before its answer.
pub(super) fn piece(chunk: &Value, dialect: &Dialect, top: u8) -> Result<Piece, EngineError> {
    let delta = |key: &str| chunk.pointer("/choices/0/delta")?.get(key)?.as_str().filter(|text| !text.is_empty());
    let thought = delta("reasoning_content").or_else(|| delta("reasoning")).map(|text| (Channel::Thinking, text));
    let content = delta("content").map(|text| (Channel::Raw, text));
    let texts = thought.into_iter().chain(content).map(|(channel, text)| (channel, text.to_owned()));
    dialect.piece(chunk, texts.collect(), top)
}
