//! One record by its id, and what belongs to it.

use forethought_schemas::RecordId;
use jiff::Timestamp;

use super::{Content, ErasedBy, Found, Shown, ShownLeaves, Source, Status, calls, search::acts_with};
use crate::{
    Act, AuditError, Body, Commitment, ContentError, Digest, OutcomeStatus, Record, VaultError,
    contents::{key_of, label_of},
    index::{self, IdKind, Keys, RECORD, WIDTH},
};

/// Bundles that are looked through for an id where its time says.
const NEAR: u64 = 8;
/// Erasures that are looked through for the one that names a key.
const MOST_ERASURES: usize = 4096;

/// The records from an entry on, which is this leaf.
pub(crate) fn records_from(
    source: &impl Source,
    seq: u64,
    leaf: u64,
) -> impl Iterator<Item = Result<Found, AuditError>> {
    let entries = source.entries(seq).filter(|entry| entry.as_ref().map_or(true, |entry| entry.kind == RECORD));
    entries.zip(leaf..).map(|(entry, leaf)| {
        let entry = entry?;
        Ok(Found { leaf, record: index::record_of(&entry)?, entry })
    })
}

/// See [`crate::AuditLog::show`].
pub(crate) fn show(source: &impl Source, id: &str, with_contents: bool) -> Result<Option<Shown>, AuditError> {
    let Some(admission) = admission_of(source, id)? else { return Ok(None) };
    let end = end_of(source, &admission)?;
    let calls = calls_of(source, &admission, end.as_ref())?;
    let review = review_of(source, &admission, end.as_ref())?;
    let mut contents = Vec::new();
    let mut gone = None;
    if with_contents {
        for found in std::iter::once(&admission).chain(&calls).chain(&end).chain(&review) {
            for (commitment, at) in found.record.contents.iter().zip(found.entry.seq + 1..) {
                let content = content(source, &found.record, commitment, at);
                let is_gone = content.content.as_ref().is_err_and(ContentError::is_gone);
                gone = gone.or(is_gone.then_some(at));
                contents.push(content);
            }
        }
    }
    let erased = gone.map_or(Ok(None), |seq| erasure_of(source, seq, admission.leaf))?;
    let record = |found: Option<Found>| found.map(|found| found.record);
    let hash = |found: &Option<Found>| found.as_ref().map(|found| Digest::of(&found.entry.payload));
    let leaf = |found: &Option<Found>| found.as_ref().map(|found| found.leaf);
    Ok(Some(Shown {
        leaves: ShownLeaves { admission: admission.leaf, end: leaf(&end), review: leaf(&review) },
        erased,
        admission_hash: Digest::of(&admission.entry.payload),
        end_hash: hash(&end),
        review_hash: hash(&review),
        status: status_of(end.as_ref().map(|end| &end.record), review.as_ref().map(|review| &review.record)),
        admission: admission.record,
        end: record(end),
        review: record(review),
        calls: calls::put_together(calls),
        contents,
    }))
}

/// All records of the request with this id, in their order.
pub(crate) fn show_records(source: &impl Source, id: &str) -> Result<Vec<Found>, AuditError> {
    let Some(admission) = admission_of(source, id)? else { return Ok(Vec::new()) };
    let end = end_of(source, &admission)?;
    let calls = calls_of(source, &admission, end.as_ref())?;
    let review = review_of(source, &admission, end.as_ref())?;
    Ok(std::iter::once(admission).chain(calls).chain(end).chain(review).collect())
}

/// The admission of the request with this id, or of that to which the record with this id belongs.
pub(super) fn admission_of(source: &impl Source, id: &str) -> Result<Option<Found>, AuditError> {
    if let Some(found) = find(source, IdKind::Request, id)? {
        return Ok(Some(found));
    }
    let Some(found) = find(source, IdKind::Record, id)? else { return Ok(None) };
    match found.record.admission() {
        Some(admission) => find(source, IdKind::Record, admission.as_str()),
        None => Ok(matches!(found.record.body, Body::Admission(_)).then_some(found)),
    }
}

/// The end of a request, which stands behind its admission.
pub(super) fn end_of(source: &impl Source, admission: &Found) -> Result<Option<Found>, AuditError> {
    // The whole log would be looked through for what it does not have.
    if source.is_open(&admission.record.record_id) {
        return Ok(None);
    }
    find_from(source, admission.leaf / WIDTH, IdKind::End, admission.record.record_id.as_str())
}

/// The records about calls of tools, which stand between the admission of a request and its end, in their order.
pub(super) fn calls_of(source: &impl Source, admission: &Found, end: Option<&Found>) -> Result<Vec<Found>, AuditError> {
    let id = admission.record.record_id.as_str();
    let last = end.map_or(source.bundles(), |end| end.leaf / WIDTH + 1);
    let mut calls = Vec::new();
    for bundle in admission.leaf / WIDTH..last {
        let mut leaves = source.leaves_with(bundle, IdKind::Call.hash(id))?;
        leaves.sort_unstable();
        for leaf in leaves {
            let found = found_at(source, bundle * WIDTH + u64::from(leaf))?;
            calls.extend(found.filter(|found| is_call_of(&found.record, &admission.record.record_id)));
        }
    }
    Ok(calls)
}

fn is_call_of(record: &Record, admission: &RecordId) -> bool {
    record.is_of_call() && record.admission() == Some(admission)
}

/// The decision on an answer. Only one that is held has one.
pub(super) fn review_of(
    source: &impl Source,
    admission: &Found,
    end: Option<&Found>,
) -> Result<Option<Found>, AuditError> {
    match end.map(|end| (end, &end.record.body)) {
        Some((end, Body::Outcome(outcome)))
            if outcome.review.is_some() && !source.is_held(&admission.record.record_id) =>
        {
            find_from(source, end.leaf / WIDTH, IdKind::Review, admission.record.record_id.as_str())
        }
        _ => Ok(None),
    }
}

/// The record with this id, the latest if there are more: first where the time in the id says, then anywhere.
pub(crate) fn find(source: &impl Source, kind: IdKind, id: &str) -> Result<Option<Found>, AuditError> {
    let (near, all) = (near(source, id)?, source.bundles());
    for bundle in (near..all.min(near + NEAR)).rev().chain((0..all).rev()) {
        if let Some(found) = find_in(source, bundle, kind, id)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The record with this id in a bundle or in those behind it.
fn find_from(source: &impl Source, from: u64, kind: IdKind, id: &str) -> Result<Option<Found>, AuditError> {
    (from..source.bundles()).find_map(|bundle| find_in(source, bundle, kind, id).transpose()).transpose()
}

/// The record of a leaf; none when the log is not so long.
pub(super) fn found_at(source: &impl Source, leaf: u64) -> Result<Option<Found>, AuditError> {
    let Some(seq) = source.seq_of(leaf)? else { return Ok(None) };
    let entry = source.entry(seq)?;
    Ok(Some(Found { leaf, record: index::record_of(&entry)?, entry }))
}

fn find_in(source: &impl Source, bundle: u64, kind: IdKind, id: &str) -> Result<Option<Found>, AuditError> {
    for leaf in source.leaves_with(bundle, kind.hash(id))?.into_iter().rev() {
        let Some(found) = found_at(source, bundle * WIDTH + u64::from(leaf))? else { continue };
        if Keys::of(&found.record).ids.iter().any(|(of, other)| *of == kind && other == id) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first bundle that reaches the time in an id (UUID version 7), less a little: ids are made before their records are written.
fn near(source: &impl Source, id: &str) -> Result<u64, AuditError> {
    let Some(time) = time_in(id) else { return Ok(source.bundles()) };
    let (mut low, mut high) = (0, source.bundles());
    while low < high {
        let middle = low + (high - low) / 2;
        if source.facts(middle)?.reaches(time) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// The time in an id such as `rec_<uuid of version 7>`, to the millisecond, less a second.
fn time_in(id: &str) -> Option<Timestamp> {
    let (_, digits) = id.split_once('_')?;
    let millis = i64::from_str_radix(digits.get(..12)?, 16).ok()?;
    Timestamp::from_millisecond(millis - 1000).ok()
}

/// The act that destroyed the key of the content in this entry, of a request with this leaf.
fn erasure_of(source: &impl Source, seq: u64, leaf: u64) -> Result<Option<ErasedBy>, AuditError> {
    let Some((place, id)) = key_of(&source.entry(seq)?.payload) else { return Ok(None) };
    let (place, id) = (place.to_string(), id.to_string());
    let behind = |found: &Result<Found, AuditError>| found.as_ref().map_or(true, |found| found.leaf > leaf);
    for found in acts_with(source, Act::ERASED).take_while(behind).take(MOST_ERASURES) {
        let Record { body: Body::Act(act), record_id, time, .. } = found?.record else { continue };
        let Some(erasure) = act.erasure else { continue };
        if erasure.keys.iter().any(|key| key.id == id && key.place == place) {
            return Ok(Some(ErasedBy { record_id, time, cause: erasure.cause }));
        }
    }
    Ok(None)
}

fn content(source: &impl Source, record: &Record, commitment: &Commitment, seq: u64) -> Content {
    let (record_id, name) = (record.record_id.to_string(), commitment.name.clone());
    let changed = || ContentError::Changed { record_id: record_id.clone(), name: name.clone() };
    let read = || {
        let entry = source.entry(seq).map_err(VaultError::Store)?;
        let label = label_of(&entry.payload).ok_or_else(changed)?;
        if (label.record_id, label.name) != (record_id.as_str(), name.as_str()) {
            return Err(changed());
        }
        let (content, found) = source.unseal(&entry.payload)?;
        if found == commitment.commitment { Ok(content) } else { Err(changed()) }
    };
    let content = read();
    Content { record_id, name, content }
}

/// How a request stands. An answer that was held stands, once that is decided, as what was decided.
pub(crate) fn status_of(end: Option<&Record>, review: Option<&Record>) -> Status {
    if let Some(Body::Review(review)) = review.map(|review| &review.body) {
        let released = review.decision.releases();
        return Status::Ended(if released { OutcomeStatus::Answered } else { OutcomeStatus::Refused });
    }
    match end.map(|end| &end.body) {
        Some(Body::Outcome(outcome)) => Status::Ended(outcome.status),
        Some(_) => Status::Interrupted,
        None => Status::Open,
    }
}
