//! What keys are called.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

/// A name that no key can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot be the name of a key: use no spaces, plus signs or control characters, as in `example.com/log`", .0.escape_debug())]
pub struct NameError(pub String);

/// Checks the name of a key: not empty, and without Unicode spaces, plus signs, and the control characters that no note has.
///
/// # Errors
/// When it is none.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let wrong = |character: char| character.is_whitespace() || character == '+' || character < ' ';
    if name.is_empty() || name.contains(wrong) { Err(NameError(name.to_owned())) } else { Ok(()) }
}

/// Four bytes that tell a key from others of its name, and no more: anybody can make a key with the same id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// The id of a key: the first bytes of SHA-256 of its name, a newline, the byte of its algorithm and its public key.
    pub(super) fn of(name: &str, algorithm: u8, public: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(name).chain_update([b'\n', algorithm]).chain_update(public).finalize();
        let [a, b, c, d, ..]: [u8; 32] = hash.into();
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key id is 8 lower-case hexadecimal digits")]
pub struct ParseKeyIdError;

impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 4];
        hex::decode_to_slice(text, &mut id).map_err(|_| ParseKeyIdError)?;
        let id = Self(id);
        if id.to_string() == text { Ok(id) } else { Err(ParseKeyIdError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, valid: bool) {
        assert_eq!(check_name(name).is_ok(), valid, "{name:?}");
    }

    #[test]
    fn a_name_has_no_spaces_and_no_plus() {
        check("example.com/log", true);
        check("\u{4e2d}\u{6587}", true);
        check("-", true);
        for wrong in ["", " ", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{2003}b", "a\u{85}b", "a\0b", "a\tb", "a\u{3000}"]
        {
            check(wrong, false);
        }
    }

    #[test]
    fn an_id_is_lower_case() {
        assert_eq!("00aF0010".parse::<KeyId>(), Err(ParseKeyIdError));
        assert_eq!("00af001".parse::<KeyId>(), Err(ParseKeyIdError));
        assert_eq!("00af0010".parse(), Ok(KeyId([0, 0xaf, 0, 0x10])));
    }
}
