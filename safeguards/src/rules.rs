//! What is looked for, and what is done where it is found.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Group, Kind,
    phrases::Phrases,
    whole::{ClassifierRule, ContractRule, LanguageRule, LengthRule, TopicRule, WholeRules},
};

/// What is done with what was found; a later one is stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing; it is not looked for.
    #[default]
    Allow,
    /// It is recorded and passes.
    Flag,
    /// A placeholder stands in its place.
    Redact,
    /// A person decides.
    Hold,
    /// Nothing passes from there on.
    Block,
}

impl Action {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Redact => "redact",
            Self::Hold => "hold",
            Self::Block => "block",
        }
    }

    /// Whether the text ends before what it is about.
    #[must_use]
    pub const fn stops(self) -> bool {
        matches!(self, Self::Hold | Self::Block)
    }
}

/// Phrases that are not to be said, and what is done where one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenyList {
    /// Its name, for records and errors.
    pub id: String,
    /// What is done.
    pub action: Action,
    /// Words and phrases, each found in any case, with marks and signs between its letters, in look-alike letters, backwards,
    /// by ROT13, and in common codes.
    pub phrases: Vec<String>,
}

/// What is looked for, as a policy says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// By group.
    #[serde(default)]
    pub groups: BTreeMap<Group, Action>,
    /// By kind, in place of what its group says.
    #[serde(default)]
    pub kinds: BTreeMap<Kind, Action>,
    /// Phrases.
    #[serde(default)]
    pub deny: Vec<DenyList>,
    /// Languages that texts may be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub languages: Option<LanguageRule>,
    /// How long texts may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths: Option<LengthRule>,
    /// What texts may not be about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicRule>,
    /// Models that judge texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classifiers: Vec<ClassifierRule>,
    /// What answers must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractRule>,
}

impl Rules {
    /// Those of them that look at whole texts; [`Safeguards`] leave them to [`Whole`](crate::whole::Whole).
    #[must_use]
    pub fn whole(&self) -> WholeRules<'_> {
        WholeRules {
            languages: self.languages.as_ref(),
            lengths: self.lengths.as_ref(),
            topics: &self.topics,
            classifiers: &self.classifiers,
            contract: self.contract.as_ref(),
        }
    }

    /// The first phrase that could never be found, having no letter or digit: the list's place and its place in it, from 0.
    #[must_use]
    pub fn empty_phrase(&self) -> Option<(usize, usize)> {
        let empty = |phrase: &String| !phrase.chars().any(char::is_alphanumeric);
        let found = |list: &DenyList| list.phrases.iter().position(empty);
        self.deny.iter().enumerate().find_map(|(list, phrases)| Some((list, found(phrases)?)))
    }

    /// The same rules for what a person has decided on: what was to be held is noted, and everything else is as before.
    #[must_use]
    pub fn released(&self) -> Self {
        let noted = |action: Action| if action == Action::Hold { Action::Flag } else { action };
        Self {
            groups: self.groups.iter().map(|(group, action)| (*group, noted(*action))).collect(),
            kinds: self.kinds.iter().map(|(kind, action)| (*kind, noted(*action))).collect(),
            deny: self.deny.iter().map(|list| DenyList { action: noted(list.action), ..list.clone() }).collect(),
            ..self.clone()
        }
    }

    /// Whether anything is to be held.
    #[must_use]
    pub fn holds(&self) -> bool {
        let actions = self.groups.values().chain(self.kinds.values()).chain(self.deny.iter().map(|list| &list.action));
        actions.into_iter().any(|action| *action == Action::Hold)
    }

    fn action(&self, kind: Kind) -> Action {
        self.kinds.get(&kind).or_else(|| self.groups.get(&kind.group())).copied().unwrap_or_default()
    }
}

/// What is done with each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actions {
    all: [Action; Kind::ALL.len()],
    /// The strictest of those for kinds that have a form.
    pub(crate) strictest: Action,
}

impl Actions {
    pub(crate) fn new(action: impl Fn(Kind) -> Action) -> Self {
        let mut all = [Action::Allow; Kind::ALL.len()];
        all.iter_mut().zip(Kind::ALL).for_each(|(place, kind)| *place = action(*kind));
        let formed = Kind::ALL.iter().filter(|kind| !matches!(kind, Kind::HiddenText | Kind::Phrase | Kind::Injection));
        Self { all, strictest: formed.map(|kind| action(*kind)).max().unwrap_or_default() }
    }

    pub(crate) fn of(&self, kind: Kind) -> Action {
        self.all.get(kind as usize).copied().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.all.iter().all(|action| *action == Action::Allow)
    }
}

/// Rules, ready to be kept. Share them by `Arc`: building takes milliseconds.
#[derive(Debug)]
pub struct Safeguards {
    pub(crate) actions: Actions,
    pub(crate) phrases: Phrases,
    /// Of each phrase, its list.
    lists: Vec<usize>,
    deny: Vec<DenyList>,
}

impl Safeguards {
    /// Makes rules ready. Of what several of them say of a kind the strictest counts, so none can weaken another.
    #[must_use]
    pub fn new(rules: &[&Rules]) -> Arc<Self> {
        let strictest = |kind: Kind| rules.iter().map(|rules| rules.action(kind)).max().unwrap_or_default();
        let actions = Actions::new(strictest);
        let deny = rules.iter().flat_map(|rules| &rules.deny).filter(|list| list.action != Action::Allow);
        let deny: Vec<DenyList> = deny.cloned().collect();
        let phrases = Phrases::new(deny.iter().flat_map(|list| list.phrases.iter().map(String::as_str)));
        let lists = deny.iter().enumerate().flat_map(|(at, list)| list.phrases.iter().map(move |_| at)).collect();
        Arc::new(Self { actions, phrases, lists, deny })
    }

    /// Without any rules.
    #[must_use]
    pub fn none() -> Arc<Self> {
        Self::new(&[])
    }

    /// What is done with a kind.
    #[must_use]
    pub fn action(&self, kind: Kind) -> Action {
        self.actions.of(kind)
    }

    /// The deny list of a phrase.
    pub(crate) fn list(&self, phrase: usize) -> Option<&DenyList> {
        self.deny.get(*self.lists.get(phrase)?)
    }

    /// Whether anything is done with any kind that has a form.
    pub(crate) fn wants_patterns(&self) -> bool {
        self.actions.strictest != Action::Allow
    }

    /// Whether anything that is found may be held for a person.
    #[must_use]
    pub fn holds(&self) -> bool {
        let kinds = Kind::ALL.iter().filter(|kind| **kind != Kind::Injection);
        kinds.into_iter().any(|kind| self.action(*kind) == Action::Hold)
            || self.deny.iter().any(|list| list.action == Action::Hold)
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.deny.is_empty()
    }
}
