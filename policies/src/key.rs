//! API keys: how they are made, what is kept of them, and how a caller's key is compared with what is kept.

use std::{fmt, hint::black_box, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// What every key text begins with, so that secret scanners can find leaked ones.
const PREFIX: &str = "ft-";
/// Bytes of randomness in a key id: enough that two never meet in one installation.
const ID_BYTES: usize = 8;
/// Bytes of randomness in the secret part.
const SECRET_BYTES: usize = 32;
/// The secret part in base64url without padding.
const SECRET_CHARS: usize = 43;
/// Longer texts are refused before any work is done on them.
const MAX_TEXT: usize = 128;
const HASH_PREFIX: &str = "sha256:";

/// A whole API key, `ft-<key id>-<43 characters>`. It is shown once, when it is made; `Debug` and `Display` hide its
/// secret part.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    text: String,
}

impl ApiKey {
    /// A new key with 32 random bytes from the operating system.
    ///
    /// # Errors
    /// [`NoRandomness`] if the operating system gives none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut id = [0; ID_BYTES];
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut id).map_err(|error| NoRandomness(error.to_string()))?;
        getrandom::fill(&mut secret).map_err(|error| NoRandomness(error.to_string()))?;
        let id = format!("k_{}", hex::encode(id));
        let text = format!("{PREFIX}{id}-{}", URL_SAFE_NO_PAD.encode(secret));
        Ok(Self { id, text })
    }

    /// Reads a key that a caller sent.
    ///
    /// # Errors
    /// [`MalformedKey`] if the text has not the form of a key; whether the key exists is not looked at.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let body = text.strip_prefix(PREFIX).filter(|_| text.len() <= MAX_TEXT && text.is_ascii());
        let (id, secret) = body
            .and_then(|body| body.split_at_checked(body.len().checked_sub(SECRET_CHARS + 1)?))
            .and_then(|(id, rest)| Some((id, rest.strip_prefix('-')?)))
            .ok_or(MalformedKey)?;
        let hex = id.strip_prefix("k_").ok_or(MalformedKey)?;
        let id_is_right = (8..=32).contains(&hex.len()) && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let secret_is_right = URL_SAFE_NO_PAD.decode(secret).is_ok_and(|bytes| bytes.len() == SECRET_BYTES);
        if !id_is_right || !secret_is_right {
            return Err(MalformedKey);
        }
        Ok(Self { id: id.to_owned(), text: text.to_owned() })
    }

    /// The key's id, which is no secret: it stands in logs and audit records.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole text, to be shown once to whoever will use the key. Never log it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is kept of the key.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.text.as_bytes()).into())
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}-***", self.id)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({self})")
    }
}

/// The SHA-256 of a whole key text, written `sha256:<64 hexadecimal digits>`.
///
/// A plain hash is right here, where it would be wrong for passwords: a slow, salted hash makes *guessing* expensive,
/// and a key is 256 random bits, which nobody guesses at any speed. A slow hash would only let anyone who sends wrong
/// keys keep the service's cores busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// A hash that no key has, to compare with when there is no such key, so that both cases take as long.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// Whether `key` is the key that was hashed. Takes the same time wherever the first difference is.
    #[must_use]
    pub fn matches(&self, key: &ApiKey) -> bool {
        let other = key.hash();
        let difference = self.0.iter().zip(&other.0).fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
        difference == 0
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}{}", hex::encode(self.0))
    }
}

impl FromStr for KeyHash {
    type Err = MalformedHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(HASH_PREFIX).ok_or(MalformedHash)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| MalformedHash)?;
        Ok(Self(bytes))
    }
}

/// The operating system gave no random bytes, so no key was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes for a new key: {0}; try again when the system has started up")]
pub struct NoRandomness(String);

/// The text has not the form of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an api key; a key reads `ft-<key id>-<43 characters>`")]
pub struct MalformedKey;

/// The text has not the form of a key's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key hash; write `sha256:` and 64 hexadecimal digits")]
pub struct MalformedHash;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_reads_back_and_hides_its_secret() {
        let key = ApiKey::generate().unwrap();
        let secret = key.reveal().strip_prefix(&format!("ft-{}-", key.id())).unwrap().to_owned();
        assert_eq!(secret.len(), SECRET_CHARS);
        assert_eq!(ApiKey::parse(key.reveal()).unwrap(), key);
        assert!(key.hash().matches(&key));
        assert_eq!(key.hash().to_string().parse::<KeyHash>().unwrap(), key.hash());
        for shown in [format!("{key}"), format!("{key:?}"), format!("{key:#?}")] {
            assert!(!shown.contains(&secret), "{shown}");
            assert!(shown.contains(key.id()), "{shown}");
        }
    }

    #[test]
    fn two_keys_differ_and_do_not_match() {
        let (one, two) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        assert_ne!(one.id(), two.id());
        assert!(!one.hash().matches(&two));
        assert!(!KeyHash::NONE.matches(&one));
    }

    #[test]
    fn a_secret_may_begin_with_or_contain_dashes() {
        let text = format!("ft-k_00112233-{}", "-".repeat(SECRET_CHARS - 1) + "A");
        let key = ApiKey::parse(&text).map(|key| key.id().to_owned());
        assert_eq!(key, Ok("k_00112233".to_owned()));
    }

    #[test]
    fn malformed_keys_are_refused() {
        let good = format!("ft-k_00112233-{}", "A".repeat(SECRET_CHARS));
        assert!(ApiKey::parse(&good).is_ok());
        let a43 = "A".repeat(SECRET_CHARS);
        for text in [
            String::new(),
            "ft-".to_owned(),
            "sk-abc".to_owned(),
            format!("ft-k_00112233{a43}"),
            format!("ft-k_001122-{a43}"),
            format!("ft-k_0011223G-{a43}"),
            format!("ft-{}-{a43}", "k_".to_owned() + &"0".repeat(33)),
            format!("ft-k_00112233-{}", "A".repeat(SECRET_CHARS - 1)),
            format!("ft-k_00112233-{}", "A".repeat(SECRET_CHARS - 1) + "!"),
            format!("ft-k_00112233-{}é", "A".repeat(SECRET_CHARS - 2)),
            format!("{good}\n"),
            format!("é{good}"),
            "ft-".to_owned() + &"A".repeat(10_000),
        ] {
            assert_eq!(ApiKey::parse(&text), Err(MalformedKey), "{text:?}");
        }
    }
}
