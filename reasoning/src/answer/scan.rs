//! Bounded reading of characters, and the places in a text where an answer is announced.

use super::MAX_TEXT_BYTES;

/// "answer" may be this many characters before its "is": "the answer to 12 + 30 is".
const REACH: usize = 80;
/// Announcements tried, last first, which keeps the search linear.
const TRIES: usize = 16;

/// The last [`MAX_TEXT_BYTES`] of a text.
pub(super) fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(MAX_TEXT_BYTES);
    (from..=text.len()).find_map(|at| text.get(at..)).unwrap_or_default()
}

/// The first [`MAX_TEXT_BYTES`] of a text.
pub(super) fn head(text: &str) -> &str {
    let to = text.len().min(MAX_TEXT_BYTES);
    (0..=to).rev().find_map(|at| text.get(..at)).unwrap_or_default()
}

/// A text as characters; outside of it there is only NUL.
pub(super) struct Scan(Vec<char>);

impl Scan {
    pub(super) fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn at(&self, at: usize) -> char {
        self.0.get(at).copied().unwrap_or('\0')
    }

    /// The character before `at`.
    pub(super) fn before(&self, at: usize) -> char {
        at.checked_sub(1).map_or('\0', |at| self.at(at))
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &[char] {
        self.0.get(from..to).unwrap_or_default()
    }

    pub(super) fn text(&self, from: usize, to: usize) -> String {
        self.slice(from, to).iter().collect()
    }

    /// Whether `word`, in lower case, stands at `at` in any case.
    pub(super) fn is(&self, at: usize, word: &str) -> bool {
        word.chars().enumerate().all(|(i, c)| self.at(at + i).eq_ignore_ascii_case(&c))
    }

    /// The first place from `at` on where `test` fails.
    pub(super) fn skip(&self, mut at: usize, test: impl Fn(char) -> bool) -> usize {
        while at < self.len() && test(self.at(at)) {
            at += 1;
        }
        at
    }

    /// The first place from `at` on that is no ASCII digit.
    pub(super) fn skip_digits(&self, at: usize) -> usize {
        self.skip(at, |c| c.is_ascii_digit())
    }

    /// Whether the character at `at` ends a sentence or a line.
    pub(super) fn ends_sentence(&self, at: usize) -> bool {
        let after = self.at(at + 1);
        match self.at(at) {
            '\n' => true,
            '.' | '!' | '?' => after == '\0' || after.is_whitespace() || "*\"')".contains(after),
            _ => false,
        }
    }

    /// The ranges in which an answer is announced ("the answer is …", "Answer: …"), the last one first.
    pub(super) fn announced(&self) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        for at in (0..self.len()).rev() {
            if !self.at(at).eq_ignore_ascii_case(&'a') || !self.is(at, "answer") || self.before(at).is_alphanumeric() {
                continue;
            }
            // The verb announces work, not an answer: "to answer this, the first step is".
            if at >= 3 && self.is(at - 3, "to ") {
                continue;
            }
            if let Some(from) = self.announcement(at + "answer".len()) {
                let to = (from..self.len()).find(|at| self.ends_sentence(*at)).unwrap_or(self.len());
                ranges.push((from, to));
            }
            if ranges.len() == TRIES {
                break;
            }
        }
        ranges
    }

    /// Where what is announced begins, if an announcement follows at all. A colon must follow at once: further on it
    /// introduces steps or options.
    fn announcement(&self, from: usize) -> Option<usize> {
        let colon = self.skip(from, |c| matches!(c, ' ' | '*'));
        for at in from..from + REACH {
            let after = match self.at(at) {
                '\0' | '\n' | '?' => return None,
                '.' if self.ends_sentence(at) => return None,
                ':' if at == colon => at + 1,
                'i' | 'I' if self.is(at, "is") && self.is_word(at, at + 2) => at + 2,
                _ => continue,
            };
            let after = self.skip(after, |c| c.is_whitespace() || c == ':' || c == '*');
            return Some(after);
        }
        None
    }

    fn is_word(&self, from: usize, to: usize) -> bool {
        !self.before(from).is_alphanumeric() && !self.at(to).is_alphanumeric()
    }
}
