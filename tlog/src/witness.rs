//! The witness protocol, without its HTTP: requests, what a witness answers them, and what a log makes of the answers.
//! c2sp.org/tlog-witness, `add-checkpoint`.
//!
//! A witness keeps the largest checkpoint of each log that it has cosigned, and cosigns another only when a proof shows that
//! it begins with that one. [`decide`] says so and changes nothing. The witness has to do three things in one step that no
//! other request for the log comes between: read what it has kept, decide, and keep the new state durably. Only then may it
//! cosign, with [`crate::CosigningKey::cosign`], and answer.

mod answer;
mod request;

pub use answer::{AnswerError, CONFLICT_TYPE, cosignatures_in, encode_cosignatures, size_in};
pub use request::{AddCheckpoint, MAX_PROOF, MAX_REQUEST, RequestError};

use crate::{Checkpoint, Hash, VerifierKey, VerifyError, hash::EMPTY_ROOT, note::NoteError, verify_consistency};

/// What a witness keeps of a log, durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The size of the latest checkpoint that was cosigned.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl TreeHead {
    /// What is known of a log that was never cosigned: that it began empty.
    pub const EMPTY: Self = Self { size: 0, root: EMPTY_ROOT };
}

impl From<&Checkpoint> for TreeHead {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self { size: checkpoint.size(), root: *checkpoint.root() }
    }
}

/// What a witness does about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Keep this instead of what was known, durably; then cosign and answer 200 with [`encode_cosignatures`].
    Cosign(TreeHead),
    /// The log is not known: 404.
    UnknownLog,
    /// No trusted key has signed, or a signature of one does not hold: 403.
    Forbidden(NoteError),
    /// The request contradicts itself: 400.
    BadRequest,
    /// The latest checkpoint has another size than the request begins at: 409, with the size as [`Decision::body`] of the
    /// type [`CONFLICT_TYPE`].
    Conflict {
        /// The size of the latest checkpoint.
        size: u64,
    },
    /// The checkpoint is not shown to begin with what is known: 422. The request may be evidence that the log has two
    /// histories; it is worth keeping.
    Unprocessable(VerifyError),
}

impl Decision {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Cosign(_) => 200,
            Self::BadRequest => 400,
            Self::Forbidden(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Unprocessable(_) => 422,
        }
    }

    /// The body of the answer, where the protocol asks for one: the size that is known, in a conflict.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        match self {
            Self::Conflict { size } => Some(format!("{size}\n")),
            _ => None,
        }
    }
}

/// Decides about a request. `known` is what the witness has kept of the request's [`AddCheckpoint::origin`], and `log_keys`
/// are the keys that it trusts for this origin; none when it does not know the log.
#[must_use]
pub fn decide(known: Option<&TreeHead>, log_keys: &[VerifierKey], request: &AddCheckpoint) -> Decision {
    if log_keys.is_empty() {
        return Decision::UnknownLog;
    }
    if let Err(error) = request.checkpoint().note().verify(log_keys) {
        return Decision::Forbidden(error);
    }
    let latest = known.unwrap_or(&TreeHead::EMPTY);
    let new = TreeHead::from(request.checkpoint().checkpoint());
    if request.old() > new.size {
        return Decision::BadRequest;
    }
    if request.old() != latest.size {
        return Decision::Conflict { size: latest.size };
    }
    // Of two empty trees it asks for the same root: that of no entries.
    match verify_consistency(latest.size, &latest.root, new.size, &new.root, request.proof()) {
        Ok(()) => Decision::Cosign(new),
        Err(error) => Decision::Unprocessable(error),
    }
}
