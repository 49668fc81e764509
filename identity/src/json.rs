//! JSON, read strictly: no member twice, and no deeper than allowed.
//!
//! Two readers that take a different one of two members with the same name can be made to see different tokens
//! (RFC 8725, section 3.12 and RFC 7515, section 10.12), so such texts are refused.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads an object.
///
/// # Errors
/// When the text is not one JSON object, has a member twice, or is nested deeper than `depth`.
pub(crate) fn object(text: &[u8], depth: u8) -> Result<Map<String, Value>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth }.deserialize(&mut reader)?;
    reader.end()?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Error::custom("it is not an object")),
    }
}

/// Reads one value; `depth` is how many levels may still be opened.
#[derive(Clone, Copy)]
struct Strict {
    depth: u8,
}

impl Strict {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("it is nested too deep"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut found = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            found.push(item);
        }
        Ok(Value::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut found = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if found.contains_key(&name) {
                return Err(A::Error::custom("it has a member twice"));
            }
            found.insert(name, members.next_value_seed(inner)?);
        }
        Ok(Value::Object(found))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Value, &str>) {
        match (object(text.as_bytes(), 3), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(Value::Object(found), expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{text}: {error}"),
            (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn what_is_sound_is_read_whole() {
        check("{}", Ok(json!({})));
        let all = r#" {"a": [1, -2, 2.5, true, null, "é\n"], "b": {"a": 18446744073709551615}} "#;
        check(all, Ok(json!({"a": [1, -2, 2.5, true, null, "é\n"], "b": {"a": u64::MAX}})));
    }

    #[test]
    fn a_member_twice_is_refused() {
        check(r#"{"a": 1, "a": 1}"#, Err("twice"));
        check(r#"{"a": 1, "\u0061": 2}"#, Err("twice"));
        check(r#"{"b": [{"a": 1, "a": 1}]}"#, Err("twice"));
    }

    #[test]
    fn depth_is_bounded() {
        check(r#"{"a": [[1]]}"#, Ok(json!({"a": [[1]]})));
        check(r#"{"a": [[[1]]]}"#, Err("too deep"));
        check(&format!("{{\"a\": {}", "[".repeat(100_000)), Err("too deep"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        check("", Err("EOF"));
        check("[]", Err("not an object"));
        check("\"a\"", Err("not an object"));
        check("{} {}", Err("trailing"));
        check("{\"a\": 1e999}", Err("out of range"));
        check("\u{feff}{}", Err("expected value"));
        assert!(object(b"{\"a\": \"\xff\"}", 3).is_err());
    }
}
