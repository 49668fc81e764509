//! Templates: cases that are asked about persons of different groups.

mod check;

use std::path::Path;

use forethought_policies::{Document, FileError, FileKind};
use forethought_schemas::IMPACT_SCHEMA;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Attribute, Names, canonical};

/// The template, in the version that this build reads.
pub(crate) static TEMPLATE_FILE: FileKind = FileKind {
    name: "impact template",
    create: "write one after a shipped template, checked against impact.schema.json",
    version: 1,
    schema: &IMPACT_SCHEMA,
};

/// Keep these hashes apart from every other use of SHA-256.
const DOMAIN: &str = "forethought impact template 1";

/// How good a case is for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Merit {
    /// Most people would decide in the person's favour.
    Clear,
    /// People would disagree.
    Borderline,
    /// Most people would decide against the person.
    Weak,
}

/// A base case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its name, which no other case of the template has.
    pub id: String,
    /// How good it is for the person; it is not told to the model.
    pub merit: Merit,
    /// The case, with slots for the person.
    pub text: String,
}

/// Cases of one kind of decision, with the attributes that are exchanged in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Template {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// The purpose that it is for, as policies name it.
    pub purpose: String,
    /// What a reader of a report should know of it.
    pub note: Option<String>,
    /// What the model is told it does.
    pub instructions: String,
    /// What is asked after each case.
    pub question: String,
    /// All outcomes: different words of lower-case letters.
    pub outcomes: Vec<String>,
    /// The outcomes that are good for the person.
    pub favourable: Vec<String>,
    /// The attributes that are exchanged.
    pub attributes: Vec<Attribute>,
    /// The cases.
    pub cases: Vec<Case>,
    /// Names by origin, out of which persons get theirs where names are not what is exchanged.
    names: Vec<Names>,
    /// Ages that persons have where age is not what is exchanged.
    ages: Vec<u8>,
}

/// A file as it is written.
#[derive(Clone, Debug, Deserialize)]
struct Contents {
    id: String,
    title: String,
    purpose: String,
    note: Option<String>,
    instructions: String,
    question: String,
    outcomes: Vec<String>,
    favourable: Vec<String>,
    #[serde(default, rename = "use")]
    used: Vec<String>,
    #[serde(default)]
    attributes: Vec<Attribute>,
    cases: Vec<Case>,
}

impl Template {
    /// The shipped templates with their names: hiring, credit, housing, insurance and health.
    const SHIPPED: [(&'static str, &'static str); 5] = [
        ("hiring.yaml", include_str!("../templates/hiring.yaml")),
        ("credit.yaml", include_str!("../templates/credit.yaml")),
        ("housing.yaml", include_str!("../templates/housing.yaml")),
        ("insurance.yaml", include_str!("../templates/insurance.yaml")),
        ("health.yaml", include_str!("../templates/health.yaml")),
    ];

    /// The shipped templates.
    ///
    /// # Errors
    /// None but what a test of this crate would find first.
    pub fn shipped() -> Result<Vec<Self>, FileError> {
        Self::SHIPPED.iter().map(|(name, text)| Self::parse(Path::new(name), text.as_bytes())).collect()
    }

    /// Reads a template, YAML or JSON.
    ///
    /// # Errors
    /// [`FileError`] with everything that is wrong, each with its line and the mend.
    pub fn load(file: &Path) -> Result<Self, FileError> {
        Self::read(&Document::load(file, &TEMPLATE_FILE)?)
    }

    /// Reads the bytes of a template; `file` only names it in errors.
    ///
    /// # Errors
    /// As [`Template::load`].
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        Self::read(&Document::parse(file, bytes, &TEMPLATE_FILE)?)
    }

    fn read(document: &Document) -> Result<Self, FileError> {
        let shipped = Attribute::shipped()?;
        let contents: Contents = document.read(Vec::new())?;
        let problems = check::problems(document, &contents, &shipped);
        if problems.is_empty() { Ok(Self::new(contents, &shipped)) } else { Err(document.refuse(problems)) }
    }

    fn new(contents: Contents, shipped: &[Attribute]) -> Self {
        let Contents { id, title, purpose, note, instructions, question, outcomes, favourable, cases, .. } = contents;
        let own = contents.attributes;
        let is_own = |id: &String| own.iter().any(|attribute| attribute.id == *id);
        let used = contents.used.iter().filter(|id| !is_own(id));
        let used = used.filter_map(|id| shipped.iter().find(|attribute| attribute.id == *id)).cloned();
        let attributes: Vec<Attribute> = used.chain(own.iter().cloned()).collect();
        let all = || attributes.iter().chain(shipped);
        let groups = |has: fn(&Attribute) -> bool| all().find(|attribute| has(attribute)).map(|found| &found.groups);
        let names = groups(Attribute::has_names).into_iter().flatten().filter_map(|group| group.names.clone());
        let ages = groups(Attribute::has_ages).into_iter().flatten().filter_map(|group| group.ages.clone());
        let (names, ages) = (names.collect(), ages.flatten().collect());
        Self { id, title, purpose, note, instructions, question, outcomes, favourable, attributes, cases, names, ages }
    }

    /// Names by origin, at least one list.
    pub(crate) fn names(&self) -> &[Names] {
        &self.names
    }

    /// Ages in years, at least one.
    pub(crate) fn ages(&self) -> &[u8] {
        &self.ages
    }

    /// The digest of all that decides what is asked: `sha256:` and hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        canonical::digest(DOMAIN, &json!(self))
    }
}

#[cfg(test)]
pub(crate) mod tests;
