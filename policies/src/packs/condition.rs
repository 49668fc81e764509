//! Whether a request is of the kind that a rule is about.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    facts::{Fact, Facts},
    words::{DataClass, Decision, Ground, Interaction, Purpose, Sector},
};

/// Lists, of each of which the request must have one; a list that is absent or empty asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Condition {
    pub(super) purposes: Vec<Purpose>,
    pub(super) sectors: Vec<Sector>,
    pub(super) data_classes: Vec<DataClass>,
    pub(super) interactions: Vec<Interaction>,
    pub(super) decisions: Vec<Decision>,
    pub(super) grounds: Vec<Ground>,
}

/// Whether something holds, where facts may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    /// It does not, whatever is missing; the first fact that says so.
    No(Fact),
    /// It hangs on these.
    Unknown(Vec<Fact>),
}

impl Match {
    /// Both hold.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No(fact), _) | (_, Self::No(fact)) => Self::No(fact),
            (Self::Yes, rest) | (rest, Self::Yes) => rest,
            (Self::Unknown(mut missing), Self::Unknown(more)) => {
                missing.extend(more);
                Self::Unknown(missing)
            }
        }
    }
}

impl Condition {
    /// Whether the facts fit every list.
    pub(super) fn test(&self, facts: &Facts) -> Match {
        one(Fact::Purpose, &self.purposes, facts.purpose.as_ref())
            .and(any(Fact::Sectors, &self.sectors, facts.sectors.as_ref()))
            .and(any(Fact::DataClasses, &self.data_classes, facts.data_classes.as_ref()))
            .and(one(Fact::Interaction, &self.interactions, facts.interaction.as_ref()))
            .and(one(Fact::Decision, &self.decisions, facts.decision.as_ref()))
            .and(any(Fact::Grounds, &self.grounds, Some(&facts.grounds)))
    }
}

fn one<W: PartialEq>(fact: Fact, wanted: &[W], found: Option<&W>) -> Match {
    meets(fact, wanted, found.map(|found| wanted.contains(found)))
}

fn any<W: Ord>(fact: Fact, wanted: &[W], found: Option<&BTreeSet<W>>) -> Match {
    meets(fact, wanted, found.map(|found| wanted.iter().any(|word| found.contains(word))))
}

fn meets<W>(fact: Fact, wanted: &[W], met: Option<bool>) -> Match {
    match met {
        _ if wanted.is_empty() => Match::Yes,
        Some(true) => Match::Yes,
        Some(false) => Match::No(fact),
        None => Match::Unknown(vec![fact]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(condition: &str, facts: &str, expected: &Match) {
        let condition: Condition = serde_json::from_str(condition).unwrap();
        let facts: Facts = serde_json::from_str(facts).unwrap();
        assert_eq!(condition.test(&facts), *expected, "{condition:?} {facts:?}");
    }

    #[test]
    fn every_list_must_be_met_by_one_of_its_words() {
        check("{}", "{}", &Match::Yes);
        check(r#"{"purposes":["credit","housing"]}"#, r#"{"purpose":"housing"}"#, &Match::Yes);
        check(r#"{"purposes":["credit"]}"#, r#"{"purpose":"housing"}"#, &Match::No(Fact::Purpose));
        check(r#"{"sectors":["finance"]}"#, r#"{"sectors":["retail","finance"]}"#, &Match::Yes);
        check(r#"{"sectors":["finance"]}"#, r#"{"sectors":[]}"#, &Match::No(Fact::Sectors));
        check(r#"{"purposes":["x-own"]}"#, r#"{"purpose":"x-own"}"#, &Match::Yes);
    }

    #[test]
    fn what_is_missing_is_named_unless_something_else_says_no() {
        let both = r#"{"purposes":["credit"],"decisions":["decides"]}"#;
        check(both, "{}", &Match::Unknown(vec![Fact::Purpose, Fact::Decision]));
        check(both, r#"{"purpose":"credit"}"#, &Match::Unknown(vec![Fact::Decision]));
        check(both, r#"{"decision":"none"}"#, &Match::No(Fact::Decision));
        check(r#"{"grounds":["consent"]}"#, "{}", &Match::No(Fact::Grounds));
    }
}
