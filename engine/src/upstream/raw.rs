//! OpenAI's raw completions of a rendered text, for servers that give and take text: vLLM, `SGLang` and others.

use serde_json::{Value, json};

use super::{
    openai::{self, Dialect},
    read::Piece,
};
use crate::{Channel, EngineError, SampleRequest};

pub(super) const PATH: &str = "/v1/completions";

pub(super) fn body(request: &SampleRequest, text: &str, model: &str, dialect: &Dialect) -> Value {
    let mut fields = openai::fields(request, model);
    fields.insert("prompt".to_owned(), json!(text));
    fields.insert("add_special_tokens".to_owned(), json!(dialect.adds_special));
    fields.insert("skip_special_tokens".to_owned(), json!(!request.show_control));
    // One alternative at least, or some servers do not tell the token's own probability.
    fields.insert("logprobs".to_owned(), json!(request.top_logprobs.max(1)));
    dialect.fitted(fields)
}

pub(super) fn piece(chunk: &Value, dialect: &Dialect, top: u8) -> Result<Piece, EngineError> {
    let text = chunk.pointer("/choices/0/text").and_then(Value::as_str).filter(|text| !text.is_empty());
    dialect.piece(chunk, text.map(|text| (Channel::Raw, text.to_owned())).into_iter().collect(), top)
}
