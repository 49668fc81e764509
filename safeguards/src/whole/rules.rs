//! What a policy says of whole texts, and what is wrong with it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Action,
    classifier::{Category, Conversation, Protocol, Speaker, Target},
    language::Languages,
    length::Length,
    topics::{Topic, Topics},
};

/// How long a classifier may take by default, in milliseconds.
const USUAL_TIMEOUT_MS: u64 = 10_000;

/// Languages that a text may be in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageRule {
    /// Their names in ISO 639-1 or 639-3.
    pub allow: Vec<String>,
    /// What is done with a text that is in another one.
    pub action: Action,
}

/// How long a text may be; what is left out has no limit. Characters are Unicode scalar values, bytes those of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LengthRule {
    /// Messages of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Characters of a message, or of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_characters: Option<u64>,
    /// Bytes of a message, or of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_bytes: Option<u64>,
    /// Characters of all messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_characters: Option<u64>,
    /// Bytes of all messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<u64>,
    /// What is done with what is longer.
    pub action: Action,
}

impl LengthRule {
    pub(super) const fn limits(&self) -> Length {
        Length {
            messages: self.messages,
            message_letters: self.message_characters,
            message_bytes: self.message_bytes,
            letters: self.request_characters,
            bytes: self.request_bytes,
        }
    }
}

/// What a text must not be about, by words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicRule {
    /// Its name, for records and errors.
    pub id: String,
    /// Words and phrases, and what each weighs, from 1 to 100. A `*` at the end stands for any ending.
    pub words: HashMap<String, u8>,
    /// The score, from 1 to 100, from which on a text is about it.
    pub threshold: u8,
    /// What is done with a text that is about it.
    pub action: Action,
}

impl TopicRule {
    pub(super) fn topic(&self) -> Topic {
        Topic { id: self.id.clone(), words: self.words.clone() }
    }
}

/// A model that judges whole texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierRule {
    /// Its name, for records, metrics and errors.
    pub id: String,
    /// The id of the model, as the service's configuration has it.
    pub model: String,
    /// How it is asked.
    pub protocol: Protocol,
    /// What Llama Guard is asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// What `ShieldGemma` is asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principles: Vec<Category>,
    /// What Granite Guardian is asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<Category>,
    /// The policy that gpt-oss-safeguard judges by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The score in percent, from 1 to 100, from which on a text violates; without it the model's word counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u8>,
    /// What is done with a text that violates.
    pub action: Action,
    /// What is done with a text that could not be judged.
    #[serde(default = "block")]
    pub on_failure: Action,
    /// How long the judgement of one side of a request may take in all, in milliseconds.
    #[serde(default = "usual_timeout")]
    pub timeout_ms: u64,
}

const fn block() -> Action {
    Action::Block
}

const fn usual_timeout() -> u64 {
    USUAL_TIMEOUT_MS
}

impl ClassifierRule {
    /// What the model is asked about; all that it knows if nothing is named.
    #[must_use]
    pub fn asked(&self) -> Vec<Category> {
        let own = self.policy.iter().map(|text| Category::Own { id: self.id.clone(), text: text.clone() });
        [&self.categories, &self.principles, &self.risks].into_iter().flatten().cloned().chain(own).collect()
    }

    /// The key under which the protocol is told what to ask about.
    const fn key(&self) -> &'static str {
        match self.protocol {
            Protocol::LlamaGuard3 => "categories",
            Protocol::ShieldGemma => "principles",
            Protocol::GraniteGuardian3 | Protocol::GraniteGuardian32 | Protocol::GraniteGuardian41 => "risks",
            Protocol::GptOssSafeguard => "policy",
        }
    }

    /// The keys that are used.
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        let used = [
            ("categories", !self.categories.is_empty()),
            ("principles", !self.principles.is_empty()),
            ("risks", !self.risks.is_empty()),
            ("policy", self.policy.is_some()),
        ];
        used.into_iter().filter(|(_, used)| *used).map(|(key, _)| key)
    }
}

/// What an answer must be: JSON of a schema, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractRule {
    /// The schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The file that holds it, beside the policy file; whoever reads the policy puts its contents into `schema`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What is done with an answer that is something else.
    pub action: Action,
}

/// The rules of one side that look at whole texts.
#[derive(Clone, Copy, Debug)]
pub struct WholeRules<'r> {
    pub(crate) languages: Option<&'r LanguageRule>,
    pub(crate) lengths: Option<&'r LengthRule>,
    pub(crate) topics: &'r [TopicRule],
    pub(crate) classifiers: &'r [ClassifierRule],
    pub(crate) contract: Option<&'r ContractRule>,
}

/// Something that is wrong with such rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where, as a JSON pointer from the side that the rules are of.
    pub pointer: String,
    /// What is wrong.
    pub told: String,
    /// What to do.
    pub mend: String,
}

fn flaw(pointer: impl Into<String>, told: impl Into<String>, mend: impl Into<String>) -> Flaw {
    Flaw { pointer: pointer.into(), told: told.into(), mend: mend.into() }
}

/// An error text that ends in its mend, in two.
fn parted(pointer: impl Into<String>, error: &impl ToString) -> Flaw {
    let error = error.to_string();
    let (told, mend) = error.split_once("; ").unwrap_or((&error, ""));
    flaw(pointer, told, mend)
}

impl WholeRules<'_> {
    /// Everything that is wrong with the rules of what is asked, or of what is answered.
    #[must_use]
    pub fn flaws(&self, side: Target) -> Vec<Flaw> {
        let mut flaws = self.of_actions();
        flaws.extend(self.languages.and_then(of_languages));
        flaws.extend(self.lengths.filter(|_| side == Target::Output).and_then(of_lengths));
        flaws.extend(self.topics.iter().enumerate().filter_map(|(at, topic)| of_topic(at, topic)));
        let classifiers = self.classifiers.iter().enumerate();
        flaws.extend(classifiers.flat_map(|(at, rule)| of_classifier(at, rule, side)));
        flaws.extend(twice("topics", self.topics.iter().map(|topic| topic.id.as_str())));
        flaws.extend(twice("classifiers", self.classifiers.iter().map(|rule| rule.id.as_str())));
        flaws.extend(self.contract.and_then(|contract| of_contract(contract, side)));
        flaws
    }

    /// Every action, with its place.
    fn actions(&self) -> Vec<(String, Action)> {
        let mut all = Vec::new();
        all.extend(self.languages.map(|rule| ("/languages/action".to_owned(), rule.action)));
        all.extend(self.lengths.map(|rule| ("/lengths/action".to_owned(), rule.action)));
        all.extend(self.topics.iter().enumerate().map(|(at, rule)| (format!("/topics/{at}/action"), rule.action)));
        for (at, rule) in self.classifiers.iter().enumerate() {
            all.push((format!("/classifiers/{at}/action"), rule.action));
            all.push((format!("/classifiers/{at}/on_failure"), rule.on_failure));
        }
        all.extend(self.contract.map(|rule| ("/contract/action".to_owned(), rule.action)));
        all
    }

    fn of_actions(&self) -> Vec<Flaw> {
        let why = |action| match action {
            Action::Redact => Some("a verdict on a whole text has no place to redact"),
            Action::Allow => Some("a check that lets everything through is none"),
            Action::Flag | Action::Hold | Action::Block => None,
        };
        let wrong = self.actions().into_iter().filter_map(|(at, action)| Some((at, why(action)?)));
        wrong.map(|(at, why)| flaw(at, why, "write `flag`, `hold` or `block`")).collect()
    }
}

fn of_languages(rule: &LanguageRule) -> Option<Flaw> {
    let unknown = |name: &&String| Languages::new([name.as_str()]).is_err();
    let at = rule
        .allow
        .iter()
        .position(|name| unknown(&name))
        .map_or("/languages/allow".to_owned(), |at| format!("/languages/allow/{at}"));
    let error = Languages::new(rule.allow.iter().map(String::as_str)).err()?;
    Some(parted(at, &error))
}

fn of_lengths(rule: &LengthRule) -> Option<Flaw> {
    let of_requests = [
        ("messages", rule.messages),
        ("request_characters", rule.request_characters),
        ("request_bytes", rule.request_bytes),
    ];
    let (key, _) = of_requests.into_iter().find(|(_, limit)| limit.is_some())?;
    let mend = "set `message_characters` or `message_bytes`, or move it to `input`";
    Some(flaw(format!("/lengths/{key}"), "an answer is one message and no request", mend))
}

fn of_topic(at: usize, rule: &TopicRule) -> Option<Flaw> {
    let error = Topics::new(&rule.topic()).err()?;
    Some(parted(format!("/topics/{at}/words"), &error))
}

fn of_classifier(at: usize, rule: &ClassifierRule, side: Target) -> Vec<Flaw> {
    let place = |key: &str| format!("/classifiers/{at}/{key}");
    let key = rule.key();
    let foreign = rule.keys().filter(|used| *used != key);
    let mut flaws: Vec<Flaw> = foreign
        .map(|used| flaw(place(used), format!("this protocol is not asked by `{used}`"), format!("write `{key}`")))
        .collect();
    if rule.threshold.is_some() && rule.protocol.words().is_none() {
        let told = "this protocol tells no odds, so there is no score for a threshold";
        flaws.push(flaw(place("threshold"), told, "remove the threshold; the model's word counts"));
    }
    if rule.policy.is_none() && rule.protocol == Protocol::GptOssSafeguard {
        flaws.push(flaw(format!("/classifiers/{at}"), "this protocol judges by a policy of yours", "add `policy`"));
    } else if flaws.is_empty() {
        let messages = [(Speaker::User, "a"), (Speaker::Assistant, "b")];
        let asked = rule.protocol.prompts(&Conversation { messages: &messages, target: side }, &rule.asked());
        flaws.extend(asked.err().map(|error| parted(place(key), &error)));
    }
    flaws
}

fn of_contract(rule: &ContractRule, side: Target) -> Option<Flaw> {
    if side == Target::Input {
        return Some(flaw("/contract", "a contract is of what is answered", "move it to `output`"));
    }
    match (&rule.schema, &rule.file) {
        (Some(schema), None) => {
            let error = super::contract::build(schema).err()?;
            Some(flaw("/contract/schema", format!("this is no JSON Schema: {error}"), "correct it"))
        }
        (None, Some(_)) => None,
        _ => Some(flaw("/contract", "a contract has a schema", "give either `schema` or `file`")),
    }
}

/// Names that stand twice.
fn twice<'n>(list: &str, names: impl Iterator<Item = &'n str>) -> Vec<Flaw> {
    let mut seen = std::collections::HashSet::new();
    let again = names.enumerate().filter(|(_, name)| !seen.insert(*name));
    let told = |name| format!("the id `{name}` stands twice");
    again.map(|(at, name)| flaw(format!("/{list}/{at}/id"), told(name), "give each its own")).collect()
}
