//! The body of an `add-checkpoint` request.

use std::fmt;

use crate::{
    Hash, SignedCheckpoint,
    checkpoint::CheckpointError,
    lines::{decimal, lines_to_blank, next_line},
    note::MAX_NOTE,
};

/// Hashes of a consistency proof in a request at most.
pub const MAX_PROOF: usize = 63;
/// Bytes of a request at most: those of the largest note, and 4,096 for what stands before it.
pub const MAX_REQUEST: usize = MAX_NOTE + 4_096;

/// Why something is no request: 400 in HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is no UTF-8.
    #[error("the request is no UTF-8")]
    Utf8,
    /// It is too long.
    #[error("the request is above the limit of {MAX_REQUEST} bytes")]
    TooLong,
    /// The first line is wrong.
    #[error("the first line of a request is `old <size>`, with a decimal number without leading zeros")]
    Old,
    /// The proof is wrong.
    #[error("behind the first line stand at most {MAX_PROOF} hashes in base64, one a line, and an empty line")]
    Proof,
    /// The checkpoint is wrong.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// A request to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// A request with the consistency proof from the size that the witness knows, 0 at first, to the checkpoint. A witness
    /// that knows another size says so: see [`crate::witness::size_in`].
    ///
    /// # Errors
    /// [`RequestError::Proof`] when the proof is longer than that of any log.
    pub fn new(old: u64, proof: Vec<Hash>, checkpoint: SignedCheckpoint) -> Result<Self, RequestError> {
        if proof.len() > MAX_PROOF {
            return Err(RequestError::Proof);
        }
        Ok(Self { old, proof, checkpoint })
    }

    /// Reads the body of a request. Nothing is verified.
    ///
    /// # Errors
    /// A [`RequestError`] that says what is wrong with it.
    pub fn parse(body: impl AsRef<[u8]>) -> Result<Self, RequestError> {
        let body = body.as_ref();
        if body.len() > MAX_REQUEST {
            return Err(RequestError::TooLong);
        }
        let mut rest = std::str::from_utf8(body).map_err(|_| RequestError::Utf8)?;
        let old = next_line(&mut rest).and_then(|line| decimal(line.strip_prefix("old ")?)).ok_or(RequestError::Old)?;
        let proof = lines_to_blank(&mut rest, MAX_PROOF).ok_or(RequestError::Proof)?;
        let proof = proof.into_iter().map(str::parse).collect::<Result<_, _>>().map_err(|_| RequestError::Proof)?;
        Self::new(old, proof, SignedCheckpoint::parse(rest)?)
    }

    /// The size that the proof begins at.
    #[must_use]
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The consistency proof.
    #[must_use]
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The checkpoint to cosign.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The log that the checkpoint says it is of: by it the witness finds the log's keys and what it has kept.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.checkpoint.checkpoint().origin()
    }
}

/// The body.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
