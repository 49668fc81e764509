//! What a scripted engine plays, and how an answer is picked.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{Conversation, Prompt, tools};

/// What the engine plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What is answered where nothing of `when` holds: the answers, each with its odds.
    pub answers: Vec<ScriptedAnswer>,
    /// What is answered to prompts that say something; the first that holds is played.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<ScriptedRule>,
    /// What the draw of an answer depends on.
    pub luck: Luck,
    /// Time before the first token, in milliseconds.
    pub start_ms: u64,
    /// Time for each token, in milliseconds.
    pub token_ms: u64,
    /// Samples that run side by side; more wait.
    pub parallel: u32,
    /// Tokens that prompt and answer may hold together.
    pub context_tokens: u32,
    /// What goes wrong, and when.
    pub faults: Vec<ScriptedFault>,
}

/// One possible answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedAnswer {
    /// The whole text.
    pub text: String,
    /// How often, against the other answers' odds.
    #[serde(default = "even")]
    pub odds: f64,
}

const fn even() -> f64 {
    1.0
}

/// Answers to prompts that say something. The prompt is the text of all messages, one a line; letters count as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptedRule {
    /// Texts of which the prompt has at least one; none means that any prompt will do.
    pub any_of: Vec<String>,
    /// Texts that the prompt has all of.
    pub all_of: Vec<String>,
    /// Texts of which the prompt has none.
    pub none_of: Vec<String>,
    /// The answers, each with its odds.
    pub answers: Vec<ScriptedAnswer>,
}

/// What the draw of an answer depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Luck {
    /// The seed alone: whatever is asked with one seed has the same luck.
    #[default]
    Seed,
    /// The seed and the prompt: each prompt has luck of its own, as with a model whose every draw hangs on what it reads.
    Prompt,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedFault {
    /// The call it happens in, counted from 0; without it, in every call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
    /// Tokens that come before it.
    #[serde(default)]
    pub after_tokens: u32,
    /// What happens.
    pub kind: FaultKind,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The sample fails.
    Error,
    /// The sample's task panics.
    Panic,
    /// The engine dies and must be rebuilt.
    Die,
    /// Nothing more comes.
    Hang,
    /// The answer repeats without end.
    Endless,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            answers: vec![ScriptedAnswer { text: "The answer is 42.".to_owned(), odds: 1.0 }],
            when: Vec::new(),
            luck: Luck::Seed,
            start_ms: 0,
            token_ms: 0,
            parallel: 64,
            context_tokens: 8192,
            faults: Vec::new(),
        }
    }
}

impl Script {
    /// What stands in the place of the digest of a model's weights: a digest of all that decides what is answered.
    pub(super) fn weights(&self) -> String {
        let decides = json!({ "answers": self.answers, "when": self.when, "luck": self.luck });
        format!("scripted:{}", hex::encode(Sha256::digest(decides.to_string())))
    }

    /// The answer to a prompt with this seed.
    pub(super) fn answer(&self, prompt: &Prompt, seed: u64) -> String {
        let asked = asked(prompt);
        let rule = self.when.iter().find(|rule| rule.holds(&asked));
        let answers = rule.map_or(self.answers.as_slice(), |rule| rule.answers.as_slice());
        pick(answers, self.luck.draws(&asked, seed))
    }
}

impl ScriptedRule {
    fn holds(&self, asked: &str) -> bool {
        let says = |text: &String| asked.contains(text.as_str());
        (self.any_of.is_empty() || self.any_of.iter().any(says))
            && self.all_of.iter().all(says)
            && !self.none_of.iter().any(says)
    }
}

impl Luck {
    fn draws(self, asked: &str, seed: u64) -> ChaCha12Rng {
        match self {
            Self::Seed => ChaCha12Rng::seed_from_u64(seed),
            Self::Prompt => {
                let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(asked).finalize();
                ChaCha12Rng::from_seed(digest.into())
            }
        }
    }
}

/// All that is asked, as one text.
fn asked(prompt: &Prompt) -> String {
    let joined = |asked: &Conversation| {
        let texts: Vec<String> = tools::plainly(asked).into_iter().map(|it| it.content).collect();
        texts.join("\n")
    };
    match prompt {
        Prompt::Raw(text) => text.clone(),
        // What was begun is the answer's own.
        Prompt::Messages(messages) | Prompt::Begun { messages, .. } => joined(messages),
    }
}

fn pick(answers: &[ScriptedAnswer], mut draws: ChaCha12Rng) -> String {
    let total: f64 = answers.iter().map(|answer| answer.odds.max(0.0)).sum();
    let mut goal = draws.random::<f64>() * total;
    let found = answers.iter().find(|answer| {
        goal -= answer.odds.max(0.0);
        goal < 0.0
    });
    found.or(answers.last()).map(|answer| answer.text.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Role};

    fn answers(texts: &[(&str, f64)]) -> Vec<ScriptedAnswer> {
        texts.iter().map(|(text, odds)| ScriptedAnswer { text: (*text).to_owned(), odds: *odds }).collect()
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn raw(text: &str) -> Prompt {
        Prompt::Raw(text.to_owned())
    }

    #[test]
    fn the_first_rule_that_holds_is_played() {
        let rule = |any: &[&str], all: &[&str], none: &[&str], text: &str| ScriptedRule {
            any_of: list(any),
            all_of: list(all),
            none_of: list(none),
            answers: answers(&[(text, 1.0)]),
        };
        let when = vec![
            rule(&["aged 5", "aged 6"], &["clerk"], &["licence"], "old clerk"),
            rule(&[], &["clerk"], &[], "clerk"),
            rule(&["aged 5"], &[], &[], "old"),
        ];
        let script = Script { when, answers: answers(&[("other", 1.0)]), ..Script::default() };
        let check = |asked: &str, expected: &str| assert_eq!(script.answer(&raw(asked), 7), expected, "{asked}");
        check("a clerk aged 61", "old clerk");
        check("a clerk aged 31", "clerk");
        check("a clerk aged 61 with a licence", "clerk");
        check("a cook aged 55", "old");
        check("a Clerk aged 31", "other");
        check("", "other");
        let message = |content: &str| Message::new(Role::User, content);
        let asked = vec![message("a clerk"), message("aged 61")];
        assert_eq!(script.answer(&Prompt::Messages(asked.into()), 7), "old clerk", "all messages are looked at");
    }

    #[test]
    fn luck_hangs_on_the_seed_or_on_the_prompt_too() {
        let check = |luck, same: std::ops::RangeInclusive<usize>| {
            let script = Script { answers: answers(&[("yes", 1.0), ("no", 1.0)]), luck, ..Script::default() };
            let answer = |text: &str, seed| script.answer(&raw(text), seed);
            let alike = (0..400).filter(|seed| answer("a", *seed) == answer("b", *seed)).count();
            assert!(same.contains(&alike), "{luck:?}: {alike}");
            let yes = (0..400).filter(|seed| answer("a", *seed) == "yes").count();
            assert!((150..=250).contains(&yes), "{luck:?}: {yes}");
            assert!((0..50).all(|seed| answer("a", seed) == answer("a", seed)), "{luck:?}");
        };
        check(Luck::Seed, 400..=400);
        check(Luck::Prompt, 150..=250);
    }

    #[test]
    fn what_decides_answers_decides_the_weights() {
        let base = Script::default();
        let check = |other: &Script, same: bool| assert_eq!(base.weights() == other.weights(), same, "{other:?}");
        check(&Script { token_ms: 9, parallel: 2, ..base.clone() }, true);
        check(&Script { answers: answers(&[("x", 1.0)]), ..base.clone() }, false);
        check(&Script { luck: Luck::Prompt, ..base.clone() }, false);
        check(&Script { when: vec![ScriptedRule::default()], ..base.clone() }, false);
    }
}
