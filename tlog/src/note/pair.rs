//! An Ed25519 key pair with a name, for every kind of key that signs.

use aws_lc_rs::{
    encoding::{AsBigEndian as _, Curve25519SeedBin},
    signature::{Ed25519KeyPair, KeyPair as _},
};

use super::{Algorithm, NameError, NoteError, NoteSignature, VerifierKey};

/// Why there is no key that signs. It says nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// It cannot have the name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its text has another form.
    #[error(
        "a private key is `PRIVATE+KEY+<name>+<key id in hexadecimal>+<base64 of the byte 1 and a seed of 32 bytes>`"
    )]
    Form,
    /// Its id is not that of its name and public key.
    #[error("the private key's id is not the one that its name and seed make: a part of it was mistyped or changed")]
    Id,
    /// The cryptographic library does not take it, or does not give it back.
    #[error("the cryptographic library refuses the private key: make a new one")]
    Refused,
}

pub(crate) struct Pair {
    keys: Ed25519KeyPair,
    pub verifier: VerifierKey,
}

impl Pair {
    pub fn from_seed(name: impl Into<String>, algorithm: Algorithm, seed: &[u8; 32]) -> Result<Self, SigningKeyError> {
        let keys = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SigningKeyError::Refused)?;
        let public = keys.public_key().as_ref().try_into().map_err(|_| SigningKeyError::Refused)?;
        Ok(Self { verifier: VerifierKey::new(name, algorithm, public)?, keys })
    }

    /// The seed, which is kept by the library alone: it clears its memory.
    pub fn seed(&self) -> Result<Curve25519SeedBin<'static>, SigningKeyError> {
        let seed = self.keys.seed().map_err(|_| SigningKeyError::Refused)?;
        seed.as_be_bytes().map_err(|_| SigningKeyError::Refused)
    }

    /// Signs a message, and puts something before the signature.
    pub fn sign(&self, before: &[u8], message: &[u8]) -> Result<NoteSignature, NoteError> {
        let signature = self.keys.try_sign(message).map_err(|_| NoteError::Signing)?;
        Ok(self.verifier.signature([before, signature.as_ref()].concat()))
    }
}
