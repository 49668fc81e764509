//! How a model writes that it calls a tool.

use forethought_schemas::ToolCard;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What the results of tools stand between in most chat templates; a result must not hold it.
const AROUND_RESULTS: [&str; 2] = ["<tool_response>", "</tool_response>"];

/// How a model writes a call: a marker, and JSON with the tool's name and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallStyle {
    /// By this in its text a call is noticed.
    pub marker: String,
    /// What is said for the model before the JSON, in the place of the marker.
    pub open: String,
    /// What is said for it behind the JSON.
    pub close: String,
    /// The key of the arguments, beside `name`.
    pub arguments: String,
}

impl CallStyle {
    /// `<tool_call>` and `</tool_call>` around an object with `name` and `arguments`: Hermes, Qwen 2.5 and 3, and what a model
    /// is told to write whose chat template knows no tools.
    #[must_use]
    pub fn hermes() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            marker: text("<tool_call>"),
            open: text("<tool_call>\n"),
            close: text("\n</tool_call>"),
            arguments: text("arguments"),
        }
    }

    /// An object with `name` and `parameters`, and nothing around it: Llama 3.
    #[must_use]
    pub fn llama() -> Self {
        let text = |text: &str| text.to_owned();
        Self { marker: text("{\"name\""), open: String::new(), close: String::new(), arguments: text("parameters") }
    }

    /// What is said before the arguments where only one tool can be called.
    pub(super) fn open_named(&self, tool: &str) -> String {
        format!("{}{{\"name\": {}, \"{}\": ", self.open, Value::from(tool), self.arguments)
    }

    /// What is said behind the arguments then.
    pub(super) fn close_named(&self) -> String {
        format!("}}{}", self.close)
    }

    /// What a call must fit, by its tool's own schema.
    pub(super) fn schema(&self, tool: &ToolCard) -> Value {
        let mut properties = Map::new();
        properties.insert("name".to_owned(), json!({ "const": tool.name }));
        properties.insert(self.arguments.clone(), closed(&tool.parameters));
        json!({
            "type": "object", "properties": properties, "required": ["name", self.arguments], "additionalProperties": false,
        })
    }

    /// What the arguments of a call must fit where they alone are drawn.
    pub(super) fn arguments_schema(tool: &ToolCard) -> Value {
        closed(&tool.parameters)
    }

    /// A text in which nothing is left that opens a call, or closes what it stands in.
    pub(super) fn harmless(&self, text: &str) -> String {
        let marks = [self.marker.trim(), self.open.trim(), self.close.trim()].into_iter().chain(AROUND_RESULTS);
        marks.filter(|mark| !mark.is_empty()).fold(text.to_owned(), |text, mark| {
            let (first, rest) = mark.split_at(mark.chars().next().map_or(0, char::len_utf8));
            text.replace(mark, &format!("{first}\\{rest}"))
        })
    }
}

/// The schema, where nothing is drawn that it does not name: a schema that says nothing of further properties lets a model draw any,
/// and a small one without end.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut fields: Map<String, Value> =
                fields.iter().map(|(key, value)| (key.clone(), closed(value))).collect();
            let says = fields.contains_key("additionalProperties") || fields.contains_key("patternProperties");
            if fields.get("properties").is_some_and(Value::is_object) && fields.contains_key("type") && !says {
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            Value::Object(fields)
        }
        Value::Array(list) => list.iter().map(closed).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_that_a_schema_does_not_name() {
        let check = |schema: Value, expect: Value| assert_eq!(closed(&schema), expect);
        let inner = json!({ "type": "object", "properties": {} });
        let shut = json!({ "type": "object", "properties": {}, "additionalProperties": false });
        check(inner.clone(), shut.clone());
        check(
            json!({ "type": "object", "properties": { "a": { "type": "array", "items": inner } } }),
            json!({ "type": "object", "properties": { "a": { "type": "array", "items": shut } }, "additionalProperties": false }),
        );
        let open = json!({ "type": "object", "properties": {}, "additionalProperties": { "type": "string" } });
        check(open.clone(), open);
        check(json!({ "type": "object" }), json!({ "type": "object" }));
        let named = json!({ "type": "object", "properties": { "properties": { "type": "string" } }, "additionalProperties": false });
        check(named.clone(), named);
    }
}
