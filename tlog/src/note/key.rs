//! Keys that verify.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{KeyId, NameError, NoteSignature, Verified, check_name};
use crate::cosignature::{MAX_TIME, message};

/// What a key's signatures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 over the text: type 0x01 of c2sp.org/signed-note.
    Ed25519,
    /// A time and Ed25519 over it and the text: type 0x04, c2sp.org/tlog-cosignature.
    CosignatureV1,
}

impl Algorithm {
    /// The byte that stands for it in keys.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::CosignatureV1),
            other => Err(KeyError::Algorithm(other)),
        }
    }
}

/// Why something is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It has another form.
    #[error("a verifier key is `<name>+<key id in hexadecimal>+<base64 of the algorithm's byte and the public key>`")]
    Form,
    /// Its name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its algorithm is another one.
    #[error("keys of type {0:#04x} are not supported: use Ed25519 (0x01) or a cosignature key (0x04)")]
    Algorithm(u8),
    /// Its public key has another length.
    #[error("an Ed25519 public key has 32 bytes, not {0}")]
    Length(usize),
    /// Its id is not that of its name and public key.
    #[error("the key's id is {got}, but its name and public key make {made}: a part of it was mistyped or changed")]
    Id {
        /// The id that it has.
        got: KeyId,
        /// The id that it should have.
        made: KeyId,
    },
}

/// A public key with a name. As text it is a *vkey*: `example.com/log+0a1b2c3d+AT…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    algorithm: Algorithm,
    public: [u8; 32],
}

impl VerifierKey {
    /// The key of this name and Ed25519 public key (RFC 8032).
    ///
    /// # Errors
    /// When it cannot have the name.
    pub fn new(name: impl Into<String>, algorithm: Algorithm, public: [u8; 32]) -> Result<Self, NameError> {
        let name = name.into();
        check_name(&name)?;
        let id = KeyId::of(&name, algorithm.byte(), &public);
        Ok(Self { name, id, algorithm, public })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What its signatures are.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// A signature that says it is this key's.
    pub(super) fn signature(&self, bytes: Vec<u8>) -> NoteSignature {
        NoteSignature::of_checked(self.name.clone(), self.id, bytes)
    }

    /// Whether a signature says that it is this key's.
    pub(super) fn made(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name() && self.id == signature.id()
    }

    /// The signature over the text, if it holds.
    pub(super) fn verify(&self, text: &str, signature: &NoteSignature) -> Option<Verified<'_>> {
        match self.algorithm {
            Algorithm::Ed25519 => self.holds(text.as_bytes(), signature.bytes())?,
            Algorithm::CosignatureV1 => return self.verify_cosignature(text, signature.bytes()),
        }
        Some(Verified { key: self, time: None })
    }

    fn verify_cosignature(&self, text: &str, bytes: &[u8]) -> Option<Verified<'_>> {
        let (time, signature) = bytes.split_first_chunk()?;
        let time = u64::from_be_bytes(*time);
        if time > MAX_TIME {
            return None;
        }
        self.holds(message(time, text).as_bytes(), signature)?;
        Some(Verified { key: self, time: Some(time) })
    }

    fn holds(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.algorithm.byte()];
        key.extend(self.public);
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Parts { name, id, algorithm, key: public } = Parts::parse(text).ok_or(KeyError::Form)?;
        let algorithm = Algorithm::from_byte(algorithm)?;
        let public = public.try_into().map_err(|public: Vec<u8>| KeyError::Length(public.len()))?;
        let key = Self::new(name, algorithm, public)?;
        if key.id == id { Ok(key) } else { Err(KeyError::Id { got: id, made: key.id }) }
    }
}

/// A key's text in its three parts. A private key has the same.
pub(super) struct Parts<'t> {
    pub name: &'t str,
    pub id: KeyId,
    pub algorithm: u8,
    pub key: Vec<u8>,
}

impl<'t> Parts<'t> {
    pub fn parse(text: &'t str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        // The base64 may hold a plus sign, too.
        let (id, encoded) = rest.split_once('+')?;
        let mut key = STANDARD.decode(encoded).ok()?;
        let algorithm = if key.is_empty() { return None } else { key.remove(0) };
        Some(Self { name, id: id.parse().ok()?, algorithm, key })
    }
}
