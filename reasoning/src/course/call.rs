//! The calls in a model's text.

use forethought_schemas::{Runs, ToolCard};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::CallStyle;

/// A model calls a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool's name, as the model wrote it.
    pub tool: String,
    /// What it is called with.
    pub arguments: Value,
    /// Who runs it.
    pub runs: Runs,
}

impl Call {
    /// One text for one meaning: by it calls are compared and counted in votes.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut call = Value::from(vec![Value::from(self.tool.as_str()), self.arguments.clone()]);
        call.sort_all_objects();
        call.to_string()
    }
}

/// The canonical form of several calls, whose order does not matter.
#[must_use]
pub fn canonical_calls(calls: &[Call]) -> String {
    let mut calls: Vec<String> = calls.iter().map(Call::canonical).collect();
    calls.sort();
    format!("[{}]", calls.join(","))
}

/// A call out of its JSON.
///
/// # Errors
/// What is wrong with it, in words that a model can mend it by.
pub(super) fn read(json: &str, style: &CallStyle, tools: &[ToolCard]) -> Result<Call, String> {
    let how = || format!("write {{\"name\": …, \"{}\": {{…}}}}", style.arguments);
    let value: Value =
        serde_json::from_str(json.trim()).map_err(|error| format!("the call is no JSON: {error}; {}", how()))?;
    of(&value, style, tools).unwrap_or_else(|| Err(format!("the call has no `name`; {}", how())))
}

/// The call that a JSON value is; `None` for one that is no call.
pub(super) fn of(value: &Value, style: &CallStyle, tools: &[ToolCard]) -> Option<Result<Call, String>> {
    let fields = value.as_object()?;
    let name = fields.get("name")?.as_str()?;
    let arguments = [style.arguments.as_str(), "arguments", "parameters"].iter().find_map(|key| fields.get(*key));
    let arguments = match arguments {
        None => Value::Object(Map::new()),
        // Some models write them as a text.
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        Some(other) => other.clone(),
    };
    Some(named(name, arguments, tools))
}

/// A call of a tool that is there.
pub(super) fn named(name: &str, arguments: Value, tools: &[ToolCard]) -> Result<Call, String> {
    let Some(card) = tools.iter().find(|tool| tool.name == name) else {
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        return Err(format!("there is no tool `{}`; there are: {}", short(name), names.join(", ")));
    };
    if !arguments.is_object() {
        return Err(format!("the arguments of `{name}` are no JSON object; write {{…}}"));
    }
    Ok(Call { tool: name.to_owned(), arguments, runs: card.runs })
}

/// The calls that stand in a text, each as read, and the bytes before the first of them. JSON that nothing stands around is a call
/// only where a text begins with it.
pub(super) fn in_text(text: &str, style: &CallStyle, tools: &[ToolCard]) -> (Vec<Result<Call, String>>, usize) {
    let Some(first) = text.find(&style.marker) else { return (Vec::new(), text.len()) };
    if style.is_bare() && !text.get(..first).unwrap_or_default().trim().is_empty() {
        return (Vec::new(), text.len());
    }
    let open = if style.is_bare() { "" } else { style.marker.as_str() };
    let mut calls = Vec::new();
    let mut rest = text.get(first..).unwrap_or_default();
    while let Some(at) = rest.find(&style.marker) {
        rest = rest.get(at + open.len()..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let read = match values.next() {
            Some(Ok(value)) => of(&value, style, tools),
            Some(Err(error)) => Some(Err(format!("the call is no JSON: {error}"))),
            None => Some(Err("the call is empty".to_owned())),
        };
        calls.push(read.unwrap_or_else(|| Err("the call has no `name`".to_owned())));
        let end = values.byte_offset().max(1).min(rest.len());
        rest = (end..=rest.len()).find_map(|at| rest.get(at..)).unwrap_or_default();
    }
    (calls, first)
}

fn short(name: &str) -> String {
    name.chars().filter(|one| !one.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn tools() -> Vec<ToolCard> {
        let card = |name: &str| ToolCard {
            name: name.to_owned(),
            description: String::new(),
            parameters: Arc::new(json!({ "type": "object" })),
            runs: Runs::Server,
        };
        vec![card("add"), card("look")]
    }

    #[test]
    fn calls_are_found_in_a_text() {
        let check = |style: CallStyle, text: &str, expect: &[&str], before: &str| {
            let (calls, at) = in_text(text, &style, &tools());
            let told: Vec<String> =
                calls.iter().map(|call| call.as_ref().map_or_else(Clone::clone, Call::canonical)).collect();
            assert_eq!(told.len(), expect.len(), "{text}: {told:?}");
            for (told, expect) in told.iter().zip(expect) {
                assert!(told.contains(expect), "{text}: {told}");
            }
            assert_eq!(&text[..at], before);
        };
        let hermes = CallStyle::hermes;
        let one = r#"<tool_call>{"name": "add", "arguments": {"b": 1, "a": [2]}}</tool_call>"#;
        check(hermes(), one, &[r#"["add",{"a":[2],"b":1}]"#], "");
        let two = format!("First.\n{one}\n{}", one.replace("add", "look"));
        check(hermes(), &two, &["[\"add\"", "[\"look\""], "First.\n");
        check(hermes(), r#"<tool_call>{"name": "rm"}"#, &["no tool `rm`; there are: add, look"], "");
        check(hermes(), "<tool_call>{\"name\": ", &["no JSON"], "");
        check(hermes(), "é<tool_call>", &["empty"], "é");
        check(hermes(), "<tool_call>é", &["no JSON"], "");
        check(hermes(), "<tool_call>{\"tool\": 1}", &["no `name`"], "");
        check(hermes(), r#"<tool_call>{"name": "add", "arguments": "{\"a\": 1}"}"#, &[r#"["add",{"a":1}]"#], "");
        check(hermes(), r#"<tool_call>{"name": "add", "arguments": "one"}"#, &["no JSON object"], "");
        check(hermes(), "There is none.", &[], "There is none.");
        check(CallStyle::llama(), r#"{"name": "add", "parameters": {"a": 1}}"#, &[r#"["add",{"a":1}]"#], "");
        let twice = r#"{"name": "add", "parameters": {}}; {"name": "look", "parameters": {}}"#;
        check(CallStyle::llama(), twice, &["add", "look"], "");
        let spoken = r#"It says {"name": "add"}"#;
        check(CallStyle::llama(), spoken, &[], spoken);
    }

    #[test]
    fn the_order_of_calls_and_of_keys_does_not_matter() {
        let call = |tool: &str, arguments: Value| Call { tool: tool.to_owned(), arguments, runs: Runs::Client };
        let parse = |text: &str| serde_json::from_str(text).unwrap();
        let (one, two) = (call("add", parse(r#"{"x":1,"y":2}"#)), call("look", json!({})));
        let same = [two.clone(), call("add", parse(r#"{"y":2,"x":1}"#))];
        assert_eq!(canonical_calls(&[one.clone(), two]), canonical_calls(&same));
        assert_ne!(canonical_calls(&[one]), canonical_calls(&same));
    }
}
