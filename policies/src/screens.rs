//! The safeguards of each tenant: what holds for everybody, and what its tenant adds.

use std::sync::Arc;

use forethought_safeguards::{Rules, Safeguards};
use serde::{Deserialize, Serialize};

use crate::{document::Document, problem::Problem};

/// What is looked for in what is asked, and in what is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenRules {
    /// In messages and schemas of a request.
    #[serde(default)]
    pub input: Rules,
    /// In answers and thoughts.
    #[serde(default)]
    pub output: Rules,
}

/// The safeguards that stand around the model for one tenant.
#[derive(Clone, Debug)]
pub struct Screens {
    /// Of what is asked.
    pub input: Arc<Safeguards>,
    /// Of what is answered.
    pub output: Arc<Safeguards>,
}

impl Screens {
    /// What holds for everybody, made stricter by a tenant, never weaker.
    pub(crate) fn new(floor: &ScreenRules, tenant: Option<&ScreenRules>) -> Self {
        let with = |floor, own: Option<&Rules>| {
            let all: Vec<&Rules> = [Some(floor), own].into_iter().flatten().collect();
            Safeguards::new(&all)
        };
        Self {
            input: with(&floor.input, tenant.map(|tenant| &tenant.input)),
            output: with(&floor.output, tenant.map(|tenant| &tenant.output)),
        }
    }
}

/// Phrases that could never be found, at their places in a policy file.
pub(crate) fn problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let tenants = value.get("tenants").and_then(|tenants| tenants.as_array()).map_or(0, Vec::len);
    let owners = (0..tenants).map(|at| format!("/tenants/{at}")).chain([String::new()]);
    let lists = owners.flat_map(|owner| ["input", "output"].map(|side| format!("{owner}/safeguards/{side}")));
    let empty = |pointer: String| {
        // What does not even have the form of rules is told by the schema.
        let rules: Rules = serde_json::from_value(value.pointer(&pointer)?.clone()).ok()?;
        let (list, phrase) = rules.empty_phrase()?;
        let at = format!("{pointer}/deny/{list}/phrases/{phrase}");
        Some(document.problem(
            &at,
            "the phrase has no letter or digit, so it is never found",
            "write words, or remove it",
        ))
    };
    lists.filter_map(empty).collect()
}
