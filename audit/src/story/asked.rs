//! Who asked, of whom, and under which policy.

use forethought_schemas::Facts;
use jiff::Timestamp;

use super::{Part, words};
use crate::Admission;

pub(super) fn asked(time: Timestamp, admission: &Admission) -> Vec<Part> {
    let Admission { key_id, tenant, model, weights_digest, policy, n, .. } = admission;
    let mut parts = vec![
        Part::sentence(format!(
            "On {} the key `{key_id}` of the tenant `{tenant}` asked the model `{model}` (weights {weights_digest}).",
            words::time(time)
        )),
        Part::sentence(format!("Version {} of the policy was in force ({}).", policy.version, policy.digest)),
    ];
    if *n > 1 {
        parts.push(Part::sentence(format!("It asked for {n} answers.")));
    }
    parts.extend(about(&admission.facts).map(Part::sentence));
    parts
}

/// What a request is about.
fn about(facts: &Facts) -> Option<String> {
    let one = |what: &str, value: &Option<String>| value.as_ref().map(|value| format!("{what} `{value}`"));
    let many = |what: &str, values: &[String]| (!values.is_empty()).then(|| format!("{what} {}", words::list(values)));
    let told: Vec<String> = [
        one("purpose", &facts.purpose),
        many("business", &facts.sectors),
        many("region", &facts.regions),
        many("data", &facts.data_classes),
        one("who talks", &facts.interaction),
        one("part in a decision", &facts.decision),
        many("on file", &facts.grounds),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!told.is_empty()).then(|| format!("Known about it: {}.", told.join("; ")))
}
