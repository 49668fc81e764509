//! As much of OTLP/JSON as spans without events and links need.
//!
//! The JSON encoding of the OpenTelemetry protocol (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"): names in lower camel
//! case, numbers of 64 bits as decimal text, ids as hexadecimal digits rather than base64, enumerations as numbers.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::Digest;

/// One line: an `ExportTraceServiceRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Export {
    pub(super) resource_spans: [ResourceSpans; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceSpans {
    pub(super) resource: Resource,
    pub(super) scope_spans: [ScopeSpans; 1],
    pub(super) schema_url: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Resource {
    pub(super) attributes: Attributes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScopeSpans {
    pub(super) scope: Scope,
    pub(super) spans: Vec<Span>,
    pub(super) schema_url: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Scope {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    pub(super) trace_id: String,
    #[serde(rename = "spanId")]
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_span_id: Option<String>,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) start_time_unix_nano: String,
    pub(super) end_time_unix_nano: String,
    pub(super) attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<SpanStatus>,
}

/// `Span.SpanKind`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Internal = 1,
    Client = 3,
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct SpanStatus {
    code: u8,
}

impl SpanStatus {
    /// `STATUS_CODE_ERROR`.
    pub(super) const ERROR: Self = Self { code: 2 };
}

/// Attributes, in the order in which they were added.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Attributes(Vec<Attribute>);

#[derive(Debug, Serialize)]
struct Attribute {
    key: &'static str,
    value: Value,
}

/// `AnyValue`.
#[derive(Debug, Serialize)]
enum Value {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "boolValue")]
    Flag(bool),
    /// A signed number of 64 bits, as text.
    #[serde(rename = "intValue")]
    Int(String),
    #[serde(rename = "doubleValue")]
    Double(f64),
    #[serde(rename = "arrayValue")]
    Array { values: Vec<Value> },
}

impl Attributes {
    pub(super) fn text(&mut self, key: &'static str, text: impl Into<String>) {
        self.add(key, Value::Text(text.into()));
    }

    /// A text that may not be known.
    pub(super) fn known(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    pub(super) fn flag(&mut self, key: &'static str, flag: bool) {
        self.add(key, Value::Flag(flag));
    }

    /// A number; left out where it is too large for the protocol, which has signed ones.
    pub(super) fn number(&mut self, key: &'static str, number: u64) {
        if let Some(value) = int(number) {
            self.add(key, value);
        }
    }

    pub(super) fn ratio(&mut self, key: &'static str, ratio: f64) {
        self.add(key, Value::Double(ratio));
    }

    pub(super) fn texts<'t>(&mut self, key: &'static str, texts: impl Iterator<Item = &'t str>) {
        let values = texts.map(|text| Value::Text(text.to_owned())).collect();
        self.add(key, Value::Array { values });
    }

    pub(super) fn numbers(&mut self, key: &'static str, numbers: impl Iterator<Item = u64>) {
        self.add(key, Value::Array { values: numbers.filter_map(int).collect() });
    }

    fn add(&mut self, key: &'static str, value: Value) {
        self.0.push(Attribute { key, value });
    }
}

fn int(number: u64) -> Option<Value> {
    i64::try_from(number).ok().map(|number| Value::Int(number.to_string()))
}

/// A trace's id: the first 16 bytes of the SHA-256 of a text, so that anyone can find it.
pub(super) fn trace_id(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string().chars().take(32).collect()
}

/// A span's id: the first 8 bytes.
pub(super) fn span_id(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string().chars().take(16).collect()
}

/// Nanoseconds since 1970, as text; times that the protocol does not know are the nearest that it does.
pub(super) fn nanoseconds(time: Timestamp, more_ms: u64) -> String {
    let nanoseconds = time.as_nanosecond().saturating_add(i128::from(more_ms) * 1_000_000);
    nanoseconds.clamp(0, u64::MAX.into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(time: &str, more_ms: u64, expected: &str) {
        assert_eq!(nanoseconds(time.parse().expect("a time"), more_ms), expected, "{time} {more_ms}");
    }

    #[test]
    fn times_are_nanoseconds_within_what_the_protocol_knows() {
        check("1970-01-01T00:00:00Z", 0, "0");
        check("2026-01-02T03:04:05.000000006Z", 7, "1767323045007000006");
        check("1969-12-31T23:59:59Z", 0, "0");
        check("1969-12-31T23:59:59Z", 1500, "500000000");
        check("9999-12-30T00:00:00Z", 0, "18446744073709551615");
        check("2026-01-02T03:04:05Z", u64::MAX, "18446744073709551615");
    }

    #[test]
    fn numbers_are_text_and_none_is_wrong() {
        let mut attributes = Attributes::default();
        attributes.number("a", 7);
        attributes.number("b", i64::MAX as u64);
        attributes.number("c", i64::MAX as u64 + 1);
        attributes.numbers("d", [1, u64::MAX].into_iter());
        let json = serde_json::to_string(&attributes).expect("JSON");
        assert_eq!(
            json,
            r#"[{"key":"a","value":{"intValue":"7"}},{"key":"b","value":{"intValue":"9223372036854775807"}},{"key":"d","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}]"#
        );
    }
}
