//! Finds out what a server is and what it can do.

use serde_json::{Value, json};

use super::{UpstreamConfig, client::Client};
use crate::{EngineError, Marks};

/// What was found.
pub(super) struct Found {
    /// Whether it is llama.cpp's server, which renders conversations and tells why a text ended.
    pub llama: bool,
    pub model: String,
    pub weights: String,
    pub context_tokens: u32,
    pub parallel: u32,
    pub logprobs: bool,
    pub json_schema: bool,
    pub marks: Option<Marks>,
}

/// Why nothing was found.
pub(super) enum Trouble {
    /// The server is not there, or still loads its model.
    Away(String),
    /// It will not be right by waiting.
    Wrong(String),
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Dead(what) => Self::Wrong(what),
            other => Self::Away(other.to_string()),
        }
    }
}

pub(super) async fn look(client: &Client, config: &UpstreamConfig) -> Result<Found, Trouble> {
    let models = client.get("/v1/models").await?;
    let names = names(&models);
    let model = match (&config.model, names.first()) {
        (Some(wanted), Some(_)) if !names.contains(&wanted.as_str()) => {
            let names = names.join(", ");
            return Err(Trouble::Wrong(format!("the server has no model `{wanted}`; set `model` to one of: {names}")));
        }
        (Some(wanted), _) => wanted.clone(),
        (None, Some(first)) => (*first).to_owned(),
        (None, None) => return Err(Trouble::Wrong("the server lists no model; name one with `model`".to_owned())),
    };
    let props = client.get("/props").await.unwrap_or_default();
    let number = |pointer: &str| props.pointer(pointer).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let text = |pointer: &str| props.pointer(pointer).and_then(Value::as_str);
    let llama = text("/chat_template").is_some() && renders(client).await;
    let weights = text("/model_path").map_or(model.as_str(), |path| path.rsplit('/').next().unwrap_or(path));
    Ok(Found {
        llama,
        weights: format!("claimed:{weights}"),
        context_tokens: number("/default_generation_settings/n_ctx").unwrap_or(8192),
        parallel: number("/total_slots").unwrap_or(8),
        logprobs: llama || tells_logprobs(client, &model).await,
        json_schema: llama || takes_schema(client, &model).await,
        marks: text("/chat_template").and_then(Marks::of),
        model,
    })
}

/// Whether the server answers and still has the model.
pub(super) async fn check(client: &Client) -> Result<(), EngineError> {
    let (models, wanted) = (client.get("/v1/models").await?, client.model());
    if names(&models).contains(&wanted.as_str()) {
        return Ok(());
    }
    Err(EngineError::Dead(format!("the server no longer has the model `{wanted}`")))
}

fn names(models: &Value) -> Vec<&str> {
    let list = models.get("data").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|model| model.get("id").and_then(Value::as_str)).collect()
}

async fn renders(client: &Client) -> bool {
    let body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    client.post("/apply-template", &body).await.is_ok_and(|reply| reply.get("prompt").is_some_and(Value::is_string))
}

fn short(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 1 })
}

async fn tells_logprobs(client: &Client, model: &str) -> bool {
    let mut body = short(model);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("logprobs".to_owned(), json!(true));
        fields.insert("top_logprobs".to_owned(), json!(2));
    }
    let reply = client.post(super::chat::PATH, &body).await.unwrap_or_default();
    reply.pointer("/choices/0/logprobs/content/0/logprob").is_some_and(Value::is_number)
}

/// A schema that leaves one value: a server that does not keep to it says something else.
async fn takes_schema(client: &Client, model: &str) -> bool {
    let mut body = short(model);
    if let Some(fields) = body.as_object_mut() {
        let schema = json!({ "type": "object", "properties": { "q7": { "const": 1 } }, "required": ["q7"],
                             "additionalProperties": false });
        let format = json!({ "type": "json_schema", "json_schema": { "name": "probe", "schema": schema } });
        fields.insert("response_format".to_owned(), format);
        fields.insert("max_tokens".to_owned(), json!(24));
    }
    let reply = client.post(super::chat::PATH, &body).await.unwrap_or_default();
    let said = reply.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str::<Value>(said).is_ok_and(|value| value == json!({ "q7": 1 }))
}
