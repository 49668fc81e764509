//! A signature's line.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{KeyId, MAX_SIGNATURES, NoteError, check_name};

/// What a signature's line begins with: an em dash and a space.
const MARK: &str = "\u{2014} ";

/// A signature of any key, known or not, and of any algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: KeyId,
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// As [`NoteSignature::new`], of a name that is checked already.
    pub(super) fn of_checked(name: String, id: KeyId, bytes: Vec<u8>) -> Self {
        Self { name, id, bytes }
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What the algorithm made, without the key's id.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The line, with the newline that ends it.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.0, self.bytes.as_slice()].concat();
        writeln!(f, "{MARK}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// Reads lines that each end in a newline, of which there is at least one.
pub(crate) fn parse_lines(lines: &str) -> Result<Vec<NoteSignature>, NoteError> {
    if lines.is_empty() {
        return Err(NoteError::Unsigned);
    }
    let mut signatures = vec![];
    for (number, line) in (1..).zip(lines.split_inclusive('\n')) {
        if number > MAX_SIGNATURES {
            return Err(NoteError::TooMany);
        }
        signatures.push(parse_line(line).ok_or(NoteError::Signature { line: number })?);
    }
    Ok(signatures)
}

fn parse_line(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_suffix('\n')?.strip_prefix(MARK)?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, bytes) = bytes.split_first_chunk()?;
    // An id alone is no signature.
    if bytes.is_empty() {
        return None;
    }
    check_name(name).ok()?;
    Some(NoteSignature { name: name.to_owned(), id: KeyId(*id), bytes: bytes.to_vec() })
}
