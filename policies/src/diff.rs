//! What is different between two policies, by what they say and not by how they are written.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// Longer values are cut where they are shown.
const SHOWN: usize = 2000;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What it is about, such as `tenants[acme].limits.tokens_per_minute`.
    pub path: String,
    /// What was there.
    pub before: Option<String>,
    /// What is there now.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "~ {}: {before} → {after}", self.path),
            (None, Some(after)) => write!(f, "+ {}: {after}", self.path),
            (Some(before), None) => write!(f, "- {}: {before}", self.path),
            (None, None) => f.write_str(&self.path),
        }
    }
}

/// Every difference between two files' values.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", Some(before), Some(after), &mut found);
    found.sort();
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    match (before, after) {
        (before, after) if before == after => {}
        // That a key's hash is another one says enough.
        _ if path.rsplit('.').next() == Some("hash") => {
            let told = |value: Option<&Value>| value.map(|_| "…".to_owned());
            found.push(Change { path: path.to_owned(), before: told(before), after: told(after) });
        }
        (Some(Value::Object(_)), Some(Value::Object(_))) => {
            let (before, after) = (named(before), named(after));
            each(&before, &after, |name, before, after| {
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                compare(&path, before, after, found);
            });
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.iter().chain(b).all(|item| id(item).is_some()) => {
            let (before, after) = (by_id(a), by_id(b));
            each(&before, &after, |id, before, after| compare(&format!("{path}[{id}]"), before, after, found));
        }
        // Lists of names are sets: their order says nothing.
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            let gone = a.iter().filter(|item| !b.contains(item));
            found.extend(gone.map(|item| Change { path: path.to_owned(), before: Some(shown(item)), after: None }));
            let new = b.iter().filter(|item| !a.contains(item));
            found.extend(new.map(|item| Change { path: path.to_owned(), before: None, after: Some(shown(item)) }));
        }
        (before, after) => {
            found.push(Change { path: path.to_owned(), before: before.map(shown), after: after.map(shown) });
        }
    }
}

type Items<'v> = BTreeMap<&'v str, &'v Value>;

fn named(value: Option<&Value>) -> Items<'_> {
    value.and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
}

fn by_id(items: &[Value]) -> Items<'_> {
    items.iter().filter_map(|item| Some((id(item)?, item))).collect()
}

fn id(item: &Value) -> Option<&str> {
    item.get("id")?.as_str()
}

fn each(before: &Items<'_>, after: &Items<'_>, mut with: impl FnMut(&str, Option<&Value>, Option<&Value>)) {
    let new = after.keys().filter(|name| !before.contains_key(*name));
    for name in before.keys().chain(new) {
        with(name, before.get(name).copied(), after.get(name).copied());
    }
}

/// A value on one line. The hash of a key is left out: nobody compares it by eye, and it may be a key pasted by mistake.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => without_hashes(other).to_string(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN {
        return line;
    }
    line.chars().take(SHOWN).chain(['…']).collect()
}

fn without_hashes(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| *name != "hash");
            Value::Object(fields.map(|(name, value)| (name.clone(), without_hashes(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_hashes).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_policy_says_is_compared_and_not_how_it_is_written() {
        let tenant = |id: &str, tokens: u32, models: &[&str]| json!({ "id": id, "limits": { "tokens_per_minute": tokens }, "models": models });
        let before = json!({ "version": 1, "tenants": [tenant("a", 10, &["x", "y"]), tenant("b", 5, &[])] });
        let after = json!({ "tenants": [tenant("c", 7, &[]), tenant("a", 20, &["y", "z"])], "version": 1,
            "authorization": "forbid (principal, action,\n  resource);" });
        let lines: Vec<String> = changes(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "+ authorization: forbid (principal, action, resource);",
                "~ tenants[a].limits.tokens_per_minute: 10 → 20",
                "+ tenants[a].models: z",
                "- tenants[a].models: x",
                r#"- tenants[b]: {"id":"b","limits":{"tokens_per_minute":5},"models":[]}"#,
                r#"+ tenants[c]: {"id":"c","limits":{"tokens_per_minute":7},"models":[]}"#,
            ]
        );
        assert_eq!(changes(&before, &before), []);
    }

    #[test]
    fn no_hash_of_a_key_is_shown() {
        let with = |keys: Value| json!({ "tenants": [{ "id": "a", "keys": keys }] });
        let changed = changes(&with(json!([])), &with(json!([{ "id": "k_1", "hash": "sha256:77", "role": "user" }])));
        let lines: Vec<String> = changed.iter().map(ToString::to_string).collect();
        assert_eq!(lines, [r#"+ tenants[a].keys[k_1]: {"id":"k_1","role":"user"}"#]);
        let tenant = changes(&json!({ "tenants": [] }), &with(json!([{ "id": "k_1", "hash": "sha256:77" }])));
        assert!(!tenant[0].to_string().contains("sha256"), "{}", tenant[0]);
        let other = changes(&with(json!([{ "id": "k_1", "hash": "a" }])), &with(json!([{ "id": "k_1", "hash": "b" }])));
        assert_eq!(other[0].to_string(), "~ tenants[a].keys[k_1].hash: … → …");
    }
}
