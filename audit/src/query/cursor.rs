//! Where a search goes on.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use super::filter::Condition;

const VERSION: u8 = 1;
/// Bytes that tell one search from another.
const SEARCH: usize = 8;
const BODY: usize = 2 + 8 + SEARCH;
const CRC: usize = 4;

/// What a search goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Requests,
    Acts,
}

/// Where a search goes on: below a leaf of the log, so that what is added to the log shifts nothing. As text it is hexadecimal digits that
/// mean nothing to others; it is good for the search that gave it, with any limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    of: u8,
    below: u64,
    search: [u8; SEARCH],
}

/// Why a search cannot go on here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// No program of ours has written it so.
    #[error("this is no cursor: give the one of the last page as it stands, or leave it out for the first page")]
    Text,
    /// It is another program's.
    #[error("this cursor has version {0}, this program knows {VERSION}: begin again with the first page")]
    Version(u8),
    /// It was given for other conditions.
    #[error("this cursor is of another search: give it with the same conditions, or begin again with the first page")]
    OtherSearch,
    /// The log is shorter than it was where this was given.
    #[error(
        "this cursor is of a longer log: it goes on below record {below}, and there are {leaves}; begin again with the first page"
    )]
    Ahead {
        /// Where it goes on.
        below: u64,
        /// Records that are there.
        leaves: u64,
    },
}

impl Cursor {
    pub(super) fn new(of: Of, conditions: &[Condition], below: u64) -> Self {
        Self { of: of as u8, below, search: digest(conditions) }
    }

    /// Below which leaf this search goes on, in a log of so many.
    pub(super) fn goes_on(&self, of: Of, conditions: &[Condition], leaves: u64) -> Result<u64, CursorError> {
        if self.of != of as u8 || self.search != digest(conditions) {
            return Err(CursorError::OtherSearch);
        }
        let below = self.below;
        if below > leaves { Err(CursorError::Ahead { below, leaves }) } else { Ok(below) }
    }
}

/// What tells one search from another: the lengths keep a value from looking like the next name.
fn digest(conditions: &[Condition]) -> [u8; SEARCH] {
    let mut hasher = Sha256::new();
    for (name, value) in conditions {
        for text in [*name, value.as_str()] {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().first_chunk().copied().unwrap_or_default()
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION, self.of];
        bytes.extend_from_slice(&self.below.to_be_bytes());
        bytes.extend_from_slice(&self.search);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        f.write_str(&hex::encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Only as it was written: one place has one spelling.
        if text.len() != 2 * (BODY + CRC) || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(CursorError::Text);
        }
        let bytes = hex::decode(text).map_err(|_| CursorError::Text)?;
        let (body, crc) = bytes.split_last_chunk::<CRC>().ok_or(CursorError::Text)?;
        if u32::from_be_bytes(*crc) != crc32fast::hash(body) {
            return Err(CursorError::Text);
        }
        let parsed = || {
            let ([version, of], rest) = body.split_first_chunk()?;
            let (below, search) = rest.split_first_chunk()?;
            Some((*version, Self { of: *of, below: u64::from_be_bytes(*below), search: *search.first_chunk()? }))
        };
        match parsed() {
            Some((VERSION, cursor)) => Ok(cursor),
            Some((version, _)) => Err(CursorError::Version(version)),
            None => Err(CursorError::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(value: &str) -> Vec<Condition> {
        vec![("tenant", value.to_owned())]
    }

    #[test]
    fn a_cursor_is_good_for_its_search_alone() {
        let cursor = Cursor::new(Of::Requests, &conditions("ward"), 7);
        let cursor: Cursor = cursor.to_string().parse().expect("as it was written");
        let check = |of, conditions: &[Condition], leaves, expected| {
            assert_eq!(cursor.goes_on(of, conditions, leaves), expected, "{conditions:?}");
        };
        check(Of::Requests, &conditions("ward"), 7, Ok(7));
        check(Of::Requests, &conditions("ward"), 6, Err(CursorError::Ahead { below: 7, leaves: 6 }));
        check(Of::Requests, &conditions("bank"), 7, Err(CursorError::OtherSearch));
        check(Of::Requests, &[], 7, Err(CursorError::OtherSearch));
        check(Of::Requests, &[("principal", "ward".to_owned())], 7, Err(CursorError::OtherSearch));
        check(Of::Acts, &conditions("ward"), 7, Err(CursorError::OtherSearch));
    }

    #[test]
    fn values_do_not_run_into_names() {
        let two = [("a", "b".to_owned()), ("c", "d".to_owned())];
        assert_ne!(digest(&two), digest(&[("a", "bcd".to_owned())]));
        assert_ne!(digest(&two), digest(&[("ab", String::new()), ("c", "d".to_owned())]));
    }

    #[test]
    fn what_is_no_cursor_is_told() {
        let text = Cursor::new(Of::Acts, &[], u64::MAX).to_string();
        let check = |text: &str, expected: CursorError| assert_eq!(text.parse::<Cursor>(), Err(expected), "{text:?}");
        for at in 0..text.len() {
            let other = if text.as_bytes()[at] == b'0' { '1' } else { '0' };
            check(&format!("{}{other}{}", &text[..at], &text[at + 1..]), CursorError::Text);
            check(&text[..at], CursorError::Text);
        }
        check(&text.to_uppercase(), CursorError::Text);
        check(&format!("{text}00"), CursorError::Text);
        check(&"é".repeat(22), CursorError::Text);
        let mut newer = hex::decode(&text).expect("digits");
        newer[0] = 2;
        newer.truncate(BODY);
        newer.extend_from_slice(&crc32fast::hash(&newer).to_be_bytes());
        check(&hex::encode(newer), CursorError::Version(2));
    }
}
