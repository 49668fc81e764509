//! What of a tool is not as it was approved, for people.

use std::fmt::Write as _;

use forethought_tools::ToolSpec;
use serde_json::Value;

use super::Approved;
use crate::visible::visible;

/// The lines that were and are, with `- ` and `+ ` before them, of the description and then of the schema; what nobody sees is
/// made visible. Lines that begin and end both are left out.
#[must_use]
pub fn diff(approved: &Approved, now: &ToolSpec) -> String {
    let mut text = part("description", &approved.description, now.description());
    text.push_str(&part("parameters", &pretty(&approved.parameters), &pretty(now.parameters())));
    text
}

/// In the order of keys, which is no part of what was approved.
fn pretty(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    serde_json::to_string_pretty(&sorted).unwrap_or_default()
}

fn part(what: &str, before: &str, now: &str) -> String {
    if before == now {
        return String::new();
    }
    let (before, now): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), now.split('\n').collect());
    let head = before.iter().zip(&now).take_while(|(one, other)| one == other).count();
    let most = before.len().min(now.len()) - head;
    let tail = before.iter().rev().zip(now.iter().rev()).take(most).take_while(|(one, other)| one == other).count();
    let mut text = format!("{what}, line {}:\n", head + 1);
    let mut lines = |sign: char, lines: &[&str]| {
        for line in lines.iter().take(lines.len() - tail).skip(head) {
            _ = writeln!(text, "{sign} {}", visible(line));
        }
    };
    lines('-', &before);
    lines('+', &now);
    text
}

#[cfg(test)]
mod tests {
    use forethought_tools::Effect;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: (&str, Value), now: (&str, Value), expected: &str) {
        let spec = |(description, parameters): (&str, Value)| {
            ToolSpec::new("a.b", description, parameters, Effect::Reads).unwrap()
        };
        let (before, now) = (spec(before), spec(now));
        let approved = Approved {
            digest: before.digest().to_owned(),
            description: before.description().to_owned(),
            parameters: before.parameters().as_ref().clone(),
        };
        assert_eq!(diff(&approved, &now), expected);
    }

    #[test]
    fn what_changed_is_shown_with_what_is_hidden() {
        check(("adds", json!({})), ("adds", json!({})), "");
        check(("adds", json!({})), ("takes", json!({})), "description, line 1:\n- adds\n+ takes\n");
        check(("a\nb\nc", json!({})), ("a\nb\u{e0041}\nc", json!({})), "description, line 2:\n- b\n+ b⟨U+E0041⟩\n");
        check(("a", json!({})), ("a\na", json!({})), "description, line 2:\n+ a\n");
        check(("a\na", json!({})), ("a", json!({})), "description, line 2:\n- a\n");
        let expected = "parameters, line 3:\n-     \"x\": {}\n+     \"y\": {}\n";
        check(("a", json!({ "properties": { "x": {} } })), ("a", json!({ "properties": { "y": {} } })), expected);
    }
}
