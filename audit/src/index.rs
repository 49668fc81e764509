//! Which index keys a journal entry has: all of them can be made again from the entry alone.

use forethought_schemas::RecordId;
use forethought_store::{Entry, Index, IndexWrite, KeyValue, StoreError};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{AuditError, Body, Record, record::VERSION, seal::Sealed};

/// The version of these trees; another one has the index built anew.
pub(crate) const LAYOUT: u32 = 4;
/// The kind of an entry that is a record.
pub(crate) const RECORD: u8 = 1;
/// The kind of an entry that is a sealed content.
pub(crate) const SEALED: u8 = 2;

/// Record id → seq of the record.
pub(crate) const RECORDS: &str = "records";
/// Request id → record id of its latest admission.
pub(crate) const REQUESTS: &str = "requests";
/// Record id of an admission → seq of its end.
pub(crate) const ENDS: &str = "ends";
/// Record id of an admission without an end → its seq.
pub(crate) const OPEN: &str = "open";
/// Time and seq of an admission → seq.
pub(crate) const BY_TIME: &str = "by_time";
/// Tenant, 0, time and seq of an admission → seq.
pub(crate) const BY_TENANT: &str = "by_tenant";
/// Record id, 0 and content name → seq of the sealed content.
pub(crate) const CONTENTS: &str = "contents";
/// Time of an admission and seq of its outcome → what it spent, and whose it is.
pub(crate) const USAGE: &str = "usage";
/// Record id of an admission whose answer waits for a person → seq of its outcome.
pub(crate) const HELD: &str = "held";
/// Record id of an admission → seq of the decision on its answer.
pub(crate) const REVIEWS: &str = "reviews";
/// Time and seq of an act → seq.
pub(crate) const ACTS: &str = "acts";
/// `last` → seq of the last record.
pub(crate) const CHAIN: &str = "chain";
/// The key in [`CHAIN`].
pub(crate) const LAST: &[u8] = b"last";

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
        VERSION => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        0 => Err("there is no record version 0".to_owned()),
        _ => Err(format!("it has the newer record version {v}, this program knows {VERSION}; run the newer program")),
    }
}

/// The index keys of an entry.
pub(crate) fn writes_of(entry: &Entry) -> Result<Vec<IndexWrite>, AuditError> {
    match entry.kind {
        RECORD => Ok(record_writes(&record_of(entry)?, entry.seq)),
        SEALED => {
            let sealed = Sealed::parse(&entry.payload).ok_or_else(|| AuditError::Entry {
                seq: entry.seq,
                what: "it is not in the format of a sealed content".to_owned(),
            })?;
            Ok(vec![content_write(sealed.label.record_id, sealed.label.name, entry.seq)])
        }
        kind => Err(AuditError::Entry { seq: entry.seq, what: format!("kind {kind} is unknown") }),
    }
}

pub(crate) fn record_writes(record: &Record, seq: u64) -> Vec<IndexWrite> {
    let id = record.record_id.as_str().as_bytes().to_vec();
    let at = seq.to_be_bytes().to_vec();
    let mut writes = vec![put(RECORDS, id.clone(), at.clone()), put(CHAIN, LAST.to_vec(), at.clone())];
    if let Body::Admission(admission) = &record.body {
        let by_time = [time_key(record.time).as_slice(), &at].concat();
        writes.push(put(REQUESTS, admission.request_id.as_str().as_bytes().to_vec(), id.clone()));
        writes.push(put(BY_TENANT, [tenant_prefix(&admission.tenant), by_time.clone()].concat(), at.clone()));
        writes.push(put(BY_TIME, by_time, at.clone()));
        writes.push(put(OPEN, id, at.clone()));
    }
    if let Body::Outcome(outcome) = &record.body {
        let key = [time_key(outcome.since.unwrap_or(record.time)).as_slice(), &at].concat();
        let tokens = outcome.spent.prompt_tokens + outcome.spent.generated_tokens;
        let value = [&tokens.to_be_bytes(), &outcome.cost.to_be_bytes(), outcome.tenant.as_bytes()].concat();
        writes.push(put(USAGE, key, value));
        if outcome.review.is_some() {
            writes.push(put(HELD, outcome.admission.as_str().as_bytes().to_vec(), at.clone()));
        }
    }
    if let Body::Review(review) = &record.body {
        let admission = review.admission.as_str().as_bytes().to_vec();
        writes.push(IndexWrite::Remove { tree: HELD, key: admission.clone() });
        writes.push(put(REVIEWS, admission, at.clone()));
    }
    if let Body::Act(_) = &record.body {
        writes.push(put(ACTS, [time_key(record.time).as_slice(), &at].concat(), at.clone()));
    }
    if let Some(admission) = record.ends() {
        let admission = admission.as_str().as_bytes().to_vec();
        writes.push(IndexWrite::Remove { tree: OPEN, key: admission.clone() });
        writes.push(put(ENDS, admission, at));
    }
    writes
}

pub(crate) fn content_write(record_id: &str, name: &str, seq: u64) -> IndexWrite {
    put(CONTENTS, content_key(record_id, name), seq.to_be_bytes().to_vec())
}

pub(crate) fn content_key(record_id: &str, name: &str) -> Vec<u8> {
    [record_id.as_bytes(), &[0], name.as_bytes()].concat()
}

/// What one request spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Whose it is.
    pub tenant: String,
    /// When it was let in.
    pub since: Timestamp,
    /// Tokens, its prompt included.
    pub tokens: u64,
    /// Thousandths of a cost unit.
    pub cost: u64,
}

/// What a key and a value of [`USAGE`] say.
pub(crate) fn usage_of((key, value): &KeyValue) -> Result<Usage, AuditError> {
    let number = |bytes: &[u8], at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let read = || {
        let since = i64::from_be_bytes(key.get(..8)?.try_into().ok()?) ^ i64::MIN;
        Some(Usage {
            tenant: String::from_utf8(value.get(16..)?.to_vec()).ok()?,
            since: Timestamp::from_microsecond(since).ok()?,
            tokens: number(value, 0)?,
            cost: number(value, 8)?,
        })
    };
    let unreadable = || StoreError::Index { location: USAGE.to_owned(), what: "an entry cannot be read".to_owned() };
    read().ok_or_else(|| unreadable().into())
}

/// Eight bytes that sort as the times do; microseconds.
pub(crate) fn time_key(time: Timestamp) -> [u8; 8] {
    // The sign bit turned over makes negative numbers sort before positive ones.
    (time.as_microsecond() ^ i64::MIN).to_be_bytes()
}

pub(crate) fn tenant_prefix(tenant: &str) -> Vec<u8> {
    [tenant.as_bytes(), &[0]].concat()
}

/// The seq under a key.
pub(crate) fn seq_at(index: &Index, tree: &str, key: &[u8]) -> Result<Option<u64>, StoreError> {
    Ok(index.get(tree, key)?.and_then(|value| seq_of(&value)))
}

pub(crate) fn seq_of(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

/// Whether a record with this id is there.
pub(crate) fn has_record(index: &Index, id: &RecordId) -> Result<bool, StoreError> {
    Ok(index.get(RECORDS, id.as_str().as_bytes())?.is_some())
}

fn put(tree: &'static str, key: Vec<u8>, value: Vec<u8>) -> IndexWrite {
    IndexWrite::Put { tree, key, value }
}
