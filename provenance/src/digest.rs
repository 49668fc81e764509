//! SHA-256 digests as they are written (`sha256:` and hexadecimal digits), and one digest for what a JSON value says.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

/// What every written digest begins with; a bare one of digits only would be a number to YAML.
const PREFIX: &str = "sha256:";

/// A SHA-256 digest (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no digest; write `sha256:` and 64 hexadecimal digits in lower case")]
pub struct MalformedDigest(String);

impl Digest {
    /// The digest of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from(Sha256::new().chain_update(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of what a value says, whatever the order of its keys. Fractions count to ten digits, because the last
    /// digits can change when JSON is read. `domain` keeps it apart from every other use of SHA-256.
    pub(crate) fn of_value(domain: &str, value: &Value) -> Self {
        let mut text = String::new();
        write(value, &mut text);
        Self::from(Sha256::new().chain_update(domain).chain_update([0]).chain_update(text))
    }
}

impl From<Sha256> for Digest {
    fn from(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl FromStr for Digest {
    type Err = MalformedDigest;

    fn from_str(text: &str) -> Result<Self, MalformedDigest> {
        let malformed = || MalformedDigest(text.to_owned());
        let digits = text.strip_prefix(PREFIX).ok_or_else(malformed)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| malformed())?;
        // One digest has one spelling, so that texts can be compared.
        if digits.bytes().any(|digit| digit.is_ascii_uppercase()) { Err(malformed()) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for Digest {
    type Error = MalformedDigest;

    fn try_from(text: String) -> Result<Self, MalformedDigest> {
        text.parse()
    }
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => text.push_str(&plain(number)),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(fields) => {
            // Sorted here too: another crate's feature can make the map keep the order of insertion.
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            text.push('{');
            for (name, value) in sorted {
                write(&Value::String(name.clone()), text);
                text.push(':');
                write(value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn plain(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => format!("{float:.9e}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let zeros = "0".repeat(64);
        let check = |text: &str, good: bool| assert_eq!(text.parse::<Digest>().is_ok(), good, "{text}");
        check(&format!("sha256:{zeros}"), true);
        check(&zeros, false);
        check(&format!("sha256:{zeros}0"), false);
        check(&format!("sha256:{}", "A".repeat(64)), false);
        check(&format!("SHA256:{zeros}"), false);
        check("sha256:", false);
        check("", false);
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-4's example "abc".
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), abc);
        assert_eq!(abc.parse(), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn only_what_is_said_decides_the_digest() {
        let of = |text: &str| Digest::of_value("d", &serde_json::from_str(text).unwrap());
        let base = of(r#"{"a":[1,0.25,"x"],"b":null}"#);
        let check = |text: &str, same: bool| assert_eq!(of(text) == base, same, "{text}");
        check(r#"{ "b": null, "a": [1, 0.2500, "x"] }"#, true);
        check(r#"{"a":[1,0.250001,"x"],"b":null}"#, false);
        check(r#"{"a":[1,0.25],"b":null}"#, false);
        check(r#"{"a":[1,0.25,"x,"],"b":null}"#, false);
        assert_ne!(Digest::of_value("e", &json!({})), Digest::of_value("d", &json!({})));
    }
}
