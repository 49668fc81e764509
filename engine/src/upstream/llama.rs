//! llama.cpp's own completion: a rendered text in, tokens with their probabilities out, and why it ended.

use reqwest::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::client::Client;
use crate::{Channel, EngineError, Finish, Message, Prompt, SampleEvent, SampleRequest, TopLogprob, Usage};

pub(super) const PATH: &str = "/completion";

/// The text of a prompt, conversations rendered by the server with its model's template.
pub(super) async fn rendered(client: &Client, prompt: &Prompt) -> Result<String, EngineError> {
    match prompt {
        Prompt::Raw(text) => Ok(text.clone()),
        Prompt::Messages(messages) => conversation(client, messages).await,
        Prompt::Begun { messages, begun } => Ok(conversation(client, messages).await? + begun),
    }
}

async fn conversation(client: &Client, messages: &[Message]) -> Result<String, EngineError> {
    let reply = client.post("/apply-template", &json!({ "messages": messages })).await?;
    let text = reply.get("prompt").and_then(Value::as_str);
    text.map(ToOwned::to_owned).ok_or_else(|| EngineError::Template("the server rendered no prompt".to_owned()))
}

/// The tokens of a text.
pub(super) async fn count(client: &Client, text: &str) -> Result<u32, EngineError> {
    let body = json!({ "content": text, "add_special": true, "parse_special": true });
    let reply = client.post("/tokenize", &body).await?;
    let tokens = reply.get("tokens").and_then(Value::as_array).map(Vec::len);
    let tokens = tokens.ok_or_else(|| EngineError::Sample("the server counted no tokens".to_owned()))?;
    Ok(u32::try_from(tokens).unwrap_or(u32::MAX))
}

pub(super) fn body(request: &SampleRequest, text: &str) -> Value {
    let sampling = &request.sampling;
    let mut body = json!({
        "prompt": text, "n_predict": request.max_tokens, "stream": true, "cache_prompt": true, "return_tokens": true,
        "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": sampling.min_p,
        "frequency_penalty": sampling.frequency_penalty, "presence_penalty": sampling.presence_penalty,
        // Its seeds have 32 bits, and the highest one means "any".
        "repeat_penalty": 1.0, "typical_p": 1.0, "seed": request.seed & 0x7fff_ffff, "stop": request.stop,
        // One alternative at least, or it does not tell the token's own probability.
        "n_probs": request.top_logprobs.max(1), "post_sampling_probs": false, "ignore_eos": request.ignore_end,
    });
    if let (Some(fields), Some(schema)) = (body.as_object_mut(), &request.schema) {
        fields.insert("json_schema".to_owned(), schema.as_ref().clone());
    }
    body
}

pub(super) async fn read(
    client: &Client,
    response: Response,
    events: &mpsc::Sender<Result<SampleEvent, EngineError>>,
) -> Result<(), EngineError> {
    let (mut chunks, mut seen) = (client.chunks(response), 0);
    loop {
        let chunk = chunks.next().await?;
        for event in tokens(&chunk) {
            seen += 1;
            if events.send(Ok(event)).await.is_err() {
                return Ok(());
            }
        }
        if chunk.get("stop").and_then(Value::as_bool) == Some(true) {
            let _ = events.send(Ok(end(&chunk, seen))).await;
            return Ok(());
        }
    }
}

/// The tokens of a chunk: mostly one, more when several make one character. The text goes with the last.
fn tokens(chunk: &Value) -> Vec<SampleEvent> {
    let probabilities = chunk.get("completion_probabilities").and_then(Value::as_array).map(Vec::as_slice);
    let probabilities = probabilities.unwrap_or_default();
    let ids: Vec<u32> = chunk
        .get("tokens")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|id| u32::try_from(id.as_u64()?).ok())
        .collect();
    let text = chunk.get("content").and_then(Value::as_str).unwrap_or_default();
    let count = ids.len().max(probabilities.len()).max(usize::from(!text.is_empty()));
    (0..count)
        .map(|at| {
            let told = probabilities.get(at);
            let top = told.and_then(|told| told.get("top_logprobs")).and_then(Value::as_array);
            SampleEvent::Token {
                text: if at + 1 == count { text.to_owned() } else { String::new() },
                channel: Channel::Raw,
                id: ids.get(at).copied().or_else(|| id(told?)).unwrap_or_default(),
                logprob: told.and_then(logprob).unwrap_or(f32::NAN),
                top: top.into_iter().flatten().filter_map(alternative).collect(),
            }
        })
        .collect()
}

fn id(told: &Value) -> Option<u32> {
    u32::try_from(told.get("id")?.as_u64()?).ok()
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm needs no more digits")]
fn logprob(told: &Value) -> Option<f32> {
    Some(told.get("logprob")?.as_f64()? as f32)
}

fn alternative(told: &Value) -> Option<TopLogprob> {
    let text = told.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(TopLogprob { id: id(told)?, text, logprob: logprob(told)? })
}

fn end(chunk: &Value, seen: u32) -> SampleEvent {
    let number = |pointer: &str| chunk.pointer(pointer).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let finish = match chunk.get("stop_type").and_then(Value::as_str) {
        Some("limit") => Finish::Length,
        Some("word") => Finish::Matched,
        _ => Finish::Stop,
    };
    let usage = Usage {
        prompt_tokens: number("/tokens_evaluated").unwrap_or_default(),
        cached_tokens: number("/timings/cache_n").unwrap_or_default(),
        completion_tokens: number("/tokens_predicted").unwrap_or(seen).max(seen),
    };
    SampleEvent::End { text: String::new(), finish, usage }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_tokens_of_one_character_are_counted_each() {
        let probability = |id: u32| json!({ "id": id, "token": "x", "logprob": -0.5, "top_logprobs": [] });
        let chunk =
            json!({ "content": "é", "tokens": [7, 8], "completion_probabilities": [probability(7), probability(8)] });
        let told: Vec<_> = tokens(&chunk)
            .into_iter()
            .map(|event| if let SampleEvent::Token { text, id, .. } = event { (text, id) } else { unreachable!() })
            .collect();
        assert_eq!(told, [(String::new(), 7), ("é".to_owned(), 8)]);
        assert!(tokens(&json!({ "content": "", "tokens": [] })).is_empty());
    }
}
