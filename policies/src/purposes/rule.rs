//! What a policy file says of purposes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Asked, Demand};
use crate::{document::Document, packs::Purpose, problem::Problem};

/// What holds for one purpose.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurposeRule {
    pub(crate) assessment: AssessmentRule,
}

/// An impact assessment that a model must have passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssessmentRule {
    /// The ids of the templates, each of which must be passed.
    pub templates: Vec<String>,
    /// Files, and folders of files, in which assessments are looked for; paths are taken from the policy file's folder.
    pub files: Vec<String>,
    /// The most days since the first ask.
    #[serde(default = "a_year")]
    pub max_age_days: u32,
    /// Limits that an assessment's own must be as strict as.
    #[serde(default)]
    pub limits: AssessmentLimits,
    /// What becomes of a request without one.
    #[serde(default)]
    pub otherwise: Otherwise,
}

const fn a_year() -> u32 {
    365
}

/// Limits of an assessment; what is left out is what an assessment has by itself. The words are those of `docs/impact.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssessmentLimits {
    /// The least impact ratio, 0.5 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// How likely a model without any difference may be flagged, 0.001 to 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The difference of concern, a share, 0.01 to 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concern: Option<f64>,
    /// The share of asks that may have no outcome, 0 to 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<f64>,
}

/// What becomes of a request for a purpose of which nothing is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It is refused.
    #[default]
    Refuse,
    /// Its answer waits for a person.
    Hold,
    /// It is answered, and that is recorded.
    Flag,
}

/// What becomes of a request that does not say what it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undeclared {
    /// It is answered.
    #[default]
    Allow,
    /// It is refused.
    Refuse,
    /// Its answer waits for a person.
    Hold,
    /// It is answered, and that is recorded.
    Flag,
}

impl AssessmentRule {
    /// The demand that a request makes at a time.
    pub(crate) fn demand<'a>(&'a self, asked: Asked<'a>, at: Timestamp) -> Demand<'a> {
        Demand { templates: &self.templates, limits: self.limits, max_age_days: self.max_age_days, asked, at }
    }
}

impl Otherwise {
    /// What a record calls it.
    #[must_use]
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Refuse => "forbid",
            Self::Hold => "review",
            Self::Flag => "flag",
        }
    }

    /// What becomes of a request, in words.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Refuse => "the request is refused",
            Self::Hold => "the answer waits for a person",
            Self::Flag => "the request is answered, and that is recorded",
        }
    }
}

impl Undeclared {
    /// The same as for a purpose of which nothing is shown; `None` where it is answered.
    #[must_use]
    pub const fn otherwise(self) -> Option<Otherwise> {
        match self {
            Self::Allow => None,
            Self::Refuse => Some(Otherwise::Refuse),
            Self::Hold => Some(Otherwise::Hold),
            Self::Flag => Some(Otherwise::Flag),
        }
    }
}

/// Purposes that nobody knows: such a rule would never hold.
pub(crate) fn problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let purposes: BTreeSet<&String> =
        value.get("purposes").and_then(Value::as_object).into_iter().flat_map(|rules| rules.keys()).collect();
    let unknown = purposes.into_iter().filter_map(|word| Some((word, word.parse::<Purpose>().err()?)));
    unknown
        .map(|(word, error)| document.problem(&format!("/purposes/{word}"), error.to_string(), String::new()))
        .collect()
}
