//! What witnesses answer, and what a log makes of it.

use crate::{
    SignedCheckpoint, VerifierKey,
    lines::decimal,
    note::{MAX_NOTE, NoteError, NoteSignature, SignedNote, parse_lines},
};

/// The content type of an answer that tells the known size.
pub const CONFLICT_TYPE: &str = "text/x.tlog.size";

/// Why an answer is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is no list of signatures, or one of a known witness does not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It has no cosignature of a known witness.
    #[error("the answer has no cosignature of a known witness: check the witness's key")]
    Unknown,
    /// It is no size.
    #[error("an answer to a conflict is the size that the witness knows, as a decimal number and a newline")]
    Size,
}

/// The body of the answer to a request that was granted: a line for each cosignature.
#[must_use]
pub fn encode_cosignatures(cosignatures: &[NoteSignature]) -> String {
    cosignatures.iter().map(ToString::to_string).collect()
}

/// The cosignatures of known witnesses in the answer, each of which holds for this checkpoint, for
/// [`SignedCheckpoint::add`]. Other signatures are ignored.
///
/// # Errors
/// An [`AnswerError`] that says what is wrong with it.
pub fn cosignatures_in(
    answer: impl AsRef<[u8]>,
    checkpoint: &SignedCheckpoint,
    witnesses: &[VerifierKey],
) -> Result<Vec<NoteSignature>, AnswerError> {
    let answer = answer.as_ref();
    if answer.len() > MAX_NOTE {
        return Err(NoteError::TooLong.into());
    }
    let lines = std::str::from_utf8(answer).map_err(|_| NoteError::Characters)?;
    let mut held = vec![];
    for signature in parse_lines(lines)? {
        let note = SignedNote::new(checkpoint.note().text(), vec![signature.clone()])?;
        match note.verify(witnesses) {
            Ok(verified) if verified.iter().any(|verified| verified.time.is_some()) => held.push(signature),
            Ok(_) | Err(NoteError::Unknown) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if held.is_empty() { Err(AnswerError::Unknown) } else { Ok(held) }
}

/// The size in the answer to a conflict, from which the log makes another proof. It may be above the log's own size: then
/// the witness has seen more of the log than the log knows.
///
/// # Errors
/// [`AnswerError::Size`].
pub fn size_in(answer: impl AsRef<[u8]>) -> Result<u64, AnswerError> {
    let text = std::str::from_utf8(answer.as_ref()).map_err(|_| AnswerError::Size)?;
    text.strip_suffix('\n').and_then(decimal).ok_or(AnswerError::Size)
}
