//! What a model does on a fixed set of probes: taken when it is registered, and again when it is loaded.
//!
//! Nothing here asks an engine: [`Plan::probes`] says what to ask, [`Taking`] takes what came of it, and [`compare()`]
//! says whether two fingerprints are of the same model.

mod compare;
mod exact;
mod probes;
mod refusal;
mod taking;
mod words;

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Digest;

pub use compare::{Comparison, Derived, Incomparable, Limit, Reason, Refusals, Verdict, compare, compare_base};
pub use probes::{Plan, Probe, ProbeKind};
pub use refusal::is_refusal;
pub use taking::{Observed, Taking, TakingError, Tokens};
pub(crate) use words::{fingerprint_in_words, limits_of};

/// What a model did on the probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The version of the set of probes.
    pub probes: u32,
    /// The digest of the set of probes.
    pub set: Digest,
    /// When it was taken.
    pub on: Date,
    /// With what it was taken: the engine and the processor. A difference explains drift; it decides nothing.
    pub with: String,
    /// How texts become tokens.
    pub tokenization: Tokenization,
    /// What it says at temperature 0, for each prompt.
    pub greedy: Vec<Greedy>,
    /// Which harmful requests it refused.
    pub harmful: Bits,
    /// Which harmless requests that look harmful it refused.
    pub benign: Bits,
    /// Tokens that were generated to take it, as far as the engine tells.
    pub tokens: u32,
}

/// How texts become tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokenization {
    /// The digest of all tokens, where the engine tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How many tokens each text has.
    pub counts: Vec<u32>,
}

/// The beginning of an answer at temperature 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Greedy {
    /// Its tokens, where the engine tells them; at most as many as were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<u32>>,
    /// Its text, at most 400 characters.
    pub text: String,
}

/// A yes or no for each probe, written as `1` and `0`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bits(Vec<bool>);

/// A text with something else than `0` and `1`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no row of 0 and 1; take the fingerprint again with `forethought model register`")]
pub struct MalformedBits(String);

impl Bits {
    /// How many are yes.
    #[must_use]
    pub fn ones(&self) -> usize {
        self.0.iter().filter(|bit| **bit).count()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are yes here and no in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).filter(|(here, there)| **here && !**there).count()
    }
}

impl FromIterator<bool> for Bits {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        Self(bits.into_iter().collect())
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|bit| f.write_str(if *bit { "1" } else { "0" }))
    }
}

impl From<Bits> for String {
    fn from(bits: Bits) -> Self {
        bits.to_string()
    }
}

impl TryFrom<String> for Bits {
    type Error = MalformedBits;

    fn try_from(text: String) -> Result<Self, MalformedBits> {
        let bit = |c| match c {
            '0' => Some(false),
            '1' => Some(true),
            _ => None,
        };
        text.chars().map(bit).collect::<Option<Vec<_>>>().map(Self).ok_or(MalformedBits(text))
    }
}
