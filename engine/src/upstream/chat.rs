//! OpenAI's chat completions, for servers that render conversations themselves and tell nobody how.

use reqwest::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::client::Client;
use crate::{Channel, EngineError, Finish, Message, Prompt, Role, SampleEvent, SampleRequest, TopLogprob, Usage};

pub(super) const PATH: &str = "/v1/chat/completions";

/// What a template may put around a message, in tokens.
const AROUND: usize = 16;

/// No token is shorter than a byte, so a prompt has no more tokens than bytes.
pub(super) fn most_tokens(prompt: &Prompt) -> u32 {
    let conversation = |messages: &[Message]| messages.iter().map(|m| m.content.len() + AROUND).sum::<usize>();
    let bytes = match prompt {
        Prompt::Raw(text) => text.len() + AROUND,
        Prompt::Messages(messages) => conversation(messages),
        Prompt::Begun { messages, begun } => conversation(messages) + begun.len(),
    };
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

pub(super) fn body(request: &SampleRequest, model: &str) -> Result<Value, EngineError> {
    let messages = match &request.prompt {
        Prompt::Messages(messages) => messages.clone(),
        Prompt::Raw(text) => vec![Message { role: Role::User, content: text.clone() }],
        Prompt::Begun { .. } => {
            return Err(EngineError::Request {
                param: "deliberation",
                code: "unsupported_by_engine",
                message: "this model's server cannot go on with an answer that has begun".to_owned(),
            });
        }
    };
    let sampling = &request.sampling;
    let mut body = json!({
        "model": model, "messages": messages, "max_tokens": request.max_tokens, "stream": true,
        "stream_options": { "include_usage": true }, "temperature": sampling.temperature, "top_p": sampling.top_p,
        "frequency_penalty": sampling.frequency_penalty, "presence_penalty": sampling.presence_penalty,
        "seed": request.seed & 0x7fff_ffff,
    });
    if let Some(fields) = body.as_object_mut() {
        if !request.stop.is_empty() {
            fields.insert("stop".to_owned(), json!(request.stop));
        }
        if request.top_logprobs > 0 {
            fields.insert("logprobs".to_owned(), json!(true));
            fields.insert("top_logprobs".to_owned(), json!(request.top_logprobs));
        }
        if let Some(schema) = &request.schema {
            let named = json!({ "name": "answer", "strict": true, "schema": schema.as_ref() });
            fields.insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": named }));
        }
    }
    Ok(body)
}

pub(super) async fn read(
    client: &Client,
    response: Response,
    events: &mpsc::Sender<Result<SampleEvent, EngineError>>,
) -> Result<(), EngineError> {
    let (mut chunks, mut seen, mut ended) = (client.chunks(response), 0, None);
    loop {
        let chunk = chunks.next().await?;
        for event in tokens(&chunk) {
            seen += 1;
            if events.send(Ok(event)).await.is_err() {
                return Ok(());
            }
        }
        ended = ended.or_else(|| finish(&chunk));
        // The usage stands in the last chunk, behind the one that tells the end.
        if let (Some(finish), Some(usage)) = (ended, chunk.get("usage").filter(|usage| usage.is_object())) {
            let end = SampleEvent::End { text: String::new(), finish, usage: counted(usage, seen) };
            let _ = events.send(Ok(end)).await;
            return Ok(());
        }
    }
}

/// The tokens of a chunk: as many as it tells probabilities of, else one.
fn tokens(chunk: &Value) -> Vec<SampleEvent> {
    let delta = |key: &str| chunk.pointer("/choices/0/delta")?.get(key)?.as_str().filter(|text| !text.is_empty());
    let thought = delta("reasoning_content").or_else(|| delta("reasoning"));
    let (text, channel) = match (thought, delta("content")) {
        (Some(thought), _) => (thought, Channel::Thinking),
        (None, Some(content)) => (content, Channel::Raw),
        (None, None) => return Vec::new(),
    };
    let told = chunk.pointer("/choices/0/logprobs/content").and_then(Value::as_array).map(Vec::as_slice);
    let told = told.unwrap_or_default();
    let count = told.len().max(1);
    (0..count)
        .map(|at| {
            let top = told.get(at).and_then(|told| told.get("top_logprobs")).and_then(Value::as_array);
            SampleEvent::Token {
                text: if at + 1 == count { text.to_owned() } else { String::new() },
                channel,
                id: 0,
                logprob: told.get(at).and_then(logprob).unwrap_or(f32::NAN),
                top: top.into_iter().flatten().filter_map(alternative).collect(),
            }
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a logarithm needs no more digits")]
fn logprob(told: &Value) -> Option<f32> {
    Some(told.get("logprob")?.as_f64()? as f32)
}

fn alternative(told: &Value) -> Option<TopLogprob> {
    let text = told.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(TopLogprob { id: 0, text, logprob: logprob(told)? })
}

fn finish(chunk: &Value) -> Option<Finish> {
    match chunk.pointer("/choices/0/finish_reason")?.as_str()? {
        "length" => Some(Finish::Length),
        _ => Some(Finish::Stop),
    }
}

fn counted(usage: &Value, seen: u32) -> Usage {
    let number = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    Usage {
        prompt_tokens: number("/prompt_tokens").unwrap_or_default(),
        cached_tokens: number("/prompt_tokens_details/cached_tokens").unwrap_or_default(),
        completion_tokens: number("/completion_tokens").unwrap_or(seen).max(seen),
    }
}
