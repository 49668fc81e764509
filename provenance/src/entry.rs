//! What is known of one model: its files, where they come from, who approved them, and what was measured.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Digest, Fingerprint};

/// Keep these digests apart from every other use of SHA-256.
const ENTRY_DOMAIN: &str = "forethought model entry 1";
const SUBJECT_DOMAIN: &str = "forethought model approval 1";

/// One registered model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name, as in the configuration.
    pub id: String,
    /// Every file that the engine reads; at least one.
    pub files: Vec<RegisteredFile>,
    /// Where they come from.
    pub source: Source,
    /// An SPDX expression. That its licences are on SPDX's list is not checked.
    pub licence: String,
    /// The id of the entry that the model was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// What a reader should know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who approved it; without this it does not load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approval>,
    /// Why it is not used any more; with this it does not load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<Evaluation>,
    /// Digests of impact assessments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impact: Vec<Digest>,
    /// What it did on the probes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

/// One file of a model. It has either a path or a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredFile {
    /// Where it is, relative to the registry's folder and inside of it; `/` between folders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What it is called where its place does not matter; in a folder that is given as a whole, its path in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its length in bytes, at most 2^53 − 1.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// Where files come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The address of the page or repository.
    pub url: String,
    /// Which state of it: a commit, a tag or a date.
    pub revision: String,
}

/// Who approved a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// The date.
    pub on: Date,
    /// Why, or under which conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What was approved, as [`Entry::subject`] has it. An approval that a person wrote by hand may leave it out; then
    /// it does not end when the entry is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// Why a model is not used any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Who.
    pub by: String,
    /// The date.
    pub on: Date,
    /// Why.
    pub why: String,
}

/// The results on one set of questions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The name of the set.
    pub set: String,
    /// The digest of the file of results, where it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Digest>,
    /// When it was measured.
    pub on: Date,
    /// The figures; at least one.
    pub figures: Vec<Figure>,
}

/// One figure of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// The number; finite.
    pub value: f64,
    /// The ends of its interval, the lower first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

impl RegisteredFile {
    /// Its path or its name, whichever it has.
    #[must_use]
    pub fn label(&self) -> &str {
        self.path.as_deref().or(self.name.as_deref()).unwrap_or_default()
    }
}

impl Entry {
    /// The digest of all that the entry says: what an audit log names. It has no key: who can write the registry can make
    /// another, but not one with the same digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(ENTRY_DOMAIN, &value(self))
    }

    /// The digest of what is approved: id, files, source, licence, base and fingerprint. Evaluations and assessments may be
    /// added later.
    #[must_use]
    pub fn subject(&self) -> Digest {
        let subject = json!({
            "id": self.id, "files": self.files, "source": self.source, "licence": self.licence, "base": self.base,
            "fingerprint": self.fingerprint,
        });
        Digest::of_value(SUBJECT_DOMAIN, &subject)
    }

    /// Whether the entry is what was approved, as far as the approval says what that was. False without an approval.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.approved.as_ref().is_some_and(|approval| approval.digest.is_none_or(|digest| digest == self.subject()))
    }
}

/// Strings, lists and finite numbers always become JSON; a number that is none becomes null, which no entry has.
fn value(entry: &Entry) -> Value {
    serde_json::to_value(entry).unwrap_or_default()
}
