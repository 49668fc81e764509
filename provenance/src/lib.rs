//! Where the weights of models come from, and whether they still are what was approved.
//!
//! - A [`Registry`] is a file with an [`Entry`] for each model; [`RegistryFile`] changes it on disk, whole or not at all.
//! - [`Registry::check`] hashes every file that an engine is going to read. What is not registered, not approved, revoked or
//!   another file is a [`Mismatch`]; [`Matched::unchanged`] asks again after loading.
//! - A [`Fingerprint`] is what a model did on a fixed set of probes. A [`Plan`] says what to ask, [`Taking`] takes what came of
//!   it, [`compare()`] says whether it is the same model, and [`compare_base()`] holds a model beside the one it was made from.
//! - A [`Card`] shows an entry to people.
//!
//! It asks no engine, and knows no clock and no network.

#![cfg_attr(test, allow(clippy::needless_pass_by_value, reason = "tests read better so"))]

mod atomic;
mod card;
mod check;
mod digest;
mod edit;
mod entry;
mod fingerprint;
mod given;
mod hash;
mod mismatch;
mod registry;
mod rules;
mod stamp;
#[cfg(test)]
mod testing;
mod yaml;

pub use card::Card;
pub use check::{Matched, MatchedFile};
pub use digest::{Digest, MalformedDigest};
pub use edit::{EditError, RegistryFile};
pub use entry::{Approval, Entry, Evaluation, Figure, RegisteredFile, Revocation, Source};
pub use fingerprint::{
    Bits, Comparison, Derived, Fingerprint, Greedy, Incomparable, Limit, MalformedBits, Observed, Plan, Probe,
    ProbeKind, Reason, Refusals, Taking, TakingError, Tokenization, Tokens, Verdict, compare, compare_base, is_refusal,
};
pub use hash::{Progress, measure};
pub use mismatch::{Changed, Finding, Mismatch};
pub use registry::Registry;
