//! What the model is asked.

use forethought_actors::instructed;
use std::sync::Arc;

use forethought_engine::{Called, Conversation, Message, Prompt, Role};
use forethought_reasoning::{CallStyle, ToolUse};
use forethought_schemas::{CalledTool, ChatMessage, ChatRequest, ChatRole};

/// The conversation, with the instruction of the model's profile before it, and the tools that the model is told of.
pub(super) fn prompt(request: &ChatRequest, instruction: Option<&str>, tools: Option<&Arc<ToolUse>>) -> Prompt {
    let messages: Vec<Message> = request.messages.iter().map(message).collect();
    let messages = match instruction {
        Some(instruction) => instructed(messages, instruction),
        None => messages,
    };
    Prompt::Messages(Conversation {
        messages,
        tools: tools.map(|tools| tools.tools.clone().into()).unwrap_or_default(),
    })
}

/// What a judge is told that the samples answer: the last thing that a person asked.
pub(super) fn question(request: &ChatRequest) -> String {
    let asked = request.messages.iter().rfind(|message| message.role == ChatRole::User);
    asked.map(|message| message.content.clone()).unwrap_or_default()
}

fn message(message: &ChatMessage) -> Message {
    let role = match message.role {
        ChatRole::System => Role::System,
        ChatRole::User => Role::User,
        ChatRole::Assistant => Role::Assistant,
        ChatRole::Tool => Role::Tool,
    };
    let called =
        |call: &CalledTool| Called { id: call.id.clone(), name: call.name.clone(), arguments: call.arguments.clone() };
    // What tools say is data, whoever has run them.
    let content = match role {
        Role::Tool => CallStyle::hermes().break_marks(&message.content),
        _ => message.content.clone(),
    };
    Message {
        calls: message.calls.iter().map(called).collect(),
        answers: message.answers.clone(),
        ..Message::new(role, content)
    }
}
