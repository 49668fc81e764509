//! Cosignatures: what a witness says of a checkpoint. c2sp.org/tlog-cosignature, Ed25519.
//!
//! A cosignature states that at its time this checkpoint was the largest consistent one that the witness had seen of the log.
//! It covers the note's whole text; of extension lines it claims nothing. It is verified as any signature of a note, with a
//! [`VerifierKey`] of [`Algorithm::CosignatureV1`], and gives its time.

use std::fmt;

use crate::{
    Checkpoint, VerifierKey,
    note::{Algorithm, NoteError, NoteSignature, Pair, SigningKeyError},
};

/// The latest time of a cosignature, in seconds since 1970 in UTC: 2^63 - 1.
pub const MAX_TIME: u64 = u64::MAX >> 1;

/// Why there is no cosignature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CosignError {
    /// The time is none at which a witness can have seen anything.
    #[error("the time of a cosignature is 1 to {MAX_TIME} seconds since 1970, not {0}: set the clock")]
    Time(u64),
    /// It cannot be signed.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// What is signed: the kind of statement, its time, and the text of the checkpoint.
pub(crate) fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// A witness's key. It must be no other witness's, and sign nothing else: what it signs does not hold its name.
pub struct CosigningKey(Pair);

impl CosigningKey {
    /// The key of a name and a seed of 32 random bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`SigningKeyError::Name`] and [`SigningKeyError::Refused`].
    pub fn from_seed(name: impl Into<String>, seed: &[u8; 32]) -> Result<Self, SigningKeyError> {
        Pair::from_seed(name, Algorithm::CosignatureV1, seed).map(Self)
    }

    /// The key that verifies.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// Cosigns a checkpoint at a time in seconds since 1970 in UTC.
    ///
    /// **Nothing is checked.** [`crate::witness::decide`] says what a witness may cosign, and what it must have kept before.
    ///
    /// # Errors
    /// [`CosignError::Time`] when the time is 0 or above [`MAX_TIME`].
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> Result<NoteSignature, CosignError> {
        if !(1..=MAX_TIME).contains(&time) {
            return Err(CosignError::Time(time));
        }
        Ok(self.0.sign(&time.to_be_bytes(), message(time, &checkpoint.to_string()).as_bytes())?)
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosigningKey({})", self.verifier())
    }
}
