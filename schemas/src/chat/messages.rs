//! The conversation of a request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fields::{kind, wrong_type};
use crate::ApiError;

/// The most messages of one request.
pub const MAX_MESSAGES: usize = 1024;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatRole {
    /// Instructions; OpenAI's `developer` is taken as this.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: ChatRole,
    /// What is said; text parts are joined.
    pub content: String,
}

pub(super) fn parse(value: Option<&Value>) -> Result<Vec<ChatMessage>, ApiError> {
    let list = match value {
        None => {
            return Err(ApiError::invalid(
                "messages",
                "missing_required_parameter",
                "`messages` is missing; add a list with at least one message",
            ));
        }
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong_type("messages", "a list of messages", other)),
    };
    if list.is_empty() {
        return Err(ApiError::invalid("messages", "invalid_value", "`messages` is empty; add a message from the user"));
    }
    if list.len() > MAX_MESSAGES {
        return Err(ApiError::invalid(
            "messages",
            "too_many_messages",
            format!("there are {} messages; send at most {MAX_MESSAGES}, for example by joining old ones", list.len()),
        ));
    }
    let messages =
        list.iter().enumerate().map(|(at, message)| one(at, message)).collect::<Result<Vec<_>, ApiError>>()?;
    check_order(&messages)?;
    Ok(messages)
}

fn one(at: usize, value: &Value) -> Result<ChatMessage, ApiError> {
    let path = format!("messages[{at}]");
    let Value::Object(object) = value else {
        return Err(wrong_type(&path, "an object with `role` and `content`", value));
    };
    Ok(ChatMessage { role: role(&path, object)?, content: content(&path, object)? })
}

fn role(path: &str, object: &Map<String, Value>) -> Result<ChatRole, ApiError> {
    let path = format!("{path}.role");
    match object.get("role") {
        Some(Value::String(role)) => match role.as_str() {
            "system" | "developer" => Ok(ChatRole::System),
            "user" => Ok(ChatRole::User),
            "assistant" => Ok(ChatRole::Assistant),
            other => Err(ApiError::invalid(
                &path,
                "invalid_value",
                format!("`{path}` is `{other}`; use one of: system, developer, user, assistant"),
            )),
        },
        Some(other) => Err(wrong_type(&path, "a text", other)),
        None => Err(ApiError::invalid(&path, "missing_required_parameter", format!("`{path}` is missing; add it"))),
    }
}

fn content(path: &str, object: &Map<String, Value>) -> Result<String, ApiError> {
    let path = format!("{path}.content");
    match object.get("content") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => parts.iter().enumerate().map(|(at, part)| text_part(&path, at, part)).collect(),
        Some(other) => Err(wrong_type(&path, "a text or a list of text parts", other)),
        None => Err(ApiError::invalid(&path, "missing_required_parameter", format!("`{path}` is missing; add it"))),
    }
}

fn text_part(path: &str, at: usize, part: &Value) -> Result<String, ApiError> {
    let path = format!("{path}[{at}]");
    match (part.get("type").and_then(Value::as_str), part.get("text")) {
        (Some("text"), Some(Value::String(text))) => Ok(text.clone()),
        (Some("text"), other) => Err(wrong_type(&format!("{path}.text"), "a text", other.unwrap_or(&Value::Null))),
        (Some(other), _) => Err(ApiError::invalid(
            &path,
            "unsupported_content",
            format!("`{path}` is of type `{other}`; only `text` parts are supported"),
        )),
        (None, _) => Err(ApiError::invalid(
            &path,
            "invalid_value",
            format!("`{path}` is {} without a `type`; use {{\"type\": \"text\", \"text\": …}}", kind(part)),
        )),
    }
}

/// System messages stand first, the model never speaks twice in a row nor first, and the user has the last word.
fn check_order(messages: &[ChatMessage]) -> Result<(), ApiError> {
    let wrong = |at: usize, message: &str| {
        Err(ApiError::invalid(format!("messages[{at}].role"), "invalid_role_order", message.to_owned()))
    };
    let mut before = ChatRole::System;
    for (at, message) in messages.iter().enumerate() {
        match (before, message.role) {
            (ChatRole::User | ChatRole::Assistant, ChatRole::System) => {
                return wrong(at, "a system message stands after the conversation began; move it to the start");
            }
            (ChatRole::System, ChatRole::Assistant) => {
                return wrong(at, "the assistant speaks before the user; put a user message before it");
            }
            (ChatRole::Assistant, ChatRole::Assistant) => {
                return wrong(at, "the assistant speaks twice in a row; join the two messages");
            }
            _ => before = message.role,
        }
    }
    if before != ChatRole::User {
        return wrong(messages.len() - 1, "the last message is not from the user; end with a user message");
    }
    if messages.iter().all(|message| message.role != ChatRole::User || message.content.trim().is_empty()) {
        return Err(ApiError::invalid("messages", "invalid_value", "every user message is empty; ask something"));
    }
    Ok(())
}
