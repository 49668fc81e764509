//! What safeguards let out in the arguments of calls.

use std::sync::Arc;

use forethought_reasoning::{Call, canonical_calls};
use forethought_safeguards::{Finding, Guard, Safeguards};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Calls as they may leave.
#[derive(Debug, Default)]
pub(in crate::deliberation) struct Called {
    pub calls: Vec<Call>,
    pub findings: Vec<Finding>,
    /// Whether none of them may leave.
    pub stopped: bool,
}

impl Called {
    pub(in crate::deliberation) fn new(rules: &Arc<Safeguards>, calls: &[Call]) -> Self {
        let mut all = Self::default();
        for call in calls {
            let Arguments { value, findings, stopped } = Arguments::new(rules, &call.arguments);
            all.calls.push(Call { arguments: value, ..call.clone() });
            all.findings.extend(findings);
            all.stopped |= stopped;
        }
        if all.stopped {
            all.calls.clear();
        }
        all
    }
}

/// An answer that is calls of whoever asked, or has them behind its text, as one text: for who judges it, and for its record.
#[must_use]
pub fn with_calls(text: &str, calls: &[Call]) -> String {
    match (text, calls) {
        (text, []) => text.to_owned(),
        ("", calls) => canonical_calls(calls),
        (text, calls) => format!("{text}\n{}", canonical_calls(calls)),
    }
}

/// An answer that waits for a person, as it is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeldAnswer {
    /// A text.
    Text(String),
    /// Calls that whoever asked is to make.
    Calls {
        /// What is said beside them.
        text: String,
        /// In their order.
        calls: Vec<Call>,
    },
}

impl HeldAnswer {
    /// An answer as these rules let it out; nothing where they let out nothing of it.
    pub(super) fn released(rules: &Arc<Safeguards>, text: &str, calls: &[Call]) -> Option<Self> {
        let (text, called) = (Guard::check(rules, text), Called::new(rules, calls));
        let text = (!text.stopped && !called.stopped).then_some(text.text)?;
        Some(if called.calls.is_empty() { Self::Text(text) } else { Self::Calls { text, calls: called.calls } })
    }
}

/// Arguments as they may leave.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// With what is redacted in its place.
    pub value: Value,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether they may not leave.
    pub stopped: bool,
}

impl Arguments {
    /// Each text is looked at by itself, and all of them together: what is told apart by JSON alone is found, too.
    pub(crate) fn new(rules: &Arc<Safeguards>, arguments: &Value) -> Self {
        let mut this = Self { value: Value::Null, findings: Vec::new(), stopped: false };
        this.value = this.passed(rules, arguments);
        if !rules.is_empty() {
            let mut texts = Vec::new();
            leaves(&this.value, &mut texts);
            let text = texts.join(" ");
            let whole = Guard::check(rules, &text);
            if whole.stopped || whole.text != text {
                this.stopped = true;
                this.findings.extend(whole.findings);
            }
        }
        this
    }

    fn passed(&mut self, rules: &Arc<Safeguards>, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(rules, text)),
            Value::Number(number) => {
                let text = number.to_string();
                let passed = self.text(rules, &text);
                if passed == text { value.clone() } else { Value::String(passed) }
            }
            Value::Array(list) => list.iter().map(|item| self.passed(rules, item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, item)| (self.text(rules, key), self.passed(rules, item)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn text(&mut self, rules: &Arc<Safeguards>, text: &str) -> String {
        let passed = Guard::check(rules, text);
        self.findings.extend(passed.findings);
        self.stopped |= passed.stopped;
        passed.text
    }
}

fn leaves<'v>(value: &'v Value, texts: &mut Vec<std::borrow::Cow<'v, str>>) {
    match value {
        Value::String(text) => texts.push(text.as_str().into()),
        Value::Number(number) => texts.push(number.to_string().into()),
        Value::Array(list) => list.iter().for_each(|item| leaves(item, texts)),
        Value::Object(fields) => fields.iter().for_each(|(key, item)| {
            texts.push(key.as_str().into());
            leaves(item, texts);
        }),
        _ => {}
    }
}
