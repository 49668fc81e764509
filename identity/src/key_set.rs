//! The public keys of an issuer (RFC 7517, section 5).

use serde_json::Value;

pub(crate) use crate::jwk::Key;
use crate::{Algorithm, Refused, json, quote::quoted};

/// The largest set, in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// The most keys in a set.
const MAX_KEYS: usize = 128;
const MAX_DEPTH: u8 = 16;

/// The keys of an issuer that can verify tokens.
///
/// Keys may share a name only if they are for different algorithms, as RFC 7517, section 4.5 has it, so that a token
/// never means two keys. Of those that do not keep to it none is used: which of them the issuer meant is not known.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<SkippedKey>,
}

/// A key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in the set, from 0.
    pub place: usize,
    /// Its name, quoted and cut, if it has one.
    pub kid: Option<String>,
    /// Why it is not used.
    pub why: &'static str,
}

/// Why a set of keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is larger than 1 MiB.
    #[error("the key set has more than 1048576 bytes; check that this is the issuer's JWK set")]
    TooLarge,
    /// It is no JWK set.
    #[error(
        "the key set is no JSON object with a list `keys` of objects, without duplicate members: {0}; check the source"
    )]
    Malformed(String),
    /// It has too many keys.
    #[error("the key set has {0} keys, more than 128; have the issuer withdraw old ones")]
    TooMany(usize),
    /// None of its keys can be used.
    #[error("the key set has no key that can be used{}; have the issuer publish a public signature key", first(.0))]
    NoUsableKey(Vec<SkippedKey>),
}

fn first(skipped: &[SkippedKey]) -> String {
    skipped.first().map(|key| format!(": of key {} {}", key.place, key.why)).unwrap_or_default()
}

impl KeySet {
    /// Reads a JWK set. Keys that cannot be used are skipped, and told by [`skipped`](Self::skipped).
    ///
    /// # Errors
    /// [`KeySetError`] when the text is no JWK set, is too large, or has no key that can be used.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        if text.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let set = json::object(text, MAX_DEPTH).map_err(|error| KeySetError::Malformed(error.to_string()))?;
        let Some(Value::Array(members)) = set.get("keys") else {
            return Err(KeySetError::Malformed("it has no list `keys`".to_owned()));
        };
        if members.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(members.len()));
        }
        let (keys, skipped) = sorted(members);
        if keys.is_empty() { Err(KeySetError::NoUsableKey(skipped)) } else { Ok(Self { keys, skipped }) }
    }

    /// The keys of the set that are not used.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// How many keys are used; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// The one key that a token can mean.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, Refused> {
        let named: Vec<&Key> = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid).collect();
        let mut fitting = named.iter().filter(|key| key.verifies(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) if kid.is_some() && !named.is_empty() => Err(Refused::Algorithm(algorithm.to_string())),
            _ => Err(Refused::UnknownKey { kid: kid.map(quoted) }),
        }
    }
}

fn sorted(members: &[Value]) -> (Vec<Key>, Vec<SkippedKey>) {
    let (mut keys, mut skipped) = (Vec::new(), Vec::new());
    for (place, member) in members.iter().enumerate() {
        let read = member.as_object().ok_or("it is no object").and_then(Key::read);
        match read {
            Ok(key) => keys.push((place, key)),
            Err(why) => skipped.push(SkippedKey { place, kid: kid(member), why }),
        }
    }
    let clash = |place: usize, key: &Key| keys.iter().any(|(other, own)| *other != place && own.clashes(key));
    let clashing: Vec<usize> = keys.iter().filter(|(place, key)| clash(*place, key)).map(|(place, _)| *place).collect();
    let (clashing, keys): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(place, _)| clashing.contains(place));
    let why = "another key has the same `kid` and algorithm";
    skipped.extend(clashing.into_iter().map(|(place, key)| SkippedKey {
        place,
        kid: key.kid.as_deref().map(quoted),
        why,
    }));
    (keys.into_iter().map(|(_, key)| key).collect(), skipped)
}

fn kid(member: &Value) -> Option<String> {
    member.get("kid")?.as_str().map(quoted)
}
