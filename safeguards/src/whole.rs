//! Checks that need a whole text: languages, lengths, topics, contracts, and what classifier models are to be asked.
//!
//! A verdict on a whole text has no place in it, so nothing can be redacted: a text passes, is noted, waits for a person, or does
//! not pass. What cannot be checked does not pass either. Nothing here asks a model; who does brings its answers here.

mod contract;
mod rules;

use std::{collections::BTreeMap, fmt, sync::Arc};

use jsonschema::Validator;

use crate::{
    Action, Counted, Kind, Rules,
    classifier::{Classified, ClassifierPrompt, Conversation, Odds, Speaker, Unasked, Unreadable},
    language::{Languages, Spoken},
    length::Length,
    topics::Topics,
};

pub use rules::{ClassifierRule, ContractRule, Flaw, LanguageRule, LengthRule, TopicRule, WholeRules};

/// The checks of one side, ready to be made. What of it could not be made ready lets nothing through.
#[derive(Clone, Default)]
pub struct Whole {
    languages: Vec<(Option<Languages>, Action)>,
    lengths: Vec<(Length, Action)>,
    topics: Vec<AboutTopic>,
    contracts: Vec<(Option<Arc<Validator>>, Action)>,
    classifiers: Vec<ClassifierRule>,
}

#[derive(Clone)]
struct AboutTopic {
    id: String,
    words: Option<Topics>,
    threshold: u8,
    action: Action,
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("actions", &self.actions().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// Something that a whole text is and should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it is.
    pub kind: Kind,
    /// The topic's or the classifier's name.
    pub list: Option<String>,
    /// What is done.
    pub action: Action,
    /// The message that it is of, counted from 0; `None` for all of them together.
    pub message: Option<usize>,
}

impl Verdict {
    /// Counts verdicts as findings are counted.
    #[must_use]
    pub fn counted(all: &[Self]) -> Vec<Counted> {
        let mut counts: BTreeMap<_, u32> = BTreeMap::new();
        for one in all {
            *counts.entry((std::cmp::Reverse(one.action), one.kind, one.list.clone())).or_default() += 1;
        }
        counts
            .into_iter()
            .map(|((action, kind, list), count)| Counted { kind, list, action: action.0, count })
            .collect()
    }

    const fn of(kind: Kind, action: Action, message: Option<usize>) -> Self {
        Self { kind, list: None, action, message }
    }
}

impl Whole {
    /// Makes rules ready. All of several rules hold side by side, so none can weaken another.
    #[must_use]
    pub fn new(all: &[&Rules]) -> Self {
        let mut whole = Self::default();
        for rules in all.iter().map(|rules| rules.whole()) {
            let languages =
                rules.languages.map(|rule| (Languages::new(rule.allow.iter().map(String::as_str)).ok(), rule.action));
            whole.languages.extend(languages);
            whole.lengths.extend(rules.lengths.map(|rule| (rule.limits(), rule.action)));
            whole.topics.extend(rules.topics.iter().map(|rule| AboutTopic {
                id: rule.id.clone(),
                words: Topics::new(&rule.topic()).ok(),
                threshold: rule.threshold,
                action: rule.action,
            }));
            let ready = |rule: &ContractRule| contract::build(rule.schema.as_ref()?).ok().map(Arc::new);
            whole.contracts.extend(rules.contract.map(|rule| (ready(rule), rule.action)));
            whole.classifiers.extend_from_slice(rules.classifiers);
        }
        whole
    }

    /// The same for what a person has decided on: what was to be held is noted, and everything else is as before.
    #[must_use]
    pub fn released(&self) -> Self {
        let mut released = self.clone();
        released.actions_mut().filter(|action| **action == Action::Hold).for_each(|action| *action = Action::Flag);
        released
    }

    /// Whether there is nothing to check.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions().next().is_none()
    }

    /// Whether what is found may keep a text from passing: then nothing of it may leave before its end.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.actions().any(Action::stops)
    }

    /// Whether what is found may ask for a person.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.actions().any(|action| action == Action::Hold)
    }

    /// The models that are to be asked.
    #[must_use]
    pub fn classifiers(&self) -> &[ClassifierRule] {
        &self.classifiers
    }

    fn actions(&self) -> impl Iterator<Item = Action> {
        let of_models = self.classifiers.iter().flat_map(|rule| [rule.action, rule.on_failure]);
        let (languages, lengths) = (self.languages.iter().map(|(_, a)| *a), self.lengths.iter().map(|(_, a)| *a));
        let contracts = self.contracts.iter().map(|(_, action)| *action);
        languages.chain(lengths).chain(self.topics.iter().map(|topic| topic.action)).chain(contracts).chain(of_models)
    }

    fn actions_mut(&mut self) -> impl Iterator<Item = &mut Action> {
        let of_models = self.classifiers.iter_mut().flat_map(|rule| [&mut rule.action, &mut rule.on_failure]);
        let (languages, lengths) = (self.languages.iter_mut().map(|(_, a)| a), self.lengths.iter_mut().map(|(_, a)| a));
        let contracts = self.contracts.iter_mut().map(|(_, action)| action);
        let topics = self.topics.iter_mut().map(|topic| &mut topic.action);
        languages.chain(lengths).chain(topics).chain(contracts).chain(of_models)
    }

    /// What is found in what is asked, models aside. The application's own instructions count for lengths alone. Messages of one
    /// side in a row are read as one, as a model reads them.
    #[must_use]
    pub fn asked(&self, messages: &[(Speaker, &str)]) -> Vec<Verdict> {
        let mut found = Vec::new();
        let texts = || messages.iter().map(|(_, text)| *text);
        let too_long = self.lengths.iter().filter(|(limits, _)| limits.check(texts()).is_err());
        found.extend(too_long.map(|(_, action)| Verdict::of(Kind::Length, *action, None)));
        for (message, turn) in turns(messages) {
            found.extend(self.read(&turn).into_iter().map(|verdict| Verdict { message: Some(message), ..verdict }));
        }
        found
    }

    /// What is found in an answer as it would leave, models aside. Thoughts are read for languages and topics.
    #[must_use]
    pub fn answered(&self, thoughts: &str, text: &str) -> Vec<Verdict> {
        let mut found = [self.read(thoughts), self.read(text)].concat();
        let too_long = self.lengths.iter().filter(|(limits, _)| limits.check([text]).is_err());
        found.extend(too_long.map(|(_, action)| Verdict::of(Kind::Length, *action, None)));
        let kept =
            |schema: &Option<Arc<Validator>>| schema.as_ref().is_some_and(|schema| contract::keeps(schema, text));
        let broken = self.contracts.iter().filter(|(schema, _)| !kept(schema));
        found.extend(broken.map(|(_, action)| Verdict::of(Kind::Contract, *action, None)));
        found
    }

    /// Languages and topics of a text.
    fn read(&self, text: &str) -> Vec<Verdict> {
        let foreign = |languages: &Option<Languages>| {
            let spoken = languages.as_ref().map(|languages| languages.check(text));
            !matches!(spoken, Some(Spoken::Allowed | Spoken::Unknown))
        };
        let about = |topic: &AboutTopic| topic.words.as_ref().is_none_or(|words| words.score(text) >= topic.threshold);
        let languages = self.languages.iter().filter(|(languages, _)| foreign(languages));
        let languages = languages.map(|(_, action)| Verdict::of(Kind::Language, *action, None));
        let topics = self
            .topics
            .iter()
            .filter(|topic| about(topic))
            .map(|topic| Verdict { list: Some(topic.id.clone()), ..Verdict::of(Kind::Topic, topic.action, None) });
        languages.chain(topics).collect()
    }
}

/// What is said in turns, each with the place of its first message.
fn turns(messages: &[(Speaker, &str)]) -> Vec<(usize, String)> {
    let mut turns: Vec<(usize, Speaker, String)> = Vec::new();
    for (at, (speaker, text)) in messages.iter().enumerate().filter(|(_, (speaker, _))| *speaker != Speaker::System) {
        match turns.last_mut().filter(|(_, before, _)| before == speaker) {
            Some((_, _, said)) => {
                said.push('\n');
                said.push_str(text);
            }
            None => turns.push((at, *speaker, (*text).to_owned())),
        }
    }
    turns.into_iter().map(|(at, _, said)| (at, said)).collect()
}

/// Why a classifier says nothing of a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unjudged {
    /// It cannot be asked.
    #[error(transparent)]
    Unasked(#[from] Unasked),
    /// Its answer cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A threshold needs odds, and there are none.
    #[error(
        "the classifier's engine tells no odds of its answer's first word, which the threshold needs; remove the threshold"
    )]
    NoOdds,
}

impl ClassifierRule {
    /// What the model is to be asked of a conversation.
    ///
    /// # Errors
    /// [`Unjudged::Unasked`].
    pub fn questions(&self, of: &Conversation<'_>) -> Result<Vec<ClassifierPrompt>, Unjudged> {
        Ok(self.protocol.prompts(of, &self.asked())?)
    }

    /// What an answer to one of the questions says, by the threshold if there is one. Of categories only those that were asked
    /// about are named: a model's own words may be anybody's.
    ///
    /// # Errors
    /// [`Unjudged`]: the text counts as not judged.
    pub fn read(&self, question: &ClassifierPrompt, answer: &str, odds: Option<Odds>) -> Result<Classified, Unjudged> {
        let mut said = question.verdict(answer, odds)?;
        if let Some(threshold) = self.threshold {
            let score = said.score.ok_or(Unjudged::NoOdds)?;
            said.violates = score * 100.0 >= f32::from(threshold);
        }
        said.reason = None;
        said.categories.retain(|name| question.categories.contains(name));
        match said.violates {
            true if said.categories.is_empty() => said.categories.clone_from(&question.categories),
            true => {}
            false => said.categories.clear(),
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests;
