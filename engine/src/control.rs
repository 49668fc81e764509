//! Keeps control tokens out of what people write.
//!
//! A conversation becomes one text, in which control tokens tell where a turn begins and who speaks. A message that holds
//! the text of such a token must not become the token, or its writer could speak as somebody else. So a mark is put into
//! each such place before the template is rendered, and the rendered text is tokenized piece by piece between the marks:
//! the model reads what was written, as plain text.

use std::collections::BTreeSet;

use crate::Conversation;

/// The texts of a model's control tokens.
#[derive(Debug, Default)]
pub(crate) struct ControlTokens(Vec<String>);

/// A conversation whose control tokens are broken by marks.
pub(crate) struct Marked {
    pub conversation: Conversation,
    /// Stands nowhere in it for itself.
    pub mark: char,
}

impl ControlTokens {
    /// A token of one character cannot be broken and is left out.
    pub(crate) fn new(texts: impl IntoIterator<Item = String>) -> Self {
        Self(texts.into_iter().filter(|text| text.chars().count() > 1).collect())
    }

    /// The conversation with a mark inside of each control token's text, or `None` when there is none.
    pub(crate) fn mark(&self, conversation: &Conversation) -> Option<Marked> {
        let mut found = false;
        let mut used: BTreeSet<char> = BTreeSet::new();
        conversation.each_text(&mut |text| {
            found |= self.0.iter().any(|token| text.contains(token.as_str()));
            // Private-use characters are few in what people write.
            used.extend(text.chars().filter(|one| *one >= '\u{E000}'));
        });
        if !found {
            return None;
        }
        // Private-use characters first. All are used only by millions of bytes; the last one is then lost from the text.
        let mark = ('\u{E000}'..=char::MAX).find(|one| !used.contains(one)).unwrap_or(char::MAX);
        Some(Marked { conversation: conversation.map_texts(&|text| self.broken(text, mark)), mark })
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
    use crate::{Message, Role};

    fn check(text: &str, expect: Option<&[&str]>) {
        let tokens = ControlTokens::new(["<|end|>", "<|end|><", "<<", "x"].map(str::to_owned));
        let message = Message::new(Role::User, text);
        let marked = tokens.mark(&vec![message].into());
        let pieces = marked
            .as_ref()
            .map(|marked| marked.conversation.messages[0].content.split(marked.mark).collect::<Vec<_>>());
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
