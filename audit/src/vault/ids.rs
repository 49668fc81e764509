//! Names of keys, holds and places: none of them says anything about what they name.

use std::{fmt, str::FromStr};

use super::VaultError;

/// Bytes of a key's id.
pub(super) const ID: usize = 16;

/// A random name of one row; 32 lower-case hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID]);

impl KeyId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ID] {
        &self.0
    }

    pub(super) fn random() -> Result<Self, VaultError> {
        let mut bytes = [0; ID];
        getrandom::fill(&mut bytes).map_err(VaultError::Random)?;
        Ok(Self(bytes))
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

impl FromStr for KeyId {
    /// What an id should look like.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; ID];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => Ok(Self(bytes)),
            _ => Err(format!("`{text}` is not the id of a key: it has 32 lower-case hexadecimal digits")),
        }
    }
}

/// The name of a legal hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub KeyId);

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for HoldId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Where a row stands; it never moves, and no other row ever stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPlace {
    /// The table file, from 1.
    pub file: u32,
    /// The slot in it, from 0.
    pub slot: u32,
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.file, self.slot)
    }
}

impl FromStr for KeyPlace {
    /// What a place should look like.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = text
            .split_once('/')
            .and_then(|(file, slot)| Some(Self { file: file.parse().ok()?, slot: slot.parse().ok()? }));
        place.filter(|place| place.to_string() == text).ok_or_else(|| format!("`{text}` is not a place such as `1/17`"))
    }
}

/// Why a row was destroyed; it stays in the row's place, as one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DestroyReason {
    /// Its person asked for it.
    Erasure,
    /// All of the tenant's contents went.
    TenantErasure,
    /// Its time was over.
    Expiry,
    /// A legal hold ended. Only holds have it.
    Release,
    /// An operator's own decision.
    Decision,
    /// A reason that only a later program knows.
    Other(u8),
}

impl DestroyReason {
    /// Its byte.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Erasure => 1,
            Self::TenantErasure => 2,
            Self::Expiry => 3,
            Self::Release => 4,
            Self::Decision => 5,
            Self::Other(code) => code,
        }
    }

    /// The reason with this byte.
    #[must_use]
    pub const fn of(code: u8) -> Self {
        match code {
            1 => Self::Erasure,
            2 => Self::TenantErasure,
            3 => Self::Expiry,
            4 => Self::Release,
            5 => Self::Decision,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for DestroyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Erasure => "erasure that its person asked for",
            Self::TenantErasure => "erasure of the tenant",
            Self::Expiry => "expiry",
            Self::Release => "release of the hold",
            Self::Decision => "an operator's decision",
            Self::Other(code) => return write!(f, "reason {code}, which a later program knows"),
        })
    }
}
