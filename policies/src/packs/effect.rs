//! What a rule does where it applies.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::words::Ground;
use crate::screens::ScreenRules;

/// One thing that a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a pack has a few dozen")]
pub enum Effect {
    /// Authorization: the request is refused.
    Forbid(Forbid),
    /// Authorization: the request is refused unless all of this is on file or claimed.
    Require(Require),
    /// Review: people decide before the answer leaves.
    Review(Review),
    /// Disclosure: the response carries a notice and a mark.
    Disclose(Disclose),
    /// Disclosure: something is owed to a person later.
    Owe(Owe),
    /// Safeguards: what is looked for in what is asked and answered.
    Safeguards(ScreenRules),
    /// Retention: kept at least so long.
    Retain(Retain),
    /// Retention: contents are gone after so long.
    Limit(Limit),
    /// Retention: contents are erased when the person asks for it.
    Erase(Erase),
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forbid {
    /// What the client is told.
    pub reason: String,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Require {
    /// All of these must be among the facts.
    pub grounds: Vec<Ground>,
    /// What the client is told where one is missing.
    pub reason: String,
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// What the reviewer is told.
    pub reason: String,
    /// How many different people must agree, 1 to 9.
    #[serde(default = "one")]
    pub reviewers: u8,
}

const fn one() -> u8 {
    1
}

/// A notice that goes with the response, before its first token, and a mark that programs read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclose {
    /// Text for people; none where only programs are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Keys and values for programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mark: BTreeMap<String, String>,
}

/// Something that is owed to a person after the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owe {
    /// What is owed.
    pub what: String,
    /// What makes it due.
    pub after: Trigger,
    /// Days from then on; none where the law names no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_days: Option<u32>,
}

/// What makes something due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A decision that is to the person's disadvantage.
    AdverseDecision,
    /// The person asks for it.
    Request,
    /// An authority asks for it.
    Demand,
}

/// A floor of retention, in days from the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retain {
    /// For records, which hold no contents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_days: Option<u32>,
    /// For contents: what was asked and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents_days: Option<u32>,
}

/// A ceiling of retention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Days from the record after which contents are gone.
    pub contents_days: u32,
}

/// A right of erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erase {
    /// Days from the request; none where the law names no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_days: Option<u32>,
}

/// Effects as a pack writes them, each under its own key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Then {
    forbid: Option<Forbid>,
    require: Option<Require>,
    review: Option<Review>,
    disclose: Option<Disclose>,
    owe: Option<Owe>,
    safeguards: Option<ScreenRules>,
    retain: Option<Retain>,
    limit: Option<Limit>,
    erase: Option<Erase>,
}

impl Then {
    /// The effects, in the order of [`Effect`].
    pub(super) fn into_effects(self) -> impl Iterator<Item = Effect> {
        let all = [
            self.forbid.map(Effect::Forbid),
            self.require.map(Effect::Require),
            self.review.map(Effect::Review),
            self.disclose.map(Effect::Disclose),
            self.owe.map(Effect::Owe),
            self.safeguards.map(Effect::Safeguards),
            self.retain.map(Effect::Retain),
            self.limit.map(Effect::Limit),
            self.erase.map(Effect::Erase),
        ];
        all.into_iter().flatten()
    }
}

impl Effect {
    /// Its key in a pack.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Forbid(_) => "forbid",
            Self::Require(_) => "require",
            Self::Review(_) => "review",
            Self::Disclose(_) => "disclose",
            Self::Owe(_) => "owe",
            Self::Safeguards(_) => "safeguards",
            Self::Retain(_) => "retain",
            Self::Limit(_) => "limit",
            Self::Erase(_) => "erase",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Self::Forbid(ban) => f.write_str(&ban.reason),
            Self::Require(wanted) => write!(f, "{}", words(&wanted.grounds)),
            Self::Review(review) => write!(f, "{} ({} to agree)", review.reason, review.reviewers),
            Self::Disclose(disclose) => f.write_str(&disclose.told()),
            Self::Owe(owe) => write!(f, "{}, {}{}", owe.what, owe.after, within(owe.within_days)),
            Self::Safeguards(_) => f.write_str("what is asked and answered is looked through"),
            Self::Retain(retain) => f.write_str(&retain.told()),
            Self::Limit(limit) => write!(f, "contents at most {} days", limit.contents_days),
            Self::Erase(erase) => write!(f, "contents when the person asks for it{}", within(erase.within_days)),
        }
    }
}

impl Disclose {
    fn told(&self) -> String {
        let marks = self.mark.iter().map(|(key, value)| format!("{key}={value}"));
        let notice = self.notice.iter().map(|notice| format!("\"{notice}\""));
        notice.chain(marks).collect::<Vec<_>>().join(", ")
    }
}

impl Retain {
    fn told(&self) -> String {
        let part = |what, days: Option<u32>| days.map(|days| format!("{what} at least {days} days"));
        let parts = [part("records", self.records_days), part("contents", self.contents_days)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AdverseDecision => "after an adverse decision",
            Self::Request => "when the person asks",
            Self::Demand => "when an authority asks",
        })
    }
}

fn within(days: Option<u32>) -> String {
    days.map(|days| format!(", within {days} days")).unwrap_or_default()
}

/// Grounds in a sentence.
pub(super) fn words(grounds: &[Ground]) -> String {
    grounds.iter().map(Ground::as_str).collect::<Vec<_>>().join(", ")
}

impl Then {
    /// Whether a ceiling of this rule's lies below its own floor.
    pub(super) fn ends_too_early(&self) -> bool {
        let floor = self.retain.as_ref().and_then(|retain| retain.contents_days);
        let ceiling = self.limit.as_ref().map(|limit| limit.contents_days);
        floor.zip(ceiling).is_some_and(|(floor, ceiling)| ceiling < floor)
    }
}
