//! What a request says of itself.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{
    region::Region,
    words::{DataClass, Decision, Ground, Interaction, Purpose, Sector},
};

/// What a request says of itself. What is `None` is not known; an empty set says that there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Facts {
    /// What the request is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sectors: Option<BTreeSet<Sector>>,
    /// Where the people are whom it is about, where the organisation is, where the answer is used: a law of any of them binds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<BTreeSet<Region>>,
    /// What data it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_classes: Option<BTreeSet<DataClass>>,
    /// Who talks with the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Interaction>,
    /// What the answer does in a decision about a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// What is on file or claimed. What is not named is not: nothing here is ever unknown.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub grounds: BTreeSet<Ground>,
}

/// The name of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// [`Facts::purpose`].
    Purpose,
    /// [`Facts::sectors`].
    Sectors,
    /// [`Facts::regions`].
    Regions,
    /// [`Facts::data_classes`].
    DataClasses,
    /// [`Facts::interaction`].
    Interaction,
    /// [`Facts::decision`].
    Decision,
    /// [`Facts::grounds`].
    Grounds,
}

impl Fact {
    /// Its name in requests and packs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Purpose => "purpose",
            Self::Sectors => "sectors",
            Self::Regions => "regions",
            Self::DataClasses => "data_classes",
            Self::Interaction => "interaction",
            Self::Decision => "decision",
            Self::Grounds => "grounds",
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
