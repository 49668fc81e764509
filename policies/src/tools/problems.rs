//! What is wrong with what a policy file says of tools, at its places.

use serde_json::Value;

use super::{ToolPattern, ToolRules, pattern::listed};
use crate::{Policy, document::Document, policy::POLICY_FILE, problem::Problem, suggest::nearest, whole::owners};

/// What the schema cannot say: offers of what is not allowed, calls that would both wait and be only told, and costs of what can name
/// no tool.
pub(crate) fn problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    // What does not even have the form of rules is told by the schema.
    let read = |at: &str| value.pointer(at).and_then(|tools| serde_json::from_value::<ToolRules>(tools.clone()).ok());
    let floor = read("/tools").unwrap_or_default();
    let all = owners(&value).into_iter().map(|owner| format!("{owner}/tools"));
    let found = all.filter_map(|at| read(&at).map(|rules| (at, rules)));
    found.flat_map(|(at, rules)| of_rules(document, &at, &rules, &floor)).collect()
}

fn of_rules(document: &Document, at: &str, rules: &ToolRules, floor: &ToolRules) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, offer) in rules.offer.iter().flatten().enumerate() {
        if let Some((told, mend)) = not_offered(offer, rules, floor) {
            problems.push(document.problem(&format!("{at}/offer/{index}"), told, mend));
        }
    }
    for (index, pattern) in rules.dry_run.iter().enumerate().filter(|(_, pattern)| rules.hold.contains(pattern)) {
        let told = format!("`{pattern}` stands under `hold` too");
        let mend = "keep one of the two: what is only told changes nothing, so nobody has to approve it";
        problems.push(document.problem(&format!("{at}/dry_run/{index}"), told, mend));
    }
    for pattern in rules.costs.keys().filter(|pattern| !pattern.is_good()) {
        let told = format!("`{pattern}` is no name of a tool");
        let mend = "write a name such as `files.read`, or a beginning of names such as `files.*`, or `\"*\"`";
        problems.push(document.problem(&format!("{at}/costs/{}", step(pattern)), told, mend));
    }
    problems
}

/// Why an offer could never be made, and the mend. What the list for everybody takes away is no mistake of a tenant's: it may be
/// taken away in a hurry.
fn not_offered(offer: &ToolPattern, rules: &ToolRules, floor: &ToolRules) -> Option<(String, String)> {
    match (&rules.allow, &floor.allow) {
        (Some(own), _) if own.iter().any(|allowed| allowed.covers(offer)) => None,
        (Some(own), _) => Some((
            format!("`{offer}` is offered and not allowed, which is: {}", listed(own)),
            format!("add `{offer}` to `allow`, or remove it here"),
        )),
        (None, Some(_)) => None,
        (None, None) => Some((
            format!("`{offer}` is offered, and no tool is allowed"),
            format!("list it under `allow`: `allow: [{offer}]`"),
        )),
    }
}

/// Names with `/` and `~` have no place of their own in pointers here; they are told at the whole.
fn step(pattern: &ToolPattern) -> &str {
    if pattern.as_str().contains(['/', '~']) { "" } else { pattern.as_str() }
}

impl Policy {
    /// Names in the policy that stand for none of the tools that there are, each with its place in the file and the mend. They do no
    /// harm, but may be slips; `*` always stands for something.
    #[must_use]
    pub fn unknown_tools(&self, known: &[&str]) -> Vec<Problem> {
        let unread = std::path::Path::new("");
        let Ok(document) = Document::parse(unread, self.text().as_bytes(), &POLICY_FILE) else { return Vec::new() };
        let named = owners(self.source()).into_iter().flat_map(|owner| named(self.source(), &format!("{owner}/tools")));
        let unknown =
            named.filter(|(_, pattern)| pattern.as_str() != "*" && !known.iter().any(|tool| pattern.matches(tool)));
        unknown
            .map(|(at, pattern)| {
                let near = nearest(pattern.as_str(), known.iter().copied());
                let mend = near.map_or_else(
                    || "check the name, and that the tool is in the service's configuration".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                document.problem(&at, format!("there is no tool `{pattern}`"), mend)
            })
            .collect()
    }
}

/// Every name in one `tools`, with its place.
fn named(value: &Value, at: &str) -> Vec<(String, ToolPattern)> {
    let lists = ["allow", "offer", "hold", "dry_run"].into_iter().flat_map(|list| {
        let place = format!("{at}/{list}");
        let items = value.pointer(&place).and_then(Value::as_array).into_iter().flatten().enumerate();
        items
            .filter_map(|(index, item)| Some((format!("{place}/{index}"), ToolPattern::new(item.as_str()?))))
            .collect::<Vec<_>>()
    });
    let costs = value.pointer(&format!("{at}/costs")).and_then(Value::as_object).into_iter().flatten();
    let costs = costs.map(|(name, _)| (format!("{at}/costs/{name}"), ToolPattern::new(name)));
    lists.chain(costs).collect()
}
