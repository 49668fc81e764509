//! Signs that a text tries to give a model instructions that it should not have.
//!
//! A list of signs, each with a weight, is looked for in the text as it is read: overrides of instructions in
//! sixteen languages, personas without limits, turns and control tokens that only the service may write, instructions to a
//! model that reads a document, codes that are to be followed, data that is to be carried out in an address, and questions
//! for the system prompt. A sign that stands in quotation marks weighs half, for people speak *about* such phrases, too. The
//! score is the sum of the weights of different signs within [`SPAN`] words, 100 at most. Cost is linear in the text.
//!
//! It is a heuristic: it sees what is usual, not what is clever. How well it does stands in docs/measurements.md.

mod marks;
mod rules;
mod vocabulary;

use std::{collections::BTreeMap, ops::Range};

use serde::{Deserialize, Serialize};

use crate::{Action, Finding, Kind, Safeguards};

/// Words within which signs are added up: a long text may hold one here and one there.
pub const SPAN: usize = 250;

/// A kind of sign. These may become kinds of a group `injection` in a policy's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Earlier instructions are to be ignored, or new ones take their place.
    Override,
    /// The model is to be somebody else.
    Persona,
    /// It is to be without rules or limits.
    Unbound,
    /// It is not to refuse, warn or apologise.
    Unrefusing,
    /// A mode that does not exist is switched on.
    Mode,
    /// A line of a conversation that only the service may write.
    FakeTurn,
    /// A token of a chat template.
    ControlToken,
    /// The end of a document or a session is feigned.
    FakeEnd,
    /// A note to a model that reads the text.
    Addressed,
    /// It is to be kept from the user.
    Secrecy,
    /// A code is to be decoded and followed.
    DecodeAndFollow,
    /// Data is to be carried into an address.
    Exfiltration,
    /// An address leaves room for data.
    OpenAddress,
    /// The instructions that the model was given are asked for.
    Extraction,
}

/// One sign that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it is.
    pub sign: Sign,
    /// How much it weighs, from 0 to 100.
    pub weight: u8,
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scored {
    /// From 0, nothing, to 100.
    pub score: u8,
    /// What made it: of each sign the heaviest in the span of words that scores most, in the order of the text.
    pub reasons: Vec<Reason>,
}

/// Looks for signs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Injection;

impl Safeguards {
    /// The heaviest sign in a text that scores [`Injection::THRESHOLD`] or more, with what is to be done about it; nothing where
    /// injections are allowed.
    #[must_use]
    pub fn injection(&self, text: &str) -> Option<Finding> {
        let action = self.action(Kind::Injection);
        if action == Action::Allow {
            return None;
        }
        let scored = Injection::score(text);
        let heaviest = scored.reasons.into_iter().max_by_key(|reason| reason.weight);
        let place = heaviest.filter(|_| scored.score >= Injection::THRESHOLD)?.place;
        Some(Finding { kind: Kind::Injection, list: None, action, place })
    }
}

impl Injection {
    /// The score from which on a text is better held or refused; chosen on one half of the suite in `tests/bypass`.
    pub const THRESHOLD: u8 = 50;

    /// Scores a text.
    #[must_use]
    pub fn score(text: &str) -> Scored {
        let words = crate::words::read(text);
        let mut found = rules::look(&words);
        found.extend(marks::look(text, &words));
        found.sort_by_key(|found| (found.word, found.reason.sign));
        let (score, span) = heaviest(&found);
        Scored { score, reasons: reasons(found.get(span).unwrap_or_default()) }
    }
}

/// A sign, and the word at which it is complete.
struct Found {
    word: usize,
    reason: Reason,
}

/// Signs within a span of words: of each, how often which weight is there.
#[derive(Default)]
struct Within {
    weights: BTreeMap<Sign, BTreeMap<u8, u32>>,
    sum: u32,
}

impl Within {
    fn heaviest(&self, sign: Sign) -> u32 {
        self.weights.get(&sign).and_then(|weights| weights.last_key_value()).map_or(0, |(weight, _)| u32::from(*weight))
    }

    fn enter(&mut self, reason: &Reason) {
        self.sum -= self.heaviest(reason.sign);
        *self.weights.entry(reason.sign).or_default().entry(reason.weight).or_default() += 1;
        self.sum += self.heaviest(reason.sign);
    }

    fn leave(&mut self, reason: &Reason) {
        self.sum -= self.heaviest(reason.sign);
        let weights = self.weights.entry(reason.sign).or_default();
        if let Some(count) = weights.get_mut(&reason.weight).filter(|count| **count > 1) {
            *count -= 1;
        } else {
            weights.remove(&reason.weight);
        }
        self.sum += self.heaviest(reason.sign);
    }
}

/// The most that different signs weigh together within a span of words, and which they are.
fn heaviest(found: &[Found]) -> (u8, Range<usize>) {
    let mut within = Within::default();
    let (mut best, mut span, mut first) = (0, 0..0, 0);
    for (at, last) in found.iter().enumerate() {
        within.enter(&last.reason);
        while let Some(gone) = found.get(first).filter(|gone| gone.word + SPAN < last.word) {
            within.leave(&gone.reason);
            first += 1;
        }
        if within.sum > best {
            (best, span) = (within.sum, first..at + 1);
        }
    }
    (u8::try_from(best.min(100)).unwrap_or(100), span)
}

/// Of each sign the heaviest, the first of several.
fn reasons(found: &[Found]) -> Vec<Reason> {
    let mut heaviest: BTreeMap<Sign, &Reason> = BTreeMap::new();
    for Found { reason, .. } in found {
        let kept = heaviest.entry(reason.sign).or_insert(reason);
        if reason.weight > kept.weight {
            *kept = reason;
        }
    }
    let mut reasons: Vec<Reason> = heaviest.into_values().cloned().collect();
    reasons.sort_by_key(|reason| reason.place.start);
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(all: &[(usize, Sign, u8)]) -> Vec<Found> {
        let reason = |sign, weight, word| Reason { sign, weight, place: word..word + 1 };
        all.iter().map(|(word, sign, weight)| Found { word: *word, reason: reason(*sign, *weight, *word) }).collect()
    }

    #[test]
    fn different_signs_within_a_span_add_up() {
        let check = |all: &[(usize, Sign, u8)], expected: u8| assert_eq!(heaviest(&found(all)).0, expected, "{all:?}");
        check(&[], 0);
        check(&[(0, Sign::Persona, 20), (1, Sign::Persona, 20), (2, Sign::Unbound, 30)], 50);
        check(&[(0, Sign::Persona, 20), (SPAN, Sign::Unbound, 30)], 50);
        check(&[(0, Sign::Persona, 20), (SPAN + 1, Sign::Unbound, 30)], 30);
        check(&[(0, Sign::Persona, 30), (5, Sign::Persona, 20), (SPAN + 2, Sign::Unbound, 30)], 50);
        check(&[(0, Sign::Override, 60), (1, Sign::Mode, 50)], 100);
    }

    #[test]
    fn reasons_are_those_of_the_score() {
        let all =
            found(&[(0, Sign::Persona, 20), (1, Sign::Unbound, 20), (2, Sign::Unbound, 30), (3, Sign::Unbound, 30)]);
        let weights: Vec<_> = reasons(&all).iter().map(|why| (why.sign, why.weight, why.place.start)).collect();
        assert_eq!(weights, [(Sign::Persona, 20, 0), (Sign::Unbound, 30, 2)]);
    }
}
