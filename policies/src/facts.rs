//! What requests are about: what a policy says is always so, what a request tells of itself, and what rules of law make of it.

use forethought_schemas::{ApiError, ErrorKind, Facts};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::packs;

/// What is so of a key's requests: what the key says, and what its tenant says where the key says nothing. Lists add up.
pub(crate) fn of_key(key: &Facts, tenant: &Facts) -> Facts {
    let either = |own: &Option<String>, other: &Option<String>| own.clone().or_else(|| other.clone());
    Facts {
        purpose: either(&key.purpose, &tenant.purpose),
        interaction: either(&key.interaction, &tenant.interaction),
        decision: either(&key.decision, &tenant.decision),
        sectors: joined(&key.sectors, &tenant.sectors),
        regions: joined(&key.regions, &tenant.regions),
        data_classes: joined(&key.data_classes, &tenant.data_classes),
        grounds: joined(&key.grounds, &tenant.grounds),
    }
}

/// What a request is about: what is known, and what it tells. It adds to lists and contradicts nothing, so that no request
/// talks itself out of a rule; and what is on file the policy alone says.
///
/// # Errors
/// 403 `fact_not_allowed` where the request says otherwise than the policy, 400 `invalid_value` for a word that is not known;
/// `param` names the field.
pub(crate) fn told(known: &Facts, told: &Facts) -> Result<Facts, ApiError> {
    let facts = Facts {
        purpose: one("purpose", known.purpose.as_deref(), told.purpose.as_deref())?,
        interaction: one("interaction", known.interaction.as_deref(), told.interaction.as_deref())?,
        decision: one("decision", known.decision.as_deref(), told.decision.as_deref())?,
        sectors: joined(&known.sectors, &told.sectors),
        regions: joined(&known.regions, &told.regions),
        data_classes: joined(&known.data_classes, &told.data_classes),
        grounds: known.grounds.clone(),
    };
    let read = read(&facts).map_err(|Unread { field, why }| {
        ApiError::invalid(format!("deliberation.{field}"), "invalid_value", format!("`deliberation.{field}`: {why}"))
    })?;
    Ok(written(&read).unwrap_or(facts))
}

/// The facts as they are usually written, so that `us-co` is to every rule what `US-CO` is.
fn written(facts: &packs::Facts) -> Option<Facts> {
    let mut facts: Facts = serde_json::from_value(json!(facts)).ok()?;
    for words in [&mut facts.sectors, &mut facts.regions, &mut facts.data_classes, &mut facts.grounds] {
        words.sort();
    }
    Some(facts)
}

fn one(field: &str, known: Option<&str>, told: Option<&str>) -> Result<Option<String>, ApiError> {
    match (known, told) {
        (Some(known), Some(told)) if known != told => {
            let message = format!(
                "the {field} `{told}` is not what this key is for, which is `{known}`; leave `deliberation.{field}` out, or \
                 use another key"
            );
            let param = Some(format!("deliberation.{field}"));
            Err(ApiError { param, ..ApiError::new(ErrorKind::Permission, "fact_not_allowed", message) })
        }
        (known, told) => Ok(known.or(told).map(str::to_owned)),
    }
}

fn joined(one: &[String], other: &[String]) -> Vec<String> {
    let mut all: Vec<String> = one.iter().chain(other).cloned().collect();
    all.sort();
    all.dedup();
    all
}

/// A word that is not known.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The field that it stands in.
    pub(crate) field: &'static str,
    /// What is wrong, and the mend.
    pub(crate) why: String,
}

/// The same facts as rules of law look at them.
pub(crate) fn read(facts: &Facts) -> Result<packs::Facts, Unread> {
    Ok(packs::Facts {
        purpose: word("purpose", &json!(facts.purpose))?,
        interaction: word("interaction", &json!(facts.interaction))?,
        decision: word("decision", &json!(facts.decision))?,
        sectors: word("sectors", &list(&facts.sectors))?,
        regions: word("regions", &list(&facts.regions))?,
        data_classes: word("data_classes", &list(&facts.data_classes))?,
        grounds: word::<Option<_>>("grounds", &list(&facts.grounds))?.unwrap_or_default(),
    })
}

/// A list of which nothing is said is not known to be empty.
fn list(words: &[String]) -> Value {
    if words.is_empty() { Value::Null } else { json!(words) }
}

fn word<T: DeserializeOwned>(field: &'static str, value: &Value) -> Result<T, Unread> {
    T::deserialize(value).map_err(|error| Unread { field, why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(json: Value) -> Facts {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_request_adds_to_what_is_known_and_never_contradicts_it() {
        let tenant = facts(
            json!({ "regions": ["US-CO"], "purpose": "assistance", "data_classes": ["personal"], "grounds": ["consent"] }),
        );
        let known = of_key(&facts(json!({ "purpose": "credit" })), &tenant);
        assert_eq!(known.purpose.as_deref(), Some("credit"), "the key goes before the tenant");
        let asked =
            facts(json!({ "regions": ["de"], "data_classes": ["health", "personal"], "grounds": ["not_high_risk"] }));
        let all = told(&known, &asked).unwrap();
        let expected = json!({
            "purpose": "credit", "regions": ["DE", "US-CO"], "data_classes": ["health", "personal"], "grounds": ["consent"],
        });
        assert_eq!(json!(all), expected, "and what is on file the request does not say");
        let check = |asked: Value, code: &str, param: &str, said: &str| {
            let wrong = told(&known, &facts(asked)).unwrap_err();
            assert_eq!((wrong.code, wrong.param.as_deref()), (code, Some(param)), "{wrong}");
            assert!(wrong.message.contains(said), "{wrong}");
        };
        check(json!({ "purpose": "housing" }), "fact_not_allowed", "deliberation.purpose", "which is `credit`");
        check(json!({ "regions": ["Germany"] }), "invalid_value", "deliberation.regions", "is no region");
        check(
            json!({ "data_classes": ["helth"] }),
            "invalid_value",
            "deliberation.data_classes",
            "did you mean `health`",
        );
    }
}
