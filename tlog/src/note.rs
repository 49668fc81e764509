//! Signed notes: a text, a blank line, and signatures, one a line. c2sp.org/signed-note.
//!
//! A note says nothing before a signature of a key that one knows from elsewhere holds: [`SignedNote::verify`].

mod key;
mod name;
mod pair;
mod signature;
mod signer;

use std::fmt;

pub use key::{Algorithm, KeyError, VerifierKey};
pub use name::{KeyId, NameError, ParseKeyIdError, check_name};
pub use pair::SigningKeyError;
pub use signature::NoteSignature;
pub use signer::SigningKey;

pub(crate) use pair::Pair;
pub(crate) use signature::parse_lines;

/// Bytes of a note at most. Sixteen signatures of the longest kind take a tenth of it.
pub const MAX_NOTE: usize = 1_000_000;
/// Signatures of a note at most; every verifier takes 16.
pub const MAX_SIGNATURES: usize = 100;

/// Why something is no note, or says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It is too long.
    #[error("the note is above the limit of {MAX_NOTE} bytes")]
    TooLong,
    /// It is no UTF-8, or has control characters.
    #[error("the note is no UTF-8, or has control characters other than a newline")]
    Characters,
    /// The text does not end in a newline.
    #[error("the text of a note ends in a newline")]
    Text,
    /// There is no blank line with signatures behind it.
    #[error("the note has no signatures: a blank line and at least one of them stand behind the text")]
    Unsigned,
    /// There are too many signatures.
    #[error("the note has more than {MAX_SIGNATURES} signatures: leave out those that nobody looks for")]
    TooMany,
    /// A line is no signature.
    #[error("signature line {line} is not `\u{2014} <name> <base64 of a key id and a signature>` and a newline")]
    Signature {
        /// The line, from 1, behind the blank one.
        line: usize,
    },
    /// A known key's signature does not hold.
    #[error("the signature of `{name}` ({id}) does not hold: the note or the signature was changed")]
    Invalid {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// The cryptographic library failed.
    #[error("the cryptographic library failed to sign the note: try again")]
    Signing,
    /// No known key has signed.
    #[error("no known key has signed the note: check which keys are trusted")]
    Unknown,
}

/// A signature that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'k> {
    /// Whose it is.
    pub key: &'k VerifierKey,
    /// When a cosignature was made, in seconds since 1970 in UTC; none for a plain signature.
    pub time: Option<u64>,
}

/// A text with signatures, of which there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// A note of a text that ends in a newline.
    ///
    /// # Errors
    /// [`NoteError::TooLong`], [`NoteError::Characters`], [`NoteError::Text`], [`NoteError::Unsigned`] and
    /// [`NoteError::TooMany`].
    pub fn new(text: impl Into<String>, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        let text = text.into();
        check_text(&text)?;
        let note = Self { text, signatures };
        note.check_limits()?;
        Ok(note)
    }

    /// Reads a note. Its signatures are not verified.
    ///
    /// # Errors
    /// A [`NoteError`] that says what is wrong with it.
    pub fn parse(note: impl AsRef<[u8]>) -> Result<Self, NoteError> {
        let note = note.as_ref();
        if note.len() > MAX_NOTE {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(note).map_err(|_| NoteError::Characters)?;
        let (before, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Unsigned)?;
        // The first of the two newlines is the text's last.
        let text = note.get(..=before.len()).unwrap_or_default();
        check_text(text)?;
        Ok(Self { text: text.to_owned(), signatures: parse_lines(lines)? })
    }

    /// The text that is signed, with the newline that ends it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, verified or not, in their order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature, in place of those that the same key has made before.
    ///
    /// # Errors
    /// [`NoteError::TooMany`] and [`NoteError::TooLong`]; the note is as it was.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        let mut note = self.clone();
        note.signatures.retain(|other| (other.name(), other.id()) != (signature.name(), signature.id()));
        note.signatures.push(signature);
        note.check_limits()?;
        *self = note;
        Ok(())
    }

    /// The signatures that hold of keys that are known. Those of other keys are ignored. A key may be there more than once,
    /// with signatures of different times.
    ///
    /// # Errors
    /// [`NoteError::Invalid`] when a known key's signature does not hold: then nothing in the note is to be believed.
    /// [`NoteError::Unknown`] when no known key has signed.
    pub fn verify<'k>(&self, known: &'k [VerifierKey]) -> Result<Vec<Verified<'k>>, NoteError> {
        let mut verified = vec![];
        for signature in &self.signatures {
            // Two keys with one name and id are both known: whichever holds.
            let mut keys = known.iter().filter(|key| key.made(signature)).peekable();
            if keys.peek().is_none() {
                continue;
            }
            verified.push(keys.find_map(|key| key.verify(&self.text, signature)).ok_or_else(|| invalid(signature))?);
        }
        if verified.is_empty() { Err(NoteError::Unknown) } else { Ok(verified) }
    }

    fn check_limits(&self) -> Result<(), NoteError> {
        match self.signatures.len() {
            0 => Err(NoteError::Unsigned),
            1..=MAX_SIGNATURES if self.to_string().len() > MAX_NOTE => Err(NoteError::TooLong),
            1..=MAX_SIGNATURES => Ok(()),
            _ => Err(NoteError::TooMany),
        }
    }
}

fn invalid(signature: &NoteSignature) -> NoteError {
    NoteError::Invalid { name: signature.name().to_owned(), id: signature.id() }
}

/// Whether a text can stand in a note.
pub(crate) fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE {
        return Err(NoteError::TooLong);
    }
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(NoteError::Characters);
    }
    if text.ends_with('\n') { Ok(()) } else { Err(NoteError::Text) }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}
