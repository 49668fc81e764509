//! What safeguards find in a request, before any model sees it.

use std::{borrow::Cow, sync::Arc};

use forethought_actors::BLOCKED;
use forethought_policies::Screens;
use forethought_safeguards::{Action, Counted, Finding, Guard, Kind, Placeholders, Safeguards};
use forethought_schemas::{ApiError, ChatMessage, ChatRequest, ChatRole, ErrorKind, ResponseFormat};
use serde_json::Value;

use super::whole;

/// A request as a model may see it.
pub(super) struct Screened {
    pub(super) chat: ChatRequest,
    /// What was found in it.
    pub(super) found: Vec<Counted>,
    /// Why no model may see it at all.
    pub(super) refusal: Option<ApiError>,
    /// Why its answer is to wait for a person.
    pub(super) held: Vec<String>,
    /// What was redacted in it and comes back in the answer.
    pub(super) placeholders: Placeholders,
}

/// Looks at everything in a request that a model, or a judge of its answers, would read. Texts in which something is to be
/// redacted are; a schema and what verifiers are told cannot be, and are refused. Where something is to be held, a model sees
/// it, and its answer waits.
pub(super) fn screen(screens: &Screens, chat: &ChatRequest) -> Screened {
    let screened = look(&screens.input, screens.restore, chat);
    if screened.held.is_empty() || screened.refusal.is_some() {
        return whole::look(&screens.whole, screened);
    }
    let seen = look(&screens.input_released, screens.restore, chat);
    let Screened { chat, refusal, placeholders, .. } = seen;
    whole::look(&screens.whole, Screened { chat, refusal, placeholders, ..screened })
}

fn look(rules: &Arc<Safeguards>, restore: bool, chat: &ChatRequest) -> Screened {
    let mut chat = chat.clone();
    if rules.is_empty() {
        let placeholders = Placeholders::default();
        return Screened { chat, found: Vec::new(), refusal: None, held: Vec::new(), placeholders };
    }
    let numbered = restore.then(|| {
        let said: Vec<Cow<'_, str>> = chat.messages.iter().map(said).collect();
        Placeholders::new(said.iter().map(AsRef::as_ref))
    });
    let mut look = Look { rules, findings: Vec::new(), refusal: None, numbered };
    for (at, message) in chat.messages.iter_mut().enumerate() {
        look.message(message, &format!("messages[{at}]"));
    }
    for (at, tool) in chat.tools.own.iter_mut().enumerate() {
        let param = format!("tools[{at}]");
        look.fixed(&mut tool.name, &param);
        look.text(&mut tool.description, &param);
        look.value(Arc::make_mut(&mut tool.parameters), &param);
    }
    // A model reads them one behind the other.
    let others: Vec<Cow<'_, str>> =
        chat.messages.iter().filter(|message| message.role != ChatRole::System).map(said).collect();
    if others.len() > 1 && !look.findings.iter().any(|found| found.kind == Kind::Injection) {
        look.injection(&others.join(" "), "messages");
    }
    let all: Vec<Cow<'_, str>> = chat.messages.iter().map(said).collect();
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
    let Look { findings, refusal, numbered, .. } = look;
    let found = Counted::of(&findings);
    let held =
        found.iter().filter(|found| found.action == Action::Hold).map(|found| what(found.kind, found.list.as_deref()));
    Screened { held: held.collect(), found, refusal, chat, placeholders: numbered.unwrap_or_default() }
}

/// All that a model reads of a message, one behind the other.
pub(super) fn said(message: &ChatMessage) -> Cow<'_, str> {
    if message.calls.is_empty() {
        return Cow::Borrowed(&message.content);
    }
    let mut said = message.content.clone();
    for call in &message.calls {
        said.extend([" ", &call.name]);
        texts(&call.arguments, &mut said);
    }
    Cow::Owned(said)
}

/// Adds every text of a value. It is not written as JSON, which would change letters.
fn texts(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.extend([" ", text]),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(fields) => {
            for (name, item) in fields {
                out.extend([" ", name]);
                texts(item, out);
            }
        }
        Value::Number(number) => out.extend([" ", &number.to_string()]),
        Value::Null | Value::Bool(_) => {}
    }
}

struct Look<'r> {
    rules: &'r Arc<Safeguards>,
    findings: Vec<Finding>,
    refusal: Option<ApiError>,
    /// The placeholders, where they are numbered.
    numbered: Option<Placeholders>,
}

impl Look<'_> {
    fn message(&mut self, message: &mut ChatMessage, path: &str) {
        let param = format!("{path}.content");
        // The instructions themselves are the application's.
        if message.role != ChatRole::System {
            self.injection(&message.content, &param);
        }
        self.text(&mut message.content, &param);
        for (place, call) in message.calls.iter_mut().enumerate() {
            let param = format!("{path}.tool_calls[{place}]");
            let mut arguments = String::new();
            texts(&call.arguments, &mut arguments);
            self.injection(&arguments, &param);
            self.fixed(&mut call.name, &param);
            self.redacted(&mut call.arguments, &param);
        }
    }

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

    /// Every text of a value, each of which may be changed; names of fields may not, and numbers.
    fn redacted(&mut self, value: &mut Value, param: &str) {
        match value {
            Value::String(text) => self.text(text, param),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redacted(item, param)),
            Value::Object(fields) => {
                for (mut name, mut item) in std::mem::take(fields) {
                    self.fixed(&mut name, param);
                    self.redacted(&mut item, param);
                    fields.insert(name, item);
                }
            }
            Value::Number(number) => {
                let number = number.to_string();
                let mut passed = number.clone();
                self.fixed(&mut passed, param);
                if passed != number {
                    *value = Value::String(passed);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Texts that were looked at one by one: only what none of them holds alone is new, and it cannot be redacted.
    fn together(&mut self, text: &str, param: &str) {
        let passed = Guard::check(self.rules, text);
        if passed.stopped && self.refusal.is_none() {
            self.note(passed.findings, Action::Block, param);
        }
    }

    /// A text that may be changed.
    fn text(&mut self, text: &mut String, param: &str) {
        let passed = Guard::check(self.rules, text);
        *text = match &mut self.numbered {
            Some(placeholders) if !passed.stopped => placeholders.redact(text, &passed.findings),
            _ => passed.text,
        };
        self.note(passed.findings, Action::Block, param);
    }

    /// Signs that a text gives a model instructions that it should not have. Nothing can be put in their place, so what is to
    /// be redacted is refused.
    fn injection(&mut self, text: &str, param: &str) {
        if let Some(finding) = self.rules.injection(text) {
            self.note(vec![finding], Action::Redact, param);
        }
    }

    /// A text that may not be changed; what is refused is taken out of it all the same, for the record.
    fn fixed(&mut self, text: &mut String, param: &str) {
        let passed = Guard::check(self.rules, text);
        self.note(passed.findings, Action::Redact, param);
        *text = passed.text;
    }

    fn note(&mut self, findings: Vec<Finding>, refused_from: Action, param: &str) {
        let refused = findings.iter().find(|found| found.action >= refused_from && found.action != Action::Hold);
        if let Some(finding) = refused.filter(|_| self.refusal.is_none()) {
            self.refusal = Some(refusal(finding, param));
        }
        self.findings.extend(findings);
    }
}

fn what(kind: Kind, list: Option<&str>) -> String {
    match list {
        Some(list) => format!("a phrase of the deny list `{list}`"),
        None => format!("something of the kind `{}`", kind.as_str()),
    }
}

fn refusal(finding: &Finding, param: &str) -> ApiError {
    let what = what(finding.kind, finding.list.as_deref());
    let message = format!(
        "{param} holds {what}, which this tenant's safeguards do not let through; remove it and send the request again"
    );
    ApiError { param: Some(param.to_owned()), ..ApiError::new(ErrorKind::Permission, BLOCKED, message) }
}
