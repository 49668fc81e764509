//! Examples that stand beside a rule, and are tried.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Packs,
    facts::Facts,
    judgement::Judgement,
    rule::{Rule, State},
};

/// A request and a moment, and what a rule says of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    pub(super) at: Timestamp,
    pub(super) facts: Facts,
    pub(super) expect: Expect,
    /// What comes of all rules of the same pack together.
    #[serde(default)]
    pub(super) outcome: Option<Verdict>,
}

/// What a rule does with an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// It applies and has effect.
    Enforced,
    /// It applies and is only told.
    Shadow,
    /// It cannot tell.
    Undetermined,
    /// It does not apply.
    Silent,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is refused.
    Forbidden,
    /// People decide.
    Review,
    /// It passes.
    Allowed,
}

impl Judgement {
    /// What becomes of the request.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match (&self.forbidden, &self.review) {
            (Some(_), _) => Verdict::Forbidden,
            (None, Some(_)) => Verdict::Review,
            (None, None) => Verdict::Allowed,
        }
    }
}

/// An example that does not come out as its pack says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {wrong}; mend the rule or its examples")]
pub struct WrongExample {
    /// The rule.
    pub rule: String,
    /// What is wrong.
    pub wrong: String,
}

impl Packs {
    /// Tries every example of every rule, and tells what is wrong. Each rule needs one that it applies to and one that it does
    /// not. Examples are about packs as they are written: load them without settings of an operator's.
    #[must_use]
    pub fn try_examples(&self) -> Vec<WrongExample> {
        self.rules().flat_map(|rule| self.try_rule(rule)).collect()
    }

    fn try_rule(&self, rule: &Rule) -> Vec<WrongExample> {
        let wrong = |wrong| WrongExample { rule: rule.cite.id.clone(), wrong };
        let has = |fires| rule.examples.iter().any(|example| example.fires() == fires);
        let lacks = [(true, "no example to which it applies"), (false, "no example to which it does not apply")];
        let lacks = lacks.into_iter().filter(|(fires, _)| !has(*fires)).map(|(_, told)| told.to_owned());
        let failed =
            rule.examples.iter().enumerate().filter_map(|(at, example)| {
                self.try_example(rule, example).map(|told| format!("examples[{at}]: {told}"))
            });
        lacks.chain(failed).map(wrong).collect()
    }

    fn try_example(&self, rule: &Rule, example: &Example) -> Option<String> {
        let judgement = self.judge_among(&example.facts, example.at, |other| other.pack.id == rule.pack.id);
        let found = judgement.says(rule);
        if found != example.expect {
            return Some(format!("expected {:?}, found {found:?}", example.expect));
        }
        let verdict = judgement.verdict();
        let expected = example.outcome.filter(|expected| *expected != verdict)?;
        Some(format!("expected the outcome {expected:?}, found {verdict:?}"))
    }
}

impl Example {
    const fn fires(&self) -> bool {
        matches!(self.expect, Expect::Enforced | Expect::Shadow)
    }
}

impl Judgement {
    fn says(&self, rule: &Rule) -> Expect {
        let applied = self.applied.iter().find(|applied| applied.rule == rule.cite);
        let open = self.undetermined.iter().any(|open| open.rule == rule.cite);
        match applied.map(|applied| applied.state) {
            Some(State::Enforced) => Expect::Enforced,
            Some(State::Shadow(_)) => Expect::Shadow,
            None if open => Expect::Undetermined,
            None => Expect::Silent,
        }
    }
}
