//! What finds records: each 256 leaves of the log are summed up in one bundle, so that a search looks into those that can matter.
//!
//! A bundle is made from its records alone. It tells which of its leaves have which words (`tenant`, `model` and so on), the time that
//! they span, what was spent, and a hash of every id with the record that has it. A store of a million records has four thousand.
//!
//! A request's records share the id of its admission, so what stands in its end can be asked of the index, too: the hash of the
//! admission's id is looked for, as that of an end, in the bundles behind. So can what stands in the records of calls of tools between.

mod bundle;
mod ids;
mod keys;
mod leaf_set;

pub(crate) use bundle::{Bundle, Facts, WIDTH, sum};
pub(crate) use ids::{BundleIds, IdHash, IdKind, leaves_with};
pub(crate) use keys::{Keys, Word};
pub(crate) use leaf_set::LeafSet;

use forethought_store::Entry;
use jiff::Timestamp;
use serde::Deserialize;

use crate::{AuditError, Record, record::VERSION};

/// The version of these trees; another one has the index built anew.
pub(crate) const LAYOUT: u32 = 7;
/// The kind of an entry that is a record.
pub(crate) const RECORD: u8 = 1;
/// The kind of an entry that is a sealed content.
pub(crate) const SEALED: u8 = 2;

/// Number of a bundle → what stands in it.
pub(crate) const FACTS: &str = "facts";
/// Number of a bundle → hashes of ids, with the record that has it.
pub(crate) const IDS: &str = "ids";

/// The record that an entry of kind [`RECORD`] holds.
pub(crate) fn record_of(entry: &Entry) -> Result<Record, AuditError> {
    parse_record(&entry.payload).map_err(|what| AuditError::Entry { seq: entry.seq, what })
}

/// The record with these canonical bytes, or what is wrong with them.
pub(crate) fn parse_record(bytes: &[u8]) -> Result<Record, String> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    // The version first: the fields of another one may not be understood.
    let Version { v } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match v {
        1..=VERSION => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        0 => Err("there is no record version 0".to_owned()),
        _ => Err(format!("it has the newer record version {v}, this program knows {VERSION}; run the newer program")),
    }
}

/// What was spent by the requests of one tenant that were let in on one day, as far as one bundle tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Whose it is.
    pub tenant: String,
    /// The beginning of the day, UTC, on which they were let in.
    pub since: Timestamp,
    /// Tokens, prompts included.
    pub tokens: u64,
    /// Thousandths of a cost unit.
    pub cost: u64,
}
