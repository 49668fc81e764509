//! Words before a place that say what stands there.

use super::rules::Rule;
use crate::automaton::Automaton;

/// The words of all rules, looked for at once.
#[derive(Debug)]
pub(super) struct Words {
    automaton: Automaton,
    /// Of each word, the rules that ask for it.
    rules: Vec<Rules>,
}

/// Some of the rules, each by the bit of its place.
pub(super) type Rules = u128;

impl Words {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut words: Vec<(&str, Rules)> = Vec::new();
        for (at, rule) in (0..).zip(rules) {
            for word in rule.after {
                match words.iter_mut().find(|(known, _)| known == word) {
                    Some((_, rules)) => *rules |= 1 << at,
                    None => words.push((word, 1 << at)),
                }
            }
        }
        let automaton = Automaton::new(words.iter().map(|(word, _)| (*word).to_owned()).zip(0..));
        Self { automaton, rules: words.into_iter().map(|(_, rules)| rules).collect() }
    }

    /// The rules of which a text has a word, or the beginning of one.
    pub(super) fn said_in(&self, text: &[u8]) -> Rules {
        let (mut state, mut said) = (0, 0);
        for (at, byte) in text.iter().enumerate() {
            state = self.automaton.step(state, char::from(byte.to_ascii_lowercase()));
            for hit in self.automaton.hits(state) {
                let before = (at + 1).checked_sub(hit.symbols + 1).and_then(|before| text.get(before));
                // Short words are too often the beginning of others.
                let behind = text.get(at + 1).filter(|_| hit.symbols <= 3);
                if before.into_iter().chain(behind).all(|sign| !sign.is_ascii_alphanumeric()) {
                    said |= self.rules.get(hit.phrase).copied().unwrap_or_default();
                }
            }
        }
        said
    }
}

/// Whether a word is the last thing that a text says.
pub(super) fn ends_with(text: &[u8], word: &str) -> bool {
    let signs = text.iter().rev().take_while(|byte| b" :=/-\"'".contains(byte)).count();
    let text = text.get(..text.len() - signs).unwrap_or_default();
    let Some(start) = text.len().checked_sub(word.len()) else { return false };
    let (rest, end) = text.split_at(start);
    end.eq_ignore_ascii_case(word.as_bytes()) && !rest.last().is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::rules, *};

    /// One word after the other.
    fn says(text: &str, word: &str) -> bool {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].bytes().next_back().unwrap_or(b' ');
            let behind = text[at + word.len()..].bytes().next().unwrap_or(b' ');
            !before.is_ascii_alphanumeric() && (word.len() > 3 || !behind.is_ascii_alphanumeric())
        })
    }

    fn material() -> impl Strategy<Value = String> {
        let words: Vec<&str> = rules::rules().iter().flat_map(|rule| rule.after).copied().collect();
        let word = prop::sample::select(words).prop_flat_map(|word| {
            let cut = 0..=word.len();
            prop_oneof![Just(word.to_owned()), cut.prop_map(|at| word[..at].to_uppercase())]
        });
        let sign = prop::sample::select(vec![" ", "-", ":", "a", "7", ".", "_"]).prop_map(str::to_owned);
        prop::collection::vec(prop_oneof![word, sign], 0..9).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn words_are_found_as_one_by_one(text in material()) {
            let rules = rules::rules();
            prop_assert!(rules.len() <= Rules::BITS as usize);
            let small = text.to_ascii_lowercase();
            let expected = |rule: &Rule| rule.after.iter().any(|word| says(&small, word));
            let said = Words::new(&rules).said_in(text.as_bytes());
            for (at, rule) in rules.iter().enumerate() {
                prop_assert_eq!(said >> at & 1 == 1, expected(rule), "{:?} {:?}", &text, rule.after);
            }
        }
    }

    #[test]
    fn the_last_word_is_known() {
        for (text, expected) in [
            ("version", true),
            ("Version: ", true),
            ("a VERSION=\"", true),
            ("conversion ", false),
            ("versions", false),
            ("sion", false),
            ("", false),
        ] {
            assert_eq!(ends_with(text.as_bytes(), "version"), expected, "{text}");
        }
    }
}
