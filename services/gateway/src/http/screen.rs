//! What safeguards find in a request, before any model sees it.

use std::sync::Arc;

use forethought_actors::BLOCKED;
use forethought_safeguards::{Action, Counted, Finding, Guard, Safeguards};
use forethought_schemas::{ApiError, ChatRequest, ErrorKind, ResponseFormat};
use serde_json::Value;

/// A request as a model may see it.
pub(super) struct Screened {
    pub(super) chat: ChatRequest,
    /// What was found in it.
    pub(super) found: Vec<Counted>,
    /// Why no model may see it at all.
    pub(super) refusal: Option<ApiError>,
}

/// Looks at everything in a request that a model, or a judge of its answers, would read. Texts in which something is to be
/// redacted are; a schema and what verifiers are told cannot be, and are refused.
pub(super) fn screen(rules: &Arc<Safeguards>, chat: &ChatRequest) -> Screened {
    let mut chat = chat.clone();
    if rules.is_empty() {
        return Screened { chat, found: Vec::new(), refusal: None };
    }
    let mut look = Look { rules, findings: Vec::new(), refusal: None };
    for (at, message) in chat.messages.iter_mut().enumerate() {
        look.text(&mut message.content, &format!("messages[{at}].content"));
    }
    // A model reads them one behind the other.
    let all: Vec<&str> = chat.messages.iter().map(|message| message.content.as_str()).collect();
    look.together(&all.join(" "), "messages");
    for (at, verifier) in chat.deliberation.verifiers.iter_mut().enumerate() {
        if let Some(Value::String(rubric)) = verifier.get_mut("rubric") {
            look.text(rubric, &format!("deliberation.verifiers[{at}].rubric"));
        }
        // What verifiers find is told to the model that is to mend it.
        look.value(verifier, &format!("deliberation.verifiers[{at}]"));
    }
    if let Some(mut schema) = chat.format.schema() {
        let schema = Arc::make_mut(&mut schema);
        look.value(schema, "response_format");
        if look.refusal.is_some() && matches!(chat.format, ResponseFormat::JsonSchema(_)) {
            // What is refused is recorded, and its record must not hold it either.
            chat.format = ResponseFormat::JsonSchema(Arc::new(schema.clone()));
        }
    }
    for stop in &mut chat.stop {
        look.fixed(stop, "stop");
    }
    let Look { findings, refusal, .. } = look;
    Screened { found: Counted::of(&findings), refusal, chat }
}

struct Look<'r> {
    rules: &'r Arc<Safeguards>,
    findings: Vec<Finding>,
    refusal: Option<ApiError>,
}

impl Look<'_> {
    /// Every text of a value, none of which may be changed.
    fn value(&mut self, value: &mut Value, param: &str) {
        match value {
            Value::String(text) => self.fixed(text, param),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, param)),
            Value::Object(fields) => {
                for (mut name, mut value) in std::mem::take(fields) {
                    self.fixed(&mut name, param);
                    self.value(&mut value, param);
                    fields.insert(name, value);
                }
            }
            Value::Number(number) => self.fixed(&mut number.to_string(), param),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Texts that were looked at one by one: only what none of them holds alone is new, and it cannot be redacted.
    fn together(&mut self, text: &str, param: &str) {
        let passed = Guard::check(self.rules, text);
        if passed.stopped && self.refusal.is_none() {
            self.note(passed.findings, Action::Hold, param);
        }
    }

    /// A text that may be changed.
    fn text(&mut self, text: &mut String, param: &str) {
        let passed = Guard::check(self.rules, text);
        self.note(passed.findings, Action::Hold, param);
        *text = passed.text;
    }

    /// A text that may not be changed; what is refused is taken out of it all the same, for the record.
    fn fixed(&mut self, text: &mut String, param: &str) {
        let passed = Guard::check(self.rules, text);
        self.note(passed.findings, Action::Redact, param);
        *text = passed.text;
    }

    fn note(&mut self, findings: Vec<Finding>, refused_from: Action, param: &str) {
        let refused = findings.iter().find(|finding| finding.action >= refused_from);
        if let Some(finding) = refused.filter(|_| self.refusal.is_none()) {
            self.refusal = Some(refusal(finding, param));
        }
        self.findings.extend(findings);
    }
}

fn refusal(finding: &Finding, param: &str) -> ApiError {
    let what = match &finding.list {
        Some(list) => format!("a phrase of the deny list `{list}`"),
        None => format!("something of the kind `{}`", finding.kind.as_str()),
    };
    let message = format!(
        "{param} holds {what}, which this tenant's safeguards do not let through; remove it and send the request again"
    );
    ApiError { param: Some(param.to_owned()), ..ApiError::new(ErrorKind::Permission, BLOCKED, message) }
}
