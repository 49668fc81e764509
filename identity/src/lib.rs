//! Tells who holds an access token of an `OpenID` Connect issuer. Everything doubtful is refused.
//!
//! [`Issuer`] and [`KeySet`] are plain data and functions: a token, public keys and a time go in, [`Claims`] or the
//! reason to refuse ([`Refused`]) come out. [`Keys`] holds an issuer's keys in memory and renews them from a file or
//! over HTTP, [`Verifier`] is both for one issuer, and [`Issuers`] finds a token's issuer among several.
//!
//! A token is read twice, by this crate's strict reader and by `jsonwebtoken`, and both must accept it. The strict
//! reader knows what the library lets through: duplicate members, claims of a wrong type, `crit`, keys that are for
//! something else. Whatever is read before the signature was verified can only lead to a refusal.

mod address;
mod algorithm;
mod blocking;
mod certificates;
mod claims;
mod config;
mod document;
mod file;
mod issuer;
mod issuers;
mod json;
mod jwk;
mod key_set;
mod keys;
mod mapping;
mod path;
mod quote;
mod refused;
mod source;
mod state;
mod times;
mod token;
mod verifier;
mod web;

pub use algorithm::Algorithm;
pub use claims::Claims;
pub use config::{ConfigError, IssuerConfig};
pub use issuer::Issuer;
pub use issuers::Issuers;
pub use key_set::{KeySet, KeySetError, SkippedKey};
pub use keys::{Keys, KeysHealth};
pub use refused::Refused;
pub use verifier::Verifier;
