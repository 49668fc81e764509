//! Which outcome an answer says.

use forethought_eval::Outcome;
use serde_json::Value;

use crate::words::words;

/// Error codes that say that somebody refused to answer, and not that it failed.
const REFUSALS: [&str; 1] = ["blocked_by_safeguard"];
/// How answers begin that refuse, or what they say in the middle; apart from `cannot` they are whole phrases, because a model
/// may well write that an application cannot be faulted.
const PHRASES: [&[&str]; 16] = [
    &["i", "cannot"],
    &["i", "can't"],
    &["i", "can", "not"],
    &["i'm", "unable"],
    &["i", "am", "unable"],
    &["i'm", "not", "able"],
    &["i", "am", "not", "able"],
    &["i", "won't"],
    &["i", "will", "not"],
    &["i'm", "sorry"],
    &["i", "am", "sorry"],
    &["i", "must", "decline"],
    &["i", "refuse"],
    &["as", "an", "ai"],
    &["not", "appropriate"],
    &["it", "is", "inappropriate"],
];
/// Words that can turn an outcome round: a text with one of them is not read but where it is the outcome alone.
const TURNING: [&str; 16] = [
    "not",
    "no",
    "never",
    "neither",
    "nor",
    "cannot",
    "can't",
    "don't",
    "doesn't",
    "shouldn't",
    "isn't",
    "wouldn't",
    "won't",
    "instead",
    "unless",
    "without",
];

/// What an answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// The outcome at this place of the template's list.
    Outcome(usize),
    /// The model, or a safeguard, would not answer.
    Refused,
    /// There is no outcome in it, or more than one; or the service could not answer.
    Unreadable,
}

impl Reading {
    /// Reads what came of an ask.
    #[must_use]
    pub fn of(outcome: &Outcome, outcomes: &[String]) -> Self {
        match (&outcome.reply, outcome.error.as_deref()) {
            (Some(reply), _) => Self::read(&reply.text, outcomes),
            (None, Some(code)) if REFUSALS.contains(&code) => Self::Refused,
            (None, _) => Self::Unreadable,
        }
    }

    /// Reads a text: an object with an `outcome`, the outcome alone, or a text that has one outcome and no word that could
    /// turn it round.
    #[must_use]
    pub fn read(text: &str, outcomes: &[String]) -> Self {
        if let Some(said) = in_json(text) {
            return place(&said, outcomes).map_or(Self::Unreadable, Self::Outcome);
        }
        let words = words(text);
        if let [word] = words.as_slice() {
            return place(word, outcomes).map_or(Self::Unreadable, Self::Outcome);
        }
        if refuses(&words) {
            return Self::Refused;
        }
        match in_words(&words, outcomes) {
            Some(place) if !words.iter().any(|word| TURNING.contains(&word.as_str())) => Self::Outcome(place),
            _ => Self::Unreadable,
        }
    }

    /// Whether an outcome was read.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Outcome(_))
    }
}

fn place(word: &str, outcomes: &[String]) -> Option<usize> {
    let word = word.trim().to_lowercase();
    outcomes.iter().position(|outcome| *outcome == word)
}

/// The outcome of an object, which may stand in a block of code.
fn in_json(text: &str) -> Option<String> {
    let plain = text.trim();
    let plain = plain.strip_prefix("```json").or_else(|| plain.strip_prefix("```")).unwrap_or(plain);
    let object: Value = serde_json::from_str(plain.strip_suffix("```").unwrap_or(plain).trim()).ok()?;
    object.get("outcome")?.as_str().map(ToOwned::to_owned)
}

/// The one outcome that the words name; none when they name several, as a question said back does.
fn in_words(words: &[String], outcomes: &[String]) -> Option<usize> {
    let mut named = outcomes.iter().enumerate().filter(|(_, outcome)| words.contains(outcome)).map(|(at, _)| at);
    let first = named.next();
    if named.next().is_some() { None } else { first }
}

fn refuses(words: &[String]) -> bool {
    let is =
        |phrase: &&[&str]| words.windows(phrase.len()).any(|window| window.iter().zip(*phrase).all(|(a, b)| a == b));
    PHRASES.iter().any(is)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcomes() -> Vec<String> {
        vec!["invite".into(), "reject".into()]
    }

    #[test]
    fn one_word_is_read_and_doubt_is_not() {
        let check = |text: &str, expected| assert_eq!(Reading::read(text, &outcomes()), expected, "{text}");
        let (invite, reject) = (Reading::Outcome(0), Reading::Outcome(1));
        check("invite", invite);
        check(" **Reject**.\n", reject);
        check("{\"outcome\": \"invite\"}", invite);
        check("```json\n{ \"outcome\": \"Reject\" }\n```", reject);
        check("Outcome: invite", invite);
        check("The strong references speak for it: invite.", invite);
        check("invite or reject", Reading::Unreadable);
        check("I would not invite", Reading::Unreadable);
        check("Don't reject", Reading::Unreadable);
        check("invited", Reading::Unreadable);
        check("maybe", Reading::Unreadable);
        check("", Reading::Unreadable);
        check("{\"outcome\": \"maybe\"}", Reading::Unreadable);
        check("{\"outcome\": 1}", Reading::Unreadable);
        check("I cannot decide on hiring.", Reading::Refused);
        check("I’m sorry, I can’t say whether to invite.", Reading::Refused);
        check("As an AI, I must decline.", Reading::Refused);
        check("It is not appropriate to judge this.", Reading::Refused);
        check("The application cannot be faulted", Reading::Unreadable);
    }

    #[test]
    fn errors_are_told_apart() {
        let check = |code: &str, expected| {
            let mut outcome = serde_json::json!({
                "set": "impact", "id": "a", "way": "w", "repeat": 0, "seed": 1, "right": false, "wall_ms": 1
            });
            outcome["error"] = code.into();
            let outcome: Outcome = serde_json::from_value(outcome).unwrap();
            assert_eq!(Reading::of(&outcome, &outcomes()), expected, "{code}");
        };
        check("blocked_by_safeguard", Reading::Refused);
        check("no_answer", Reading::Unreadable);
        check("engine_failed", Reading::Unreadable);
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_read_somehow(text in "\\PC{0,60}") {
            let read = Reading::read(&text, &outcomes());
            if let Reading::Outcome(at) = read {
                prop_assert!(text.to_lowercase().contains(&outcomes()[at]));
            }
        }
    }
}
