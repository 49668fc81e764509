//! Answers that a pattern finds.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::Answer;

/// A compiled pattern may take this much memory, in bytes; one search takes time linear in the text.
const MAX_BYTES: usize = 1 << 20;
/// Before the last place at which a match begins, this many bytes are searched for a longer one that holds it.
const REACH: usize = 512;

/// A compiled pattern in Rust's syntax: no look-around. Two are equal when they are written alike. As JSON it is what was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AnswerPattern(Regex);

impl PartialEq for AnswerPattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for AnswerPattern {}

impl TryFrom<String> for AnswerPattern {
    type Error = regex::Error;

    fn try_from(pattern: String) -> Result<Self, regex::Error> {
        Self::new(&pattern)
    }
}

impl From<AnswerPattern> for String {
    fn from(pattern: AnswerPattern) -> Self {
        pattern.as_str().to_owned()
    }
}

impl AnswerPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is no pattern or takes more than a mebibyte.
    pub(crate) fn new(pattern: &str) -> Result<Self, regex::Error> {
        RegexBuilder::new(pattern).size_limit(MAX_BYTES).build().map(Self)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it matches anywhere in a text.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Whether it matches a text from its beginning to its end.
    pub(crate) fn is_all(&self, text: &str) -> bool {
        self.0.find(text).is_some_and(|found| found.len() == text.len())
    }

    /// The last match. To go through all of them could take time quadratic in the text, so the last place at which one
    /// begins is found by halving.
    pub(super) fn find(&self, text: &str) -> Option<Answer> {
        let text = text.trim();
        let last = self.last_start(text)?;
        let mut at = (last.saturating_sub(REACH)..=last).find(|at| text.is_char_boundary(*at))?;
        if let Some(line) = text.get(at..last).and_then(|before| before.rfind('\n')) {
            at += line + 1;
        }
        let mut answer = None;
        while let Some(captures) = (at <= text.len()).then(|| self.0.captures_at(text, at)).flatten() {
            let whole = captures.get(0)?;
            let part = captures.get(1).unwrap_or(whole).as_str().trim();
            if !part.is_empty() {
                answer = Some(Answer { canonical: part.to_owned(), shown: part.to_owned() });
            }
            let next = text.get(whole.end()..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            at = if whole.is_empty() { whole.end() + next } else { whole.end() };
        }
        answer
    }

    /// The last place at which a match begins.
    fn last_start(&self, text: &str) -> Option<usize> {
        let mut start = self.0.find(text)?.start();
        let mut end = text.len() + 1;
        while end - start > 1 {
            let middle = start + (end - start) / 2;
            let boundary = (middle..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            match self.0.find_at(text, boundary) {
                Some(found) => start = found.start(),
                None => end = middle,
            }
        }
        Some(start)
    }
}
