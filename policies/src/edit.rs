//! Changes to a policy file's text that leave every other character where it was: comments, order, quotes, line ends.
//!
//! Each change is made on the text, at places that the parsed tree knows. It counts only if the new text, read again,
//! says exactly what the old one said and the change; otherwise the text is written in a way that is not safe to edit
//! by program, and nothing is changed.

use forethought_schemas::{BudgetCap, Facts};
use jiff::Timestamp;
use saphyr::Scalar;
use serde_json::{Value, json};

use crate::{
    key::ApiKey,
    problem::{Place, Problem},
    tenant::{Consent, Limits, Role},
    yaml::{self, Entry, Kind, Node},
};

/// The text of a policy file that has no tenant yet.
pub(crate) const EMPTY_FILE: &str = "\
# Who may use which models, how fast and how much. Checked against policy.schema.json.
version: 1
tenants: []
";

/// A tenant to be added, without keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// The id, 1 to 63 of a-z, 0-9, `_` and `-`.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The models that it may use; none if empty.
    pub models: Vec<String>,
    /// How fast it may go.
    pub limits: Limits,
    /// The most that one request may ask for.
    pub budget: BudgetCap,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it is for.
    pub role: Role,
    /// What or who it is for.
    pub note: Option<String>,
    /// The time now.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
    /// The part of the tenant that it belongs to.
    pub team: Option<String>,
    /// How fast it may go, within what its tenant may.
    pub limits: Option<Limits>,
    /// What is always so of its requests.
    pub facts: Facts,
}

impl NewKey {
    /// A key for so and so, and nothing more.
    #[must_use]
    pub fn new(role: Role, created: Timestamp) -> Self {
        Self { role, note: None, created, expires: None, team: None, limits: None, facts: Facts::default() }
    }
}

/// Why a text cannot be changed by program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotSafe(pub(crate) Problem);

/// The text with a tenant at the end of the list.
pub(crate) fn add_tenant(text: &str, tree: &Node, tenant: &NewTenant) -> Result<String, NotSafe> {
    let mut expected = tree.to_json();
    push(&mut expected, "/tenants", tenant_value(tenant));
    let changed = append(text, tree, "tenants", &tenant_lines(tenant))?;
    unless_changed_otherwise(tree, changed, &expected)
}

/// The text with a key at the end of the tenant's list.
pub(crate) fn add_key(text: &str, tree: &Node, tenant: usize, key: &ApiKey, new: &NewKey) -> Result<String, NotSafe> {
    let Some(node) = tree.get("tenants").and_then(|tenants| tenants.items().get(tenant)) else {
        return Err(not_safe(tree.place, "the tenant has moved"));
    };
    let mut expected = tree.to_json();
    push(&mut expected, &format!("/tenants/{tenant}/keys"), key_value(key, new));
    let changed = append(text, node, "keys", &key_lines(key, new))?;
    unless_changed_otherwise(tree, changed, &expected)
}

/// An old text with the keys of another one, so that taking up an old policy brings back no key that was revoked since.
/// Tenants that the other one lacks have no keys.
pub(crate) fn with_keys_of(text: &str, tree: &Node, other: &Value) -> Result<String, NotSafe> {
    let tenants = tree.get("tenants").map(Node::items).unwrap_or_default();
    let mut expected = tree.to_json();
    let mut changed = text.to_owned();
    // From the end, so that what was not looked at yet stays where it is.
    for (at, tenant) in tenants.iter().enumerate().rev() {
        let keys = keys_in(other, tenant.get("id").and_then(Node::as_str).unwrap_or_default());
        if expected.pointer(&format!("/tenants/{at}/keys")).unwrap_or(&json!([])) == &keys {
            continue;
        }
        if let Some(Value::Object(fields)) = expected.pointer_mut(&format!("/tenants/{at}")) {
            fields.insert("keys".to_owned(), keys.clone());
        }
        if is_flow(text, tenant) {
            return Err(flow(tenant.place, "the tenant"));
        }
        let (outer, newline) = (indent(tenant), newline(text));
        let items = |indent: &str| match keys.as_array().map(Vec::as_slice) {
            None | Some([]) => format!("{newline}{indent}[]"),
            // One line each, so that one can be added, and changed on its line; JSON is YAML.
            Some(keys) => keys.iter().map(|key| format!("{newline}{indent}- {key}")).collect::<Vec<_>>().concat(),
        };
        let items = items(&format!("{outer}  "));
        changed = if let Some(there) = tenant.get("keys") {
            let before = changed.get(..there.start).unwrap_or_default().trim_end().len();
            splice(&changed, before, there.end, &items)
        } else {
            let end = line_end(text, tenant.end);
            splice(&changed, end, end, &format!("{newline}{outer}keys:{items}"))
        };
    }
    unless_changed_otherwise(tree, changed, &expected)
}

fn keys_in(policy: &Value, tenant: &str) -> Value {
    let tenants = policy.get("tenants").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let there = tenants.iter().find(|other| other.get("id").and_then(Value::as_str) == Some(tenant));
    there.and_then(|tenant| tenant.get("keys")).cloned().unwrap_or_else(|| json!([]))
}

/// The text with a tenant's consent to training set, where it stands already, else below its name.
pub(crate) fn set_consent(text: &str, tree: &Node, tenant: usize, consent: Consent) -> Result<String, NotSafe> {
    const KEY: &str = "training_consent";
    let Some(node) = tree.get("tenants").and_then(|tenants| tenants.items().get(tenant)) else {
        return Err(not_safe(tree.place, "the tenant has moved"));
    };
    let mut expected = tree.to_json();
    if let Some(Value::Object(fields)) = expected.pointer_mut(&format!("/tenants/{tenant}")) {
        fields.insert(KEY.to_owned(), json!(consent));
    }
    let changed = match (node.get(KEY), node.get("name")) {
        (Some(there), _) => splice(text, there.start, there.end, &consent.to_string()),
        (None, Some(name)) if is_flow(text, node) => splice(text, name.end, name.end, &format!(", {KEY}: {consent}")),
        (None, Some(name)) => {
            let end = line_end(text, name.end);
            splice(text, end, end, &format!("{}{}{KEY}: {consent}", newline(text), indent(node)))
        }
        (None, None) => return Err(not_safe(node.place, "the tenant has no name")),
    };
    unless_changed_otherwise(tree, changed, &expected)
}

/// The text with a time of revocation at the end of a key.
pub(crate) fn revoke_key(text: &str, tree: &Node, place: (usize, usize), at: Timestamp) -> Result<String, NotSafe> {
    set_time(text, tree, place, "revoked", at)
}

/// The text with the time from which on a key is refused.
pub(crate) fn expire_key(text: &str, tree: &Node, place: (usize, usize), at: Timestamp) -> Result<String, NotSafe> {
    set_time(text, tree, place, "expires", at)
}

/// The text with a field of a key set to a time, where it stands already, else at the key's end.
fn set_time(
    text: &str,
    tree: &Node,
    (tenant, key): (usize, usize),
    field: &str,
    at: Timestamp,
) -> Result<String, NotSafe> {
    let tenants = tree.get("tenants").map(Node::items).unwrap_or_default();
    let keys = tenants.get(tenant).and_then(|tenant| tenant.get("keys")).map(Node::items).unwrap_or_default();
    let Some(node) = keys.get(key) else { return Err(not_safe(tree.place, "the key has moved")) };
    let at = time(at);
    let mut expected = tree.to_json();
    if let Some(Value::Object(fields)) = expected.pointer_mut(&format!("/tenants/{tenant}/keys/{key}")) {
        fields.insert(field.to_owned(), Value::String(at.clone()));
    }
    let changed = if let Some(there) = node.get(field) {
        splice(text, there.start, there.end, &at)
    } else if is_flow(text, node) {
        splice(text, node.last_end(), node.last_end(), &format!(", {field}: {at}"))
    } else {
        let line = format!("{}{}{field}: {at}", newline(text), indent(node));
        let end = line_end(text, node.end);
        splice(text, end, end, &line)
    };
    unless_changed_otherwise(tree, changed, &expected)
}

/// Adds an item at the end of the list under `key` of a mapping, and the key if it is missing.
fn append(text: &str, map: &Node, key: &str, item: &[String]) -> Result<String, NotSafe> {
    if is_flow(text, map) {
        return Err(flow(map.place, "the mapping"));
    }
    let newline = newline(text);
    let lines = |indent: &str| item.iter().fold(String::new(), |text, line| text + newline + indent + line);
    let outer = indent(map);
    let inner = format!("{outer}  ");
    let Some(Entry { value: list, .. }) = map.entry(key) else {
        let end = line_end(text, map.end);
        return Ok(splice(text, end, end, &format!("{newline}{outer}{key}:{}", lines(&inner))));
    };
    match (&list.kind, is_flow(text, list)) {
        (Kind::List(items), true) if items.is_empty() => {
            // `keys: []  # none yet` becomes `keys:  # none yet` with the item below.
            let before = text.get(..list.start).unwrap_or_default().trim_end().len();
            let end = line_end(text, list.end);
            Ok(splice(&splice(text, end, end, &lines(&inner)), before, list.end, ""))
        }
        (Kind::List(_), false) if text.get(list.start..).is_some_and(|rest| rest.starts_with('-')) => {
            let end = line_end(text, list.end);
            Ok(splice(text, end, end, &lines(&indent(list))))
        }
        _ => Err(flow(list.place, &format!("the list `{key}`"))),
    }
}

fn unless_changed_otherwise(tree: &Node, changed: String, expected: &Value) -> Result<String, NotSafe> {
    match yaml::parse(&changed) {
        Ok(read) if read.to_json() == *expected => Ok(changed),
        _ => Err(not_safe(tree.place, "the file is laid out in a way in which this change would alter other parts")),
    }
}

fn not_safe(place: Place, message: impl Into<String>) -> NotSafe {
    NotSafe(Problem::new(place, "", message).mend("make the change by hand; nothing was changed"))
}

fn flow(place: Place, what: &str) -> NotSafe {
    let told = format!("{what} is written on one line, in brackets, and cannot be added to safely");
    NotSafe(Problem::new(place, "", told).mend("write it as a block, one item or key a line; nothing was changed"))
}

fn is_flow(text: &str, node: &Node) -> bool {
    text.get(node.start..).is_some_and(|rest| rest.starts_with(['[', '{']))
}

/// The file's own line end.
fn newline(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((line, _)) if line.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

fn indent(node: &Node) -> String {
    " ".repeat(node.place.column.saturating_sub(1))
}

/// The end of the line on which this byte stands, before its line end.
fn line_end(text: &str, byte: usize) -> usize {
    let rest = text.get(byte..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    byte + line.trim_end_matches('\r').len()
}

fn splice(text: &str, start: usize, end: usize, put: &str) -> String {
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    format!("{before}{put}{after}")
}

fn push(value: &mut Value, list: &str, item: Value) {
    if let Some(Value::Array(items)) = value.pointer_mut(list) {
        items.push(item);
    } else if let Some((parent, key)) = list.rsplit_once('/')
        && let Some(Value::Object(fields)) = value.pointer_mut(parent)
    {
        fields.insert(key.to_owned(), json!([item]));
    }
}

/// Seconds are enough for people, and RFC 3339 allows them.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A text as a YAML scalar: bare if it reads back as itself, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '+' | '(' | ')');
    let bare = text.starts_with(char::is_alphanumeric)
        && !text.ends_with(' ')
        && text.chars().all(plain)
        && matches!(Scalar::parse_from_cow(text.into()), Scalar::String(_));
    // JSON's strings are YAML's double-quoted scalars.
    if bare { text.to_owned() } else { Value::from(text).to_string() }
}

fn tenant_lines(tenant: &NewTenant) -> Vec<String> {
    let (limits, budget) = (&tenant.limits, &tenant.budget);
    let mut lines = vec![format!("- id: {}", scalar(&tenant.id)), format!("  name: {}", scalar(&tenant.name))];
    if tenant.models.is_empty() {
        lines.push("  models: []".to_owned());
    } else {
        lines.push("  models:".to_owned());
        lines.extend(tenant.models.iter().map(|model| format!("    - {}", scalar(model))));
    }
    lines.extend(["  limits:".to_owned(), format!("    requests_per_minute: {}", limits.requests_per_minute)]);
    lines.extend(limits.request_burst.map(|burst| format!("    request_burst: {burst}")));
    lines.extend([
        format!("    tokens_per_minute: {}", limits.tokens_per_minute),
        format!("    concurrent_requests: {}", limits.concurrent_requests),
        "  budget:".to_owned(),
        format!("    max_samples: {}", budget.max_samples),
        format!("    total_tokens: {}", budget.total_tokens),
        format!("    deadline_ms: {}", budget.deadline_ms),
        format!("    effort: {}", budget.effort),
        "  keys: []".to_owned(),
    ]);
    lines
}

fn tenant_value(tenant: &NewTenant) -> Value {
    json!({
        "id": tenant.id, "name": tenant.name, "models": tenant.models,
        "limits": tenant.limits, "budget": tenant.budget, "keys": [],
    })
}

/// What a new key is, as the fields of the file: names and values.
fn key_fields(key: &ApiKey, new: &NewKey) -> Vec<(&'static str, Value)> {
    let text = |text: &str| Value::from(text);
    let mut fields = vec![
        ("id", text(key.id())),
        ("hash", Value::from(key.hash().to_string())),
        ("role", json!(new.role)),
        ("created", Value::from(time(new.created))),
    ];
    fields.extend(new.note.as_deref().map(|note| ("note", text(note))));
    fields.extend(new.expires.map(|expires| ("expires", Value::from(time(expires)))));
    fields.extend(new.team.as_deref().map(|team| ("team", text(team))));
    fields.extend(new.limits.map(|limits| ("limits", json!(limits))));
    fields.extend(Some(&new.facts).filter(|facts| **facts != Facts::default()).map(|facts| ("facts", json!(facts))));
    fields
}

fn key_lines(key: &ApiKey, new: &NewKey) -> Vec<String> {
    let line = |(at, (name, value)): (usize, (&str, Value))| {
        let value = match value {
            // Hashes and times are as they should be; what people wrote may need quotes.
            Value::String(text) if matches!(name, "note" | "team") => scalar(&text),
            Value::String(text) => text,
            // JSON is YAML.
            other => other.to_string(),
        };
        format!("{} {name}: {value}", if at == 0 { "-" } else { " " })
    };
    key_fields(key, new).into_iter().enumerate().map(line).collect()
}

fn key_value(key: &ApiKey, new: &NewKey) -> Value {
    key_fields(key, new).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
