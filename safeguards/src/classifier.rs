//! Classifier models: what each is asked, and what its answer means.
//!
//! A model that was trained to judge texts is asked in the words that it was trained with, and answers in a form of its own.
//! Here stand these words, without a model: [`Protocol::prompts`] gives what an engine draws an answer to, and
//! [`ClassifierPrompt::verdict`] reads that answer. An answer that cannot be read is an error, never a pass.

mod clean;
mod gpt_oss_safeguard;
mod granite_guardian;
mod llama_guard;
mod shield_gemma;
mod turns;
mod yes_no;

use serde::{Deserialize, Serialize};

pub use yes_no::Odds;

/// How a family of models is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// Llama Guard 3, 8B and 1B: a list of hazards, answered by `safe`, or `unsafe` and their names.
    #[serde(rename = "llama_guard_3")]
    LlamaGuard3,
    /// `ShieldGemma` 2B, 9B and 27B: one principle at a time, answered by `Yes` or `No`.
    #[serde(rename = "shield_gemma")]
    ShieldGemma,
    /// Granite Guardian 3.0 and 3.1: one risk at a time, answered by `Yes` or `No`.
    #[serde(rename = "granite_guardian_3")]
    GraniteGuardian3,
    /// Granite Guardian 3.2: as before, of a whole conversation, with a confidence.
    #[serde(rename = "granite_guardian_3_2")]
    GraniteGuardian32,
    /// Granite Guardian 4.1: one criterion at a time, as a chat message, answered in a `<score>`.
    #[serde(rename = "granite_guardian_4_1")]
    GraniteGuardian41,
    /// gpt-oss-safeguard 20B and 120B: the operator's own policy, answered in JSON.
    #[serde(rename = "gpt_oss_safeguard")]
    GptOssSafeguard,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The application; whoever sends the request writes it, so it counts as the user's.
    System,
    /// The person.
    User,
    /// The model that is guarded.
    Assistant,
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The last that the user says; what the model says after it is left out.
    Input,
    /// The last that the model says.
    Output,
}

/// What a classifier is shown.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'t> {
    /// Messages in their order. Whatever is no part of the conversation, leave out.
    pub messages: &'t [(Speaker, &'t str)],
    /// What is judged.
    pub target: Target,
}

/// What a text must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Category {
    /// One that the model was trained with, by its name, such as `S9` or `violence`.
    Known(String),
    /// One of the operator's own.
    Own {
        /// Its name, for answers and records: letters, digits, `_`, `-` and `.`.
        id: String,
        /// What it says; for `gpt_oss_safeguard` a whole policy.
        text: String,
    },
}

/// In which form an engine takes a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text that is continued as it stands, control tokens included. An engine that wraps it into a chat must refuse.
    Text(String),
    /// Messages that the model's own chat template renders.
    Chat(Vec<(Speaker, String)>),
}

/// One question to a classifier. Draw its answer at temperature 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassifierPrompt {
    /// How it is asked.
    pub protocol: Protocol,
    /// What it is asked.
    pub form: Form,
    /// Tokens that the answer may need.
    pub max_tokens: u32,
    /// Whether the probabilities of the answer's first word make a score.
    pub logprobs: bool,
    /// What it is asked about, by name.
    pub categories: Vec<String>,
}

/// What a classifier says of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classified {
    /// Whether it is what it must not be.
    pub violates: bool,
    /// In which respects; names of categories that were asked about, or of the policy's own rules.
    pub categories: Vec<String>,
    /// How likely it violates, from 0 to 1, where the engine tells probabilities.
    pub score: Option<f32>,
    /// Why, in the classifier's words. They may repeat the text that was judged: no record may hold them.
    pub reason: Option<String>,
}

impl Classified {
    /// What several answers say of one text: it violates if any of them says so.
    #[must_use]
    pub fn worst(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::default(), Self::with)
    }

    fn with(mut self, other: Self) -> Self {
        self.violates |= other.violates;
        self.categories.extend(other.categories);
        self.score = [self.score, other.score].into_iter().flatten().reduce(f32::max);
        self.reason = self.reason.or(other.reason);
        self
    }
}

/// Why a classifier cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// There is nothing to judge.
    #[error("the conversation has no message of the {0} to judge; leave out the check, or give one")]
    NoMessage(&'static str),
    /// A name that the model does not know.
    #[error("`{name}` is no category of this protocol; name one of {known}, or give an `id` and a `text`")]
    UnknownCategory {
        /// The name.
        name: String,
        /// What it knows.
        known: String,
    },
    /// A name that could not be told in an answer.
    #[error("the category id `{0}` is empty or has other characters than letters, digits, `_`, `-`, `.`; change it")]
    BadId(String),
    /// A category without text.
    #[error("the category `{0}` has an empty text; say what it is about")]
    NoText(String),
    /// Nothing is asked.
    #[error("no policy is given; give one as a category with an `id` and a `text`")]
    NoPolicy,
}

/// Why an answer says nothing. Whoever asked must treat the text as one that violates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It does not have the form that the protocol asks for.
    #[error("the classifier's answer is not of the form {0}; check that the model is the one of the protocol")]
    Form(&'static str),
    /// It names something that was not asked about.
    #[error("the classifier names a category that it was not asked about; check that the model is the protocol's")]
    Category,
    /// It says two things at once.
    #[error("the classifier contradicts itself; draw its answer at temperature 0")]
    Contradiction,
    /// The probabilities are none.
    #[error("the probabilities of the classifier's words are no numbers; switch them off, or mend the engine")]
    Odds,
}

impl Protocol {
    /// What to ask. Several prompts are several questions about one text: it violates if any answer says so
    /// ([`Classified::worst`]). Without categories, those that the model was trained with are asked about.
    ///
    /// Control tokens and headings of the protocol that stand in a message are broken up, so that no message can end its
    /// own part of the prompt.
    ///
    /// # Errors
    /// [`Unasked`] when the conversation has nothing to judge, or a category is unknown or empty.
    pub fn prompts(self, of: &Conversation<'_>, categories: &[Category]) -> Result<Vec<ClassifierPrompt>, Unasked> {
        categories.iter().try_for_each(check)?;
        match self {
            Self::LlamaGuard3 => llama_guard::prompt(of, categories).map(|prompt| vec![prompt]),
            Self::ShieldGemma => shield_gemma::prompts(of, categories),
            Self::GraniteGuardian3 | Self::GraniteGuardian32 | Self::GraniteGuardian41 => {
                granite_guardian::prompts(self, of, categories)
            }
            Self::GptOssSafeguard => gpt_oss_safeguard::prompts(of, categories),
        }
    }

    /// Whether it is asked in a text that is continued as it stands, and not in messages of a chat.
    #[must_use]
    pub const fn is_text(self) -> bool {
        match self {
            Self::LlamaGuard3 | Self::ShieldGemma | Self::GraniteGuardian3 | Self::GraniteGuardian32 => true,
            Self::GraniteGuardian41 | Self::GptOssSafeguard => false,
        }
    }

    /// The two words that the answer's first word is one of, the one for a violation first; `None` where the first word
    /// tells nothing.
    #[must_use]
    pub const fn words(self) -> Option<[&'static str; 2]> {
        match self {
            Self::LlamaGuard3 => Some(["unsafe", "safe"]),
            Self::ShieldGemma | Self::GraniteGuardian3 | Self::GraniteGuardian32 => Some(["Yes", "No"]),
            Self::GraniteGuardian41 | Self::GptOssSafeguard => None,
        }
    }
}

impl ClassifierPrompt {
    /// Reads an answer: the whole text that was drawn, without the model's thoughts, and the odds of its first word if
    /// the engine tells them.
    ///
    /// # Errors
    /// [`Unreadable`] when the answer is not exactly what the protocol asks for.
    pub fn verdict(&self, answer: &str, odds: Option<Odds>) -> Result<Classified, Unreadable> {
        match self.protocol {
            Protocol::LlamaGuard3 => llama_guard::verdict(&self.categories, answer, odds),
            Protocol::ShieldGemma => shield_gemma::verdict(&self.categories, answer, odds),
            Protocol::GraniteGuardian3 | Protocol::GraniteGuardian32 | Protocol::GraniteGuardian41 => {
                granite_guardian::verdict(self.protocol, &self.categories, answer, odds)
            }
            Protocol::GptOssSafeguard => gpt_oss_safeguard::verdict(&self.categories, answer),
        }
    }
}

fn check(category: &Category) -> Result<(), Unasked> {
    let Category::Own { id, text } = category else { return Ok(()) };
    let fits = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    if id.is_empty() || !id.chars().all(fits) {
        return Err(Unasked::BadId(id.clone()));
    }
    if text.trim().is_empty() { Err(Unasked::NoText(id.clone())) } else { Ok(()) }
}

/// A category's name and text, of those that are known.
fn resolve(category: &Category, known: &[(&'static str, &'static str)]) -> Result<(String, String), Unasked> {
    match category {
        Category::Own { id, text } => Ok((id.clone(), text.trim().to_owned())),
        Category::Known(name) => {
            let found = known.iter().find(|(known, _)| known == name);
            let found = found.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
            found.ok_or_else(|| unknown(name, known))
        }
    }
}

fn unknown(name: &str, known: &[(&'static str, &'static str)]) -> Unasked {
    let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    Unasked::UnknownCategory { name: name.to_owned(), known: known.join(", ") }
}

/// The categories that are asked about: those that are chosen, or all that are known.
fn chosen(categories: &[Category], known: &[(&'static str, &'static str)]) -> Result<Vec<(String, String)>, Unasked> {
    if categories.is_empty() {
        return Ok(known.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect());
    }
    categories.iter().map(|category| resolve(category, known)).collect()
}
