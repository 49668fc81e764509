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

impl Facts {
    /// What a request says of itself beside what is known of its tenant. Places, sectors, data and grounds add up, so that a
    /// request cannot talk itself out of a law that binds its tenant; purpose, interaction and decision are the request's where it
    /// says them.
    #[must_use]
    pub fn beside(self, tenant: &Self) -> Self {
        Self {
            purpose: self.purpose.or_else(|| tenant.purpose.clone()),
            sectors: both(self.sectors, tenant.sectors.as_ref()),
            regions: both(self.regions, tenant.regions.as_ref()),
            data_classes: both(self.data_classes, tenant.data_classes.as_ref()),
            interaction: self.interaction.or_else(|| tenant.interaction.clone()),
            decision: self.decision.or_else(|| tenant.decision.clone()),
            grounds: self.grounds.union(&tenant.grounds).cloned().collect(),
        }
    }
}

fn both<W: Ord + Clone>(own: Option<BTreeSet<W>>, tenant: Option<&BTreeSet<W>>) -> Option<BTreeSet<W>> {
    match (own, tenant) {
        (Some(mut own), Some(tenant)) => {
            own.extend(tenant.iter().cloned());
            Some(own)
        }
        (own, tenant) => own.or_else(|| tenant.cloned()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &str, tenant: &str, expected: &str) {
        let read = |json: &str| serde_json::from_str::<Facts>(json).unwrap();
        assert_eq!(read(request).beside(&read(tenant)), read(expected), "{request} beside {tenant}");
    }

    #[test]
    fn a_request_adds_to_its_tenant_and_takes_nothing_away() {
        check("{}", "{}", "{}");
        check(r#"{"regions":[]}"#, r#"{"regions":["DE"]}"#, r#"{"regions":["DE"]}"#);
        check(r#"{"regions":["US-TX"]}"#, r#"{"regions":["DE"]}"#, r#"{"regions":["DE","US-TX"]}"#);
        check(r#"{"sectors":[]}"#, "{}", r#"{"sectors":[]}"#);
        check("{}", r#"{"data_classes":["health"]}"#, r#"{"data_classes":["health"]}"#);
        check(r#"{"grounds":["consent"]}"#, r#"{"grounds":["obvious"]}"#, r#"{"grounds":["consent","obvious"]}"#);
        check(r#"{"purpose":"credit"}"#, r#"{"purpose":"housing"}"#, r#"{"purpose":"credit"}"#);
        check("{}", r#"{"purpose":"housing","decision":"none"}"#, r#"{"purpose":"housing","decision":"none"}"#);
        check(r#"{"interaction":"program"}"#, r#"{"interaction":"consumer"}"#, r#"{"interaction":"program"}"#);
    }

    #[test]
    fn a_fact_that_is_not_known_is_refused() {
        for json in [
            r#"{"purposes":["credit"]}"#,
            r#"{"purpose":"loans"}"#,
            r#"{"regions":["Germany"]}"#,
            r#"{"sectors":"finance"}"#,
        ] {
            assert!(serde_json::from_str::<Facts>(json).is_err(), "{json}");
        }
    }
}
