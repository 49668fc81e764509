//! Puts back into an answer what safeguards redacted in its request.
//!
//! This is the last thing that is done with an answer: strategies, verifiers, safeguards, reviewers and the log only know the
//! placeholders.

use std::sync::Arc;

use forethought_safeguards::{Placeholders, Restorer};
use forethought_schemas::ResponseFormat;
use serde_json::Value;

/// Fields that are text whatever the answers are.
const THOUGHTS: [&str; 2] = ["reasoning_content", "thinking"];
/// The field that is a JSON text whatever the answers are: what a tool is called with.
const ARGUMENTS: &str = "arguments";

/// The way back from placeholders, for one answer.
#[derive(Clone)]
pub(super) struct Restore {
    placeholders: Arc<Placeholders>,
    /// Whether answers are JSON texts.
    json: bool,
}

impl Restore {
    pub(super) fn new(placeholders: Placeholders, format: &ResponseFormat) -> Self {
        Self { placeholders: Arc::new(placeholders), json: !matches!(format, ResponseFormat::Text) }
    }

    /// For an answer that comes in pieces.
    pub(super) fn of_answer(&self) -> Restorer {
        Restorer::new(&self.placeholders, self.json)
    }

    /// For thoughts that come in pieces.
    pub(super) fn of_thoughts(&self) -> Restorer {
        Restorer::new(&self.placeholders, false)
    }

    /// Every text within a value.
    pub(super) fn value(&self, value: &mut Value) {
        if !self.placeholders.is_empty() {
            self.within(value, self.json);
        }
    }

    fn within(&self, value: &mut Value, json: bool) {
        match value {
            Value::String(text) => *text = self.placeholders.restore(text, json),
            Value::Array(items) => items.iter_mut().for_each(|item| self.within(item, json)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.within(field, name == ARGUMENTS || (json && !THOUGHTS.contains(&name.as_str())));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use forethought_safeguards::{Action, Group, Guard, Rules, Safeguards};
    use serde_json::json;

    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----";

    fn restore(format: &ResponseFormat) -> Restore {
        let groups = BTreeMap::from([(Group::Secret, Action::Redact)]);
        let rules = Safeguards::new(&[&Rules { groups, ..Rules::default() }]);
        let mut placeholders = Placeholders::new([KEY]);
        assert_eq!(placeholders.redact(KEY, &Guard::check(&rules, KEY).findings), "[PRIVATE_KEY_1]");
        Restore::new(placeholders, format)
    }

    #[test]
    fn arguments_stay_json_whatever_the_answers_are() {
        let object = json!({ "type": "object" });
        for format in [ResponseFormat::Text, ResponseFormat::JsonSchema(Arc::new(object))] {
            let arguments = json!({ "key": "[PRIVATE_KEY_1]" }).to_string();
            let mut call = json!({ "function": { "name": "sign", "arguments": arguments } });
            restore(&format).value(&mut call);
            let arguments = call.pointer("/function/arguments").and_then(Value::as_str).unwrap();
            assert_eq!(serde_json::from_str::<Value>(arguments).unwrap(), json!({ "key": KEY }));
        }
        let mut message = json!({ "content": "[PRIVATE_KEY_1]" });
        restore(&ResponseFormat::Text).value(&mut message);
        assert_eq!(message, json!({ "content": KEY }));
    }
}
