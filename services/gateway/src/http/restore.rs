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
                    self.within(field, json && !THOUGHTS.contains(&name.as_str()));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
