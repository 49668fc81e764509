//! What the model is asked.

use forethought_actors::instructed;
use forethought_engine::{Message, Prompt, Role};
use forethought_schemas::{ChatMessage, ChatRequest, ChatRole};

/// The conversation, with the instruction of the model's profile before it.
pub(super) fn prompt(request: &ChatRequest, instruction: Option<&str>) -> Prompt {
    let messages: Vec<Message> = request.messages.iter().map(message).collect();
    Prompt::Messages(match instruction {
        Some(instruction) => instructed(messages, instruction),
        None => messages,
    })
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
