//! What was asked and answered, as far as it can be read.

use serde_json::Value;

use super::{Part, words};
use crate::{Commitment, ContentError, Digest, ErasureCause, Record, Shown};

/// The start of a digest, enough to tell answers apart.
const SHORT: usize = 12;
const SEALED: &str = "Sealed; ask with --contents.";

/// The contents of a request's records.
pub(super) struct Contents<'s> {
    shown: &'s Shown,
    /// Every request has contents, so that none were asked for where there are none.
    asked_for: bool,
}

impl<'s> Contents<'s> {
    pub(super) fn of(shown: &'s Shown) -> Self {
        Self { shown, asked_for: !shown.contents.is_empty() }
    }

    /// The content of the admission that has this name.
    pub(super) fn told(&self, name: &str) -> Vec<Part> {
        self.told_of(&self.shown.admission, name)
    }

    /// The content of a record that has this name; nothing where it has none.
    pub(super) fn told_of(&self, record: &Record, name: &str) -> Vec<Part> {
        if !record.contents.iter().any(|content| content.name == name) {
            return Vec::new();
        }
        if !self.asked_for {
            return vec![Part::sentence(SEALED)];
        }
        self.opened_of(record, name)
    }

    /// As [`Contents::told_of`], and nothing where no contents were asked for.
    pub(super) fn opened_of(&self, record: &Record, name: &str) -> Vec<Part> {
        if !self.asked_for {
            return Vec::new();
        }
        match self.find(record, name) {
            Some(Ok(bytes)) => quotes(&readable(bytes)),
            Some(Err(error)) => vec![Part::sentence(self.unread(error))],
            None => vec![Part::sentence("It is not among the contents that were read.")],
        }
    }

    fn find(&self, record: &Record, name: &str) -> Option<&'s Result<Vec<u8>, ContentError>> {
        let is = |content: &&crate::Content| content.record_id == record.record_id.as_str() && content.name == name;
        self.shown.contents.iter().find(is).map(|content| &content.content)
    }

    fn unread(&self, error: &ContentError) -> String {
        if !error.is_gone() {
            return format!("It cannot be read: {error}.");
        }
        let Some(erased) = &self.shown.erased else {
            return format!("Erased or lost; no record of this log says when: {error}.");
        };
        let why = match erased.cause {
            ErasureCause::Person => "somebody asked for it",
            ErasureCause::Tenant => "all of the tenant's contents went",
            ErasureCause::Expiry => "it had been there as long as it may",
        };
        let (time, record) = (words::time(erased.time), &erased.record_id);
        format!("Erased on {time}, since {why} (record {record}): nobody can read it any more.")
    }

    /// A canonical answer where it was read, else the beginning of the commitment to it.
    pub(super) fn answer(&self, answer: Digest) -> String {
        let is = |commitment: &&Commitment| commitment.commitment == answer;
        let read = self.shown.end.as_ref().and_then(|end| {
            let name = &end.contents.iter().find(is)?.name;
            self.find(end, name)?.as_ref().ok()
        });
        match read {
            Some(bytes) => text_of(bytes),
            None => answer.to_string().chars().take(SHORT).collect::<String>() + "…",
        }
    }
}

/// Bytes that are no text stand there in hexadecimal digits.
fn text_of(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| format!("bytes {}", hex::encode(bytes)), ToOwned::to_owned)
}

fn quotes(texts: &[String]) -> Vec<Part> {
    texts.iter().map(Part::quote).collect()
}

/// A conversation is told a message after another, several texts one after another, and anything else as it is.
fn readable(bytes: &[u8]) -> Vec<String> {
    let text = text_of(bytes);
    let value = serde_json::from_str::<Value>(&text).ok();
    let list = value.as_ref().and_then(|value| value.as_array().or_else(|| value.get("messages")?.as_array()));
    let told = list.filter(|list| !list.is_empty()).and_then(|list| (1..).zip(list).map(said).collect());
    told.unwrap_or_else(|| vec![text])
}

/// A message, or one of several texts.
fn said((number, message): (usize, &Value)) -> Option<String> {
    if let Some(text) = message.as_str() {
        return Some(format!("{number}. {text}"));
    }
    let said = format!("{}: {}", message.get("role")?.as_str()?, message.get("content")?.as_str()?);
    let calls = message.get("calls").and_then(Value::as_array).into_iter().flatten().map(called);
    let told: Vec<String> = std::iter::once(Some(said)).chain(calls).collect::<Option<_>>()?;
    Some(told.join("\n"))
}

/// A call of a tool in a message.
fn called(call: &Value) -> Option<String> {
    Some(format!("calls `{}` with {}", call.get("name")?.as_str()?, call.get("arguments")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_told_message_by_message() {
        let check = |text: &str, expected: &[&str]| assert_eq!(readable(text.as_bytes()), expected);
        check(
            r#"[{"role":"system","content":"be brief"},{"role":"user","content":"a\nb"}]"#,
            &["system: be brief", "user: a\nb"],
        );
        check(r#"{"messages":[{"role":"user","content":"hi"}]}"#, &["user: hi"]);
        check(
            r#"[{"role":"assistant","content":"","calls":[{"id":"c","name":"add","arguments":{"x":1}}]}]"#,
            &["assistant: \ncalls `add` with {\"x\":1}"],
        );
        check(r#"["one","two"]"#, &["1. one", "2. two"]);
        check("[1, 2]", &["[1, 2]"]);
        check(
            r#"[{"role":"user","content":[{"type":"text"}]}]"#,
            &[r#"[{"role":"user","content":[{"type":"text"}]}]"#],
        );
        check("[]", &["[]"]);
        check("plain {text", &["plain {text"]);
        assert_eq!(readable(&[0xff, 0]), ["bytes ff00"]);
    }
}
