//! What all rules together say of a request: the strictest of them, and every rule that had a say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use forethought_safeguards::Rules;
use serde::{Serialize, Serializer};

use super::{
    effect::{Disclose, Effect, Owe},
    facts::Fact,
    pack::{Cite, WhenUnknown},
    retention::Retention,
    rule::State,
    words::Ground,
};
use crate::screens::ScreenRules;

/// What the rules say of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Each effect of each rule that applies, by the rule's id.
    pub applied: Vec<Applied>,
    /// Rules of which nobody can say whether they apply.
    pub undetermined: Vec<Undetermined>,
    /// Why the request is refused, if it is.
    pub forbidden: Option<Forbidden>,
    /// Who decides before the answer leaves, if anybody.
    pub review: Option<Reviewed>,
    /// What goes with the response, before its first token.
    pub disclosures: Vec<Disclosed>,
    /// What is owed to people later.
    pub owed: Vec<Owed>,
    /// What is looked for besides what the policy says.
    pub safeguards: Vec<Screening>,
    /// How long things stay.
    pub retention: Retention,
}

/// An effect of a rule that applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The rule.
    pub rule: Cite,
    /// What it does.
    #[serde(serialize_with = "shared")]
    pub effect: Arc<Effect>,
    /// Whether it has effect.
    pub state: State,
    /// What has become of it beside others.
    pub standing: Standing,
}

/// What has become of an effect beside those of other rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It stands.
    #[default]
    Stands,
    /// All that it requires is on file.
    Met,
    /// This is not on file.
    Missing(Vec<Ground>),
    /// Another rule asks for as much or more.
    CoveredBy(Cite),
    /// Another rule goes first, as a pack says.
    YieldsTo(Cite),
    /// No pack says whether this or another rule goes first; a person decides.
    Open(Cite),
}

/// A rule of which nobody can say whether it applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undetermined {
    /// The rule.
    pub rule: Cite,
    /// What the request would have to say.
    pub missing: Vec<Fact>,
    /// Whether it would have effect.
    pub state: State,
    /// What the operator wants done; nothing unless the rule would have effect.
    pub then: WhenUnknown,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forbidden {
    /// The rule that is told to the client: a ban before a condition, a condition before something unknown; else the first by id.
    pub rule: Cite,
    /// What the client is told.
    pub reason: String,
    /// What would mend it, if anything.
    pub mend: Option<String>,
    /// All other rules that refuse it.
    pub also: Vec<Cite>,
}

/// Who decides before an answer leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reviewed {
    /// How many different people must agree.
    pub reviewers: u8,
    /// What they are told, with the rules that say so.
    pub reasons: Vec<(String, Cite)>,
}

/// What goes with a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disclosed {
    /// The notice and the mark.
    #[serde(flatten)]
    pub disclose: Disclose,
    /// The rules that ask for it.
    pub rules: Vec<Cite>,
}

/// What is owed to a person later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owed {
    /// What, and when.
    #[serde(flatten)]
    pub owe: Owe,
    /// The rule.
    pub rule: Cite,
}

/// What is looked for because of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Screening {
    /// The rule.
    pub rule: Cite,
    /// The effect with the rules of safeguards.
    #[serde(serialize_with = "shared")]
    effect: Arc<Effect>,
}

impl Screening {
    pub(super) fn new(rule: &Cite, effect: &Arc<Effect>) -> Self {
        Self { rule: rule.clone(), effect: Arc::clone(effect) }
    }

    /// What is looked for.
    #[must_use]
    pub fn screens(&self) -> Option<&ScreenRules> {
        match &*self.effect {
            Effect::Safeguards(rules) => Some(rules),
            _ => None,
        }
    }
}

impl Judgement {
    /// Whether people decide before the answer leaves.
    #[must_use]
    pub const fn needs_review(&self) -> bool {
        self.review.is_some()
    }

    /// What is looked for in what is asked, for `Safeguards::new` beside the policy's own: the strictest wins there. Making
    /// safeguards ready takes milliseconds, so keep them by the ids of [`Judgement::safeguards`].
    #[must_use]
    pub fn input_rules(&self) -> Vec<&Rules> {
        self.safeguards.iter().filter_map(Screening::screens).map(|screens| &screens.input).collect()
    }

    /// What is looked for in what is answered, as [`Judgement::input_rules`].
    #[must_use]
    pub fn output_rules(&self) -> Vec<&Rules> {
        self.safeguards.iter().filter_map(Screening::screens).map(|screens| &screens.output).collect()
    }

    /// The marks of all disclosures, by key. Where laws give a key different values, all of them are told.
    #[must_use]
    pub fn marks(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut marks: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (key, value) in self.disclosures.iter().flat_map(|told| &told.disclose.mark) {
            marks.entry(key).or_default().insert(value);
        }
        marks
    }
}

fn shared<S: Serializer>(effect: &Arc<Effect>, serializer: S) -> Result<S::Ok, S::Error> {
    effect.serialize(serializer)
}
