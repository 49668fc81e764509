//! From a prompt to the tokens that the model reads.

use super::loader::Vocabulary;
use crate::{Conversation, EngineError, Prompt, TemplateError};

impl Vocabulary {
    /// The ids of the tokens of a text, special tokens included.
    pub(super) fn tokenize(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        (self.encode)(text).map_err(invalid)
    }

    /// The ids of the prompt's tokens; refused when they leave no room for `max_tokens`.
    pub(super) fn prompt(&self, prompt: &Prompt, max_tokens: u32) -> Result<Vec<u32>, EngineError> {
        let tokens = match prompt {
            Prompt::Raw(text) => self.tokenize(text)?,
            Prompt::Messages(messages) => self.conversation(messages)?,
            Prompt::Begun { messages, begun } => {
                let mut tokens = self.conversation(messages)?;
                tokens.extend(self.tokenize(begun)?);
                tokens
            }
        };
        if tokens.is_empty() {
            return Err(invalid("the prompt is empty; send at least one message with text".to_owned()));
        }
        let (used, context) = (tokens.len() + max_tokens as usize, self.context_tokens as usize);
        if used > context {
            let message = format!(
                "{} prompt tokens and {max_tokens} for the answer are more than the model's {context}; shorten the \
                 messages or ask for fewer tokens",
                tokens.len(),
            );
            return Err(EngineError::Request { param: "messages", code: "context_length_exceeded", message });
        }
        Ok(tokens)
    }

    /// The text of the prompt.
    pub(super) fn rendered(&self, prompt: &Prompt) -> Result<String, EngineError> {
        match prompt {
            Prompt::Raw(text) => Ok(text.clone()),
            Prompt::Messages(messages) => self.render(messages),
            Prompt::Begun { messages, begun } => Ok(self.render(messages)? + begun),
        }
    }

    fn conversation(&self, conversation: &Conversation) -> Result<Vec<u32>, EngineError> {
        match self.controls.mark(conversation) {
            None => self.tokenize(&self.render(conversation)?),
            Some(marked) => {
                let text = self.render(&marked.conversation)?;
                Ok(text.split(marked.mark).map(|piece| self.tokenize(piece)).collect::<Result<Vec<_>, _>>()?.concat())
            }
        }
    }

    fn render(&self, conversation: &Conversation) -> Result<String, EngineError> {
        self.template.render(conversation).map_err(|error| match error {
            TemplateError::Messages(_) => invalid(error.to_string()),
            TemplateError::Template(_) | TemplateError::Render(_) => EngineError::Template(error.to_string()),
        })
    }
}

fn invalid(message: String) -> EngineError {
    EngineError::Request { param: "messages", code: "invalid_value", message }
}
