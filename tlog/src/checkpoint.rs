//! Checkpoints: the size and the root of a log at some time, as the text of a signed note. c2sp.org/tlog-checkpoint.
//!
//! **A log must never sign two checkpoints of which the later does not begin with the earlier.** Nothing here can see to that.

use std::fmt;

use crate::{
    Hash, SignedNote, SigningKey, VerifierKey,
    lines::{decimal, next_line},
    note::{NoteError, NoteSignature, Verified},
};

/// Why something is no checkpoint, or not one to believe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The origin is empty or has control characters.
    #[error(
        "the origin of a checkpoint is one line that is not empty and has no control characters, as `example.com/log`"
    )]
    Origin,
    /// The size is no number in its one spelling.
    #[error("the second line of a checkpoint is its size: a decimal number below 2^64 without leading zeros")]
    Size,
    /// The root is no hash.
    #[error("the third line of a checkpoint is its root: 32 bytes in base64")]
    Root,
    /// An extension line is empty, has control characters or does not end.
    #[error("extension line {0} of the checkpoint is empty, has control characters or does not end in a newline")]
    Extension(usize),
    /// The note around it is none, or does not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It is another log's.
    #[error("the checkpoint is of the log `{got}`, not of `{expected}`")]
    OtherLog {
        /// The origin that was asked for.
        expected: String,
        /// The origin that it has.
        got: String,
    },
}

/// What a log claims: that its first `size` entries have this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

fn is_line(line: &str) -> bool {
    !line.is_empty() && !line.bytes().any(|byte| byte < b' ')
}

impl Checkpoint {
    /// A checkpoint without extension lines. The origin tells the log from every other; it should be the log's address
    /// without the scheme, and the name of its key.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`].
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        if is_line(&origin) {
            Ok(Self { origin, size, root, extensions: vec![] })
        } else {
            Err(CheckpointError::Origin)
        }
    }

    /// The same with extension lines. They are not recommended: no monitor can check what they say.
    ///
    /// # Errors
    /// [`CheckpointError::Extension`].
    pub fn with_extensions(self, extensions: Vec<String>) -> Result<Self, CheckpointError> {
        match extensions.iter().position(|line| !is_line(line)) {
            Some(at) => Err(CheckpointError::Extension(at + 1)),
            None => Ok(Self { extensions, ..self }),
        }
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// A [`CheckpointError`] that says which line is wrong.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut rest = text;
        let origin = next_line(&mut rest).ok_or(CheckpointError::Origin)?;
        let size = next_line(&mut rest).and_then(decimal).ok_or(CheckpointError::Size)?;
        let root = next_line(&mut rest).and_then(|line| line.parse().ok()).ok_or(CheckpointError::Root)?;
        let mut extensions = vec![];
        while !rest.is_empty() {
            let line = next_line(&mut rest).ok_or(CheckpointError::Extension(extensions.len() + 1))?;
            extensions.push(line.to_owned());
        }
        Self::new(origin, size, root)?.with_extensions(extensions)
    }

    /// Which log it is of.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of these entries.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// Lines that mean something to the log alone.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] when it is too long for a note, or the cryptographic library fails.
    pub fn sign(self, key: &SigningKey) -> Result<SignedCheckpoint, CheckpointError> {
        Ok(SignedCheckpoint { note: key.sign(&self.to_string())?, checkpoint: self })
    }
}

/// The text of the note.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A checkpoint in its note, with at least one signature, which may or may not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl SignedCheckpoint {
    /// Reads a note whose text is a checkpoint. Its signatures are not verified.
    ///
    /// # Errors
    /// A [`CheckpointError`] that says what is wrong with it.
    pub fn parse(note: impl AsRef<[u8]>) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(note)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// What it claims. Believe it after [`SignedCheckpoint::verify`].
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Adds a signature or a cosignature: see [`SignedNote::add`].
    ///
    /// # Errors
    /// [`CheckpointError::Note`] when the note takes no more; it is as it was.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), CheckpointError> {
        Ok(self.note.add(signature)?)
    }

    /// Checks that it is of the log with this origin and signed by one of the log's keys, and gives what it claims.
    ///
    /// # Errors
    /// [`CheckpointError::OtherLog`], and [`CheckpointError::Note`] when no such key has signed or a signature does not hold.
    pub fn verify(&self, origin: &str, keys: &[VerifierKey]) -> Result<&Checkpoint, CheckpointError> {
        if self.checkpoint.origin != origin {
            return Err(CheckpointError::OtherLog { expected: origin.to_owned(), got: self.checkpoint.origin.clone() });
        }
        self.note.verify(keys)?;
        Ok(&self.checkpoint)
    }

    /// The cosignatures of these witnesses, each with its time; none when no one has cosigned. Keys of other algorithms make
    /// no cosignatures and are left out.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] when a signature of one of them does not hold.
    pub fn cosignatures<'k>(&self, witnesses: &'k [VerifierKey]) -> Result<Vec<Verified<'k>>, CheckpointError> {
        let mut verified = match self.note.verify(witnesses) {
            Err(NoteError::Unknown) => vec![],
            verified => verified?,
        };
        verified.retain(|verified| verified.time.is_some());
        Ok(verified)
    }
}

/// The note.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}
