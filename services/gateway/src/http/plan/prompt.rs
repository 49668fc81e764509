//! What the model is asked, and what is kept of it for the auditor.

use forethought_actors::Thinking;
use forethought_engine::{Message, Prompt, Role};
use forethought_reasoning::{AnswerKind, Params, VerifierSpec};
use forethought_schemas::{ChatMessage, ChatRequest, ChatRole};
use serde_json::json;

use crate::http::Served;

/// The conversation, with the instruction of the model's profile before it.
pub(super) fn prompt(request: &ChatRequest, instruction: Option<&str>) -> Prompt {
    let mut messages: Vec<Message> = request.messages.iter().map(message).collect();
    if let Some(instruction) = instruction {
        match messages.first_mut().filter(|first| first.role == Role::System) {
            Some(first) => first.content = format!("{instruction}\n\n{}", first.content),
            None => messages.insert(0, Message { role: Role::System, content: instruction.to_owned() }),
        }
    }
    Prompt::Messages(messages)
}

/// What a judge is told that the samples answer: the last thing that was asked.
pub(super) fn question(request: &ChatRequest) -> String {
    request.messages.last().map(|message| message.content.clone()).unwrap_or_default()
}

fn message(message: &ChatMessage) -> Message {
    let role = match message.role {
        ChatRole::System => Role::System,
        ChatRole::User => Role::User,
        ChatRole::Assistant => Role::Assistant,
    };
    Message { role, content: message.content.clone() }
}

/// What an auditor needs, beside the admission record itself, to ask the same again.
pub(super) fn record(
    request: &ChatRequest,
    served: &Served,
    kind: &AnswerKind,
    params: &Params,
    verifiers: &[VerifierSpec],
    thinking: Option<&Thinking>,
) -> Vec<u8> {
    let mut record = json!({
        "messages": request.messages,
        "sampling": {
            "temperature": request.temperature.unwrap_or(served.temperature), "top_p": request.top_p.unwrap_or(1.0),
            "min_p": served.min_p, "frequency_penalty": request.frequency_penalty,
            "presence_penalty": request.presence_penalty,
        },
        "stop": request.stop, "answer": format!("{kind:?}"), "order": params.order.as_str(),
        "wave": (!params.thrifty).then_some(params.wave), "early_stop": request.deliberation.early_stop.unwrap_or(true),
    });
    if let Some(fields) = record.as_object_mut() {
        if let Some(schema) = request.format.schema() {
            fields.insert("schema".to_owned(), schema.as_ref().clone());
        }
        if !verifiers.is_empty() {
            fields.insert("verifiers".to_owned(), json!(verifiers));
        }
        if let Some(thinking) = thinking {
            let caps = json!({
                "tokens": thinking.tokens, "min_tokens": thinking.min_tokens, "extensions": thinking.extensions,
                "reserve": thinking.reserve, "style": served.thinking.disclosed(Some(&thinking.style)),
            });
            fields.insert("thinking".to_owned(), caps);
        }
    }
    record.to_string().into_bytes()
}
