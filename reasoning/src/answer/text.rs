//! Text as an answer: compared without case, spacing, an announcement, and punctuation at its ends.

use super::{Answer, MAX_TEXT_BYTES};

/// Words that announce an answer without being part of it.
const ANNOUNCEMENTS: [&str; 6] =
    ["the final answer is", "the answer is", "final answer is", "answer is", "final answer:", "answer:"];

pub(super) fn find(text: &str) -> Option<Answer> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let canonical = normalise(text);
    (!canonical.is_empty()).then(|| Answer { canonical, shown: text.trim().to_owned() })
}

/// Lower case, single spaces, no announcement, no punctuation at the ends. Signs that carry meaning stay: `C++`, `-5`.
pub(super) fn normalise(text: &str) -> String {
    // Character by character: the rules for whole words depend on what stands around and would not be idempotent.
    let lower: String = text.chars().flat_map(char::to_lowercase).collect();
    let spaced = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = spaced.trim_matches(is_edge);
    while let Some(shorter) = ANNOUNCEMENTS.iter().find_map(|words| announced(rest, words)) {
        rest = shorter;
    }
    rest.to_owned()
}

fn announced<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(words)?;
    let whole = rest.starts_with(|c: char| !c.is_alphanumeric());
    let rest = rest.trim_matches(is_edge);
    (whole && !rest.is_empty()).then_some(rest)
}

fn is_edge(c: char) -> bool {
    c.is_whitespace() || ".,;:!?\"'`*_()[]{}“”‘’…".contains(c)
}
