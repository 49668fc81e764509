//! Answers that must be JSON of a schema.

use std::{collections::BTreeSet, fmt};

use jsonschema::Validator;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A schema, ready to be kept. Formats are checked too, and no other document is fetched.
pub(super) fn build(schema: &Value) -> Result<Validator, String> {
    jsonschema::options().should_validate_formats(true).build(schema).map_err(|error| error.to_string())
}

/// Whether the whole text is one JSON value of the schema. An object that names something twice is none: readers differ in which
/// one they take.
pub(super) fn keeps(validator: &Validator, text: &str) -> bool {
    let read = serde_json::from_str::<Once>(text).is_ok().then(|| serde_json::from_str::<Value>(text));
    read.and_then(Result::ok).is_some_and(|value| validator.is_valid(&value))
}

/// Any JSON in which no object names anything twice.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_str<E>(self, _: &str) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_unit<E>(self) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Once, A::Error> {
        while items.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Once, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, Once)) = fields.next_entry::<String, Once>()? {
            // Where numbers are kept as they are written, they come as an object of one field.
            if !names.insert(name) {
                return Err(A::Error::custom("something is named twice"));
            }
        }
        Ok(Once)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_json_of_the_schema_keeps_a_contract() {
        let schema = json!({
            "type": "object", "required": ["ok"], "additionalProperties": false,
            "properties": { "ok": { "type": "boolean" }, "n": { "type": "number" }, "at": { "format": "date" } },
        });
        let validator = build(&schema).unwrap();
        let check = |text: &str, expected: bool| assert_eq!(keeps(&validator, text), expected, "{text:?}");
        check("{\"ok\": true}", true);
        check(" \n{\"ok\": true, \"n\": 1.5e3}\n", true);
        check("{\"ok\": true, \"at\": \"2026-11-26\"}", true);
        check("{\"ok\": true, \"at\": \"soon\"}", false);
        check("{\"ok\": 1}", false);
        check("{\"ok\": true, \"more\": 1}", false);
        check("{\"ok\": true} and more", false);
        check("```json\n{\"ok\": true}\n```", false);
        check("{\"ok\": true, \"ok\": false}", false);
        check("{\"ok\": true, \"o\\u006b\": false}", false);
        check("{\"ok\": tr", false);
        check("", false);
        check(&"[".repeat(100_000), false);
    }

    #[test]
    fn a_schema_is_checked_and_fetches_nothing() {
        assert!(build(&json!({ "type": "nothing" })).is_err());
        assert!(build(&json!({ "$ref": "https://example.org/schema.json" })).is_err());
        assert!(build(&json!({ "$ref": "file:///etc/hostname" })).is_err());
    }
}
