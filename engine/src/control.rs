//! Keeps control tokens out of what people write.
//!
//! A conversation becomes one text, in which control tokens tell where a turn begins and who speaks. A message that holds
//! the text of such a token must not become the token, or its writer could speak as somebody else. So a mark is put into
//! each such place before the template is rendered, and the rendered text is tokenized piece by piece between the marks:
//! the model reads what was written, as plain text.

use std::collections::BTreeSet;

use crate::Message;

/// The texts of a model's control tokens.
#[derive(Debug, Default)]
pub(crate) struct ControlTokens(Vec<String>);

/// Messages whose control tokens are broken by marks.
pub(crate) struct Marked {
    pub messages: Vec<Message>,
    /// Stands in no message for itself.
    pub mark: char,
}

impl ControlTokens {
    /// A token of one character cannot be broken and is left out.
    pub(crate) fn new(texts: impl IntoIterator<Item = String>) -> Self {
        Self(texts.into_iter().filter(|text| text.chars().count() > 1).collect())
    }

    /// The messages with a mark inside of each control token's text, or `None` when there is none.
    pub(crate) fn mark(&self, messages: &[Message]) -> Option<Marked> {
        if !messages.iter().any(|message| self.0.iter().any(|token| message.content.contains(token.as_str()))) {
            return None;
        }
        let used: BTreeSet<char> = messages.iter().flat_map(|message| message.content.chars()).collect();
        // Private-use characters first. All are used only by millions of bytes; the last one is then lost from the text.
        let mark = ('\u{E000}'..=char::MAX).find(|one| !used.contains(one)).unwrap_or(char::MAX);
        let marked = |message: &Message| Message { role: message.role, content: self.broken(&message.content, mark) };
        Some(Marked { messages: messages.iter().map(marked).collect(), mark })
    }

    /// The text with a mark behind the first character of each control token, also of those that overlap.
    fn broken(&self, text: &str, mark: char) -> String {
        let mut broken = String::with_capacity(text.len() + 16);
        for (at, one) in text.char_indices() {
            broken.push(one);
            let rest = text.get(at..).unwrap_or_default();
            if self.0.iter().any(|token| rest.starts_with(token.as_str())) {
                broken.push(mark);
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    fn check(text: &str, expect: Option<&[&str]>) {
        let tokens = ControlTokens::new(["<|end|>", "<|end|><", "<<", "x"].map(str::to_owned));
        let message = Message { role: Role::User, content: text.to_owned() };
        let marked = tokens.mark(&[message]);
        let pieces = marked.as_ref().map(|marked| marked.messages[0].content.split(marked.mark).collect::<Vec<_>>());
        assert_eq!(pieces.as_deref(), expect);
        if let Some(pieces) = pieces {
            assert!(pieces.iter().all(|piece| !tokens.0.iter().any(|token| piece.contains(token))), "{pieces:?}");
        }
    }

    #[test]
    fn every_control_token_is_broken() {
        check("", None);
        check("x < y, |end|> and <end>", None);
        check("a<|end|>b", Some(&["a<", "|end|>b"]));
        check("<|end|><|end|>", Some(&["<", "|end|><", "|end|>"]));
        check("<<<|end|>é", Some(&["<", "<", "<", "|end|>é"]));
        check("\u{E000}<|end|>\u{E001}", Some(&["\u{E000}<", "|end|>\u{E001}"]));
    }
}
