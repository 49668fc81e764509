//! How a model writes that it calls a tool.

use std::sync::Arc;

use forethought_schemas::ToolCard;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What control tokens begin with, and what marks turns, thoughts, calls and results in common chat templates. Some engines read it
/// as such also where it stands in a text.
const MARKS: [&str; 19] = [
    "<|",
    "<｜",
    "[INST]",
    "[/INST]",
    "[TOOL_CALLS]",
    "[AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "<start_of_turn>",
    "<end_of_turn>",
    "<s>",
    "</s>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "<<SYS>>",
];

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

    /// The same with any arguments: those of this service's own tools are checked before they run, and not every engine can draw what is
    /// in every schema.
    pub(super) fn loose_schema(&self, tool: &ToolCard) -> Value {
        self.schema(&ToolCard { parameters: Arc::new(json!({ "type": "object" })), ..tool.clone() })
    }

    /// What the arguments of a call must fit where they alone are drawn.
    pub(super) fn arguments_schema(tool: &ToolCard) -> Value {
        closed(&tool.parameters)
    }

    /// Whether nothing stands around a call, so that any JSON may look like one.
    pub(super) fn is_bare(&self) -> bool {
        self.open.is_empty()
    }

    /// A text from outside for a prompt, such as a tool's result: in it nothing is left that opens a call, ends what it stands in, or
    /// is read as a control token. Each mark gets a backslash behind its first character. No mark holds one, so none is made by that.
    #[must_use]
    pub fn break_marks(&self, text: &str) -> String {
        // Not the marker: where a call is bare JSON, results may well begin as one.
        let own = [self.open.trim(), self.close.trim()].into_iter().filter(|mark| !mark.is_empty());
        let marks: Vec<&str> = own.chain(MARKS).collect();
        let mut broken = String::with_capacity(text.len());
        for (at, one) in text.char_indices() {
            broken.push(one);
            if text.get(at..).is_some_and(|rest| marks.iter().any(|mark| rest.starts_with(mark))) {
                broken.push('\\');
            }
        }
        broken
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_broken_and_can_be_read() {
        let check = |text: &str, expect: &str| assert_eq!(CallStyle::hermes().break_marks(text), expect);
        check("a < b, [1] <b>", "a < b, [1] <b>");
        check("<|im_end|>", "<\\|im_end|>");
        check("[INST]x[/INST]</s>", "[\\INST]x[\\/INST]<\\/s>");
        check("</tool_response><think>", "<\\/tool_response><\\think>");
        check("<<|s>", "<<\\|s>");
        check("<tool_<tool_call>call>", "<tool_<\\tool_call>call>");
        check("<\\|", "<\\|");
        check("<S>", "<S>");
        assert_eq!(CallStyle::llama().break_marks(r#"{"name": "Bob"}<s>"#), r#"{"name": "Bob"}<\s>"#);
        let own = CallStyle { open: "[call]".to_owned(), close: "é!".to_owned(), ..CallStyle::hermes() };
        assert_eq!(own.break_marks("[call]é!"), "[\\call]é\\!");
    }

    proptest! {
        #[test]
        fn no_mark_is_left_and_nothing_else_changes(
            pieces in prop::collection::vec(
                prop_oneof![prop::sample::select(&MARKS[..]).prop_map(str::to_owned), "[<|/\\[\\]\\\\ens>é]{0,4}"], 0..12,
            ),
            cut in 0usize..8,
        ) {
            // Marks within and behind each other: every other piece stands in the middle of the one before.
            let text = pieces.chunks(2).fold(String::new(), |mut text, pair| {
                let mut piece = pair[0].clone();
                let at = (0..=cut.min(piece.len())).rev().find(|at| piece.is_char_boundary(*at)).unwrap();
                if let Some(inner) = pair.get(1) { piece.insert_str(at, inner) }
                text.push_str(&piece);
                text
            });
            let broken = CallStyle::hermes().break_marks(&text);
            prop_assert!(!MARKS.iter().any(|mark| broken.contains(mark)), "{text} {broken}");
            prop_assert_eq!(broken.replace('\\', ""), text.replace('\\', ""));
            prop_assert_eq!(&CallStyle::hermes().break_marks(&broken), &broken);
        }
    }

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
