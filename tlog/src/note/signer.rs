//! Keys that sign.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Algorithm, NoteError, NoteSignature, SignedNote, SigningKeyError, VerifierKey, check_text, key::Parts, pair::Pair,
};

/// What the text of a private key begins with, so that nobody takes it for a public one.
const PRIVATE: &str = "PRIVATE+KEY+";

/// An Ed25519 key that signs notes. Its text is the one that Go's `sumdb/note` writes; it never stands in debug output.
pub struct SigningKey(Pair);

impl SigningKey {
    /// The key of a name and a seed of 32 random bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`SigningKeyError::Name`] and [`SigningKeyError::Refused`].
    pub fn from_seed(name: impl Into<String>, seed: &[u8; 32]) -> Result<Self, SigningKeyError> {
        Pair::from_seed(name, Algorithm::Ed25519, seed).map(Self)
    }

    /// The key that verifies.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// The private key as text: `PRIVATE+KEY+<name>+<key id>+<base64>`. Who has it can sign.
    ///
    /// # Errors
    /// [`SigningKeyError::Refused`].
    pub fn private_text(&self) -> Result<String, SigningKeyError> {
        let seed = self.0.seed()?;
        let key = STANDARD.encode([&[Algorithm::Ed25519.byte()], seed.as_ref()].concat());
        Ok(format!("{PRIVATE}{}+{}+{key}", self.verifier().name(), self.verifier().id()))
    }

    /// Signs a text that ends in a newline.
    ///
    /// # Errors
    /// When the text cannot stand in a note: see [`SignedNote::new`].
    pub fn signature(&self, text: &str) -> Result<NoteSignature, NoteError> {
        check_text(text)?;
        self.0.sign(&[], text.as_bytes())
    }

    /// A note of a text that ends in a newline, with this key's signature.
    ///
    /// # Errors
    /// When the text cannot stand in a note: see [`SignedNote::new`].
    pub fn sign(&self, text: &str) -> Result<SignedNote, NoteError> {
        SignedNote::new(text, vec![self.signature(text)?])
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier())
    }
}

impl FromStr for SigningKey {
    type Err = SigningKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.strip_prefix(PRIVATE).and_then(Parts::parse).ok_or(SigningKeyError::Form)?;
        let seed = <&[u8; 32]>::try_from(parts.key.as_slice()).map_err(|_| SigningKeyError::Form)?;
        if parts.algorithm != Algorithm::Ed25519.byte() {
            return Err(SigningKeyError::Form);
        }
        let key = Self::from_seed(parts.name, seed)?;
        if key.verifier().id() == parts.id { Ok(key) } else { Err(SigningKeyError::Id) }
    }
}
