//! The conversation of a request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    MAX_TOOLS,
    fields::{kind, wrong_type},
    tools::check_name,
};
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
    /// A tool that the model has called.
    Tool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: ChatRole,
    /// What is said; text parts are joined.
    pub content: String,
    /// The tools that the model called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CalledTool>,
    /// Of a tool: which call it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
}

impl ChatMessage {
    /// A message in which something is said, and nothing called.
    #[must_use]
    pub fn new(role: ChatRole, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), calls: Vec::new(), answers: None }
    }
}

/// A call of a tool, in a turn of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledTool {
    /// By this its result names it: a number of this service's, not what the request called it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it was called with.
    pub arguments: Value,
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
    let mut messages =
        list.iter().enumerate().map(|(at, message)| one(at, message)).collect::<Result<Vec<_>, ApiError>>()?;
    check_order(&messages)?;
    number_calls(&mut messages)?;
    Ok(messages)
}

fn one(at: usize, value: &Value) -> Result<ChatMessage, ApiError> {
    let path = format!("messages[{at}]");
    let Value::Object(object) = value else {
        return Err(wrong_type(&path, "an object with `role` and `content`", value));
    };
    let role = role(&path, object)?;
    let calls = if role == ChatRole::Assistant { calls(&path, object)? } else { Vec::new() };
    let content = match object.get("content") {
        None | Some(Value::Null) if !calls.is_empty() => String::new(),
        _ => content(&path, object)?,
    };
    let answers = if role == ChatRole::Tool { Some(required(&path, object, "tool_call_id")?) } else { None };
    Ok(ChatMessage { role, content, calls, answers })
}

/// The calls of a turn of the model.
fn calls(path: &str, object: &Map<String, Value>) -> Result<Vec<CalledTool>, ApiError> {
    let path = format!("{path}.tool_calls");
    match object.get("tool_calls") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= MAX_TOOLS => {
            list.iter().enumerate().map(|(at, call)| called(&format!("{path}[{at}]"), call)).collect()
        }
        Some(Value::Array(list)) => {
            let message = format!("`{path}` has {} entries; give at most {MAX_TOOLS}", list.len());
            Err(ApiError::invalid(&path, "invalid_value", message))
        }
        Some(other) => Err(wrong_type(&path, "a list of calls", other)),
    }
}

fn called(path: &str, call: &Value) -> Result<CalledTool, ApiError> {
    let Value::Object(object) = call else { return Err(wrong_type(path, "an object with `id` and `function`", call)) };
    let id = required(path, object, "id")?;
    let path = format!("{path}.function");
    let function = match object.get("function") {
        Some(Value::Object(function)) => function,
        other => return Err(wrong_type(&path, "an object with `name` and `arguments`", other.unwrap_or(&Value::Null))),
    };
    let name = required(&path, function, "name")?;
    check_name(&format!("{path}.name"), &name)?;
    let text = required(&path, function, "arguments")?;
    // What the model wrote may be no JSON: it is shown to it as it was.
    let arguments = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(CalledTool { id, name, arguments })
}

fn required(path: &str, object: &Map<String, Value>, key: &str) -> Result<String, ApiError> {
    let path = format!("{path}.{key}");
    match object.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(wrong_type(&path, "a text", other)),
        None => Err(ApiError::invalid(&path, "missing_required_parameter", format!("`{path}` is missing; add it"))),
    }
}

fn role(path: &str, object: &Map<String, Value>) -> Result<ChatRole, ApiError> {
    let path = format!("{path}.role");
    match object.get("role") {
        Some(Value::String(role)) => match role.as_str() {
            "system" | "developer" => Ok(ChatRole::System),
            "user" => Ok(ChatRole::User),
            "assistant" => Ok(ChatRole::Assistant),
            "tool" => Ok(ChatRole::Tool),
            other => Err(ApiError::invalid(
                &path,
                "invalid_value",
                format!("`{path}` is `{other}`; use one of: system, developer, user, assistant, tool"),
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

/// System messages stand first, the model never speaks twice in a row nor first, tools answer each of its calls once, and the user or a
/// tool has the last word.
fn check_order(messages: &[ChatMessage]) -> Result<(), ApiError> {
    let wrong = |at: usize, message: &str| {
        Err(ApiError::invalid(format!("messages[{at}].role"), "invalid_role_order", message.to_owned()))
    };
    let mut before = ChatRole::System;
    for (at, message) in messages.iter().enumerate() {
        match (before, message.role) {
            (ChatRole::User | ChatRole::Assistant | ChatRole::Tool, ChatRole::System) => {
                return wrong(at, "a system message stands after the conversation began; move it to the start");
            }
            (ChatRole::System, ChatRole::Assistant) => {
                return wrong(at, "the assistant speaks before the user; put a user message before it");
            }
            (ChatRole::System | ChatRole::User, ChatRole::Tool) => {
                return wrong(
                    at,
                    "a tool answers where nothing was called; put the assistant's `tool_calls` before it",
                );
            }
            (ChatRole::Assistant, ChatRole::Assistant) => {
                return wrong(at, "the assistant speaks twice in a row; join the two messages");
            }
            _ => before = message.role,
        }
    }
    if before != ChatRole::User && before != ChatRole::Tool {
        return wrong(messages.len() - 1, "the last message is not from the user; end with a user message");
    }
    if messages.iter().all(|message| message.role != ChatRole::User || message.content.trim().is_empty()) {
        return Err(ApiError::invalid("messages", "invalid_value", "every user message is empty; ask something"));
    }
    Ok(())
}

/// Every call has one answer, right behind it. Calls and answers get numbers in the place of the request's own ids: these could be any
/// text, and would reach the model.
fn number_calls(messages: &mut [ChatMessage]) -> Result<(), ApiError> {
    let mut numbers = (0_usize..).map(|number| format!("call{number:05}"));
    // What the request called them, and what they are called now.
    let mut open: Vec<(String, String)> = Vec::new();
    for (at, message) in messages.iter_mut().enumerate() {
        if let Some(id) = &mut message.answers {
            let Some(found) = open.iter().position(|(own, _)| own == id) else {
                let path = format!("messages[{at}].tool_call_id");
                let message =
                    format!("`{path}` names no call that waits for an answer; use the `id` of one in `tool_calls`");
                return Err(ApiError::invalid(path, "invalid_value", message));
            };
            *id = open.remove(found).1;
        } else if let Some((first, _)) = open.first() {
            return Err(unanswered(at, first));
        } else {
            for (call, number) in message.calls.iter_mut().zip(&mut numbers) {
                open.push((std::mem::replace(&mut call.id, number.clone()), number));
            }
        }
    }
    open.first().map_or(Ok(()), |(first, _)| Err(unanswered(messages.len(), first)))
}

fn unanswered(at: usize, id: &str) -> ApiError {
    let id: String = id.chars().take(64).collect();
    let message = format!("the call `{id}` has no answer; put a message with `role: tool` and its `tool_call_id` here");
    ApiError::invalid(format!("messages[{at}]"), "invalid_role_order", message)
}
