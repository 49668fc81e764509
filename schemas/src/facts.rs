//! What a request says it is about. Rules of law and of the house look at it.

use serde::{Deserialize, Serialize};

/// What a request is about, as far as it is known. The words are those of docs/packs.md, or names of the operator's own that
/// begin with `x-`. Lists are sorted, each word once; an empty one says that nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// What the answer is for, such as `employment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// In which businesses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sectors: Vec<String>,
    /// Where the people are whom it concerns, and where the answer is used: codes of ISO 3166, such as `DE` or `US-CO`, or `EU`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// What kinds of data are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_classes: Vec<String>,
    /// Who talks with the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<String>,
    /// What the answer does in a decision about a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// What is on file that a law asks for, or that lifts one. No request can say it of itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grounds: Vec<String>,
}

impl Facts {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
