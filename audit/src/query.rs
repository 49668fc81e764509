//! Reading the log: lists of requests, and one request with everything about it.

use std::{borrow::Cow, fmt, str::FromStr};

use forethought_store::{Entry, Scan, StoreError};
use jiff::Timestamp;

use crate::{
    AuditError, AuditLog, Body, Commitment, ContentError, Digest, OutcomeStatus, PolicyRef, Record, Usage, VaultError,
    contents::{label_of, unseal},
    index::{self, Facts, IdKind, Keys, RECORD, WIDTH, Word},
};

/// Bundles that are looked through for an id where its time says.
const NEAR: u64 = 8;
/// Records of a bundle.
const WIDTH_OF_BUNDLE: usize = 256;

/// The most that one list shows.
pub const MAX_LISTED: usize = 1000;

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It has its outcome.
    Ended(OutcomeStatus),
    /// The process ended before its outcome was durable.
    Interrupted,
    /// It is under way.
    Open,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Ended(OutcomeStatus::Answered),
        Self::Ended(OutcomeStatus::Failed),
        Self::Ended(OutcomeStatus::Cancelled),
        Self::Ended(OutcomeStatus::Deadline),
        Self::Ended(OutcomeStatus::Refused),
        Self::Ended(OutcomeStatus::Held),
        Self::Interrupted,
        Self::Open,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended(status) => status.as_str(),
            Self::Interrupted => "interrupted",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    /// The names that would have been accepted, comma separated.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| Self::ALL.map(Self::as_str).join(", "))
    }
}

/// Which requests to list. The default is the latest [`MAX_LISTED`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only those let in at this time or later, to the microsecond.
    pub since: Option<Timestamp>,
    /// Only those let in before this time, to the microsecond.
    pub until: Option<Timestamp>,
    /// Only those that stand so.
    pub status: Option<Status>,
    /// At most so many; [`MAX_LISTED`] when it is none. One more than that can be asked for, to know whether there are more.
    pub limit: Option<usize>,
}

/// One request in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its admission.
    pub admission: Record,
    /// Its outcome, or that it was interrupted; none while it is under way.
    pub end: Option<Record>,
    /// How it stands.
    pub status: Status,
}

/// One request with everything about it.
#[derive(Debug)]
pub struct Shown {
    /// Its admission.
    pub admission: Record,
    /// The digest of the admission's canonical bytes.
    pub admission_hash: Digest,
    /// Its end; none while it is under way.
    pub end: Option<Record>,
    /// The digest of the end's canonical bytes.
    pub end_hash: Option<Digest>,
    /// The decision on its answer, if that was held and decided.
    pub review: Option<Record>,
    /// The digest of the decision's canonical bytes.
    pub review_hash: Option<Digest>,
    /// How it stands.
    pub status: Status,
    /// The contents of both records, in order; empty unless asked for.
    pub contents: Vec<Content>,
}

/// One content.
#[derive(Debug)]
pub struct Content {
    /// The record that commits to it.
    pub record_id: String,
    /// Its name there.
    pub name: String,
    /// What it is, or why it cannot be read: [`ContentError::is_gone`] once its key is erased.
    pub content: Result<Vec<u8>, ContentError>,
}

/// What a query reads: the bundles that say where a record may be, the entries of the journal, and the tenants' keys.
pub(crate) trait Source {
    /// How many bundles there are; the last one may be empty.
    fn bundles(&self) -> u64;

    /// What stands in a bundle.
    fn facts(&self, bundle: u64) -> Result<Cow<'_, Facts>, StoreError>;

    /// The leaves of a bundle, counted from its first, that may have an id with this hash.
    fn leaves_with(&self, bundle: u64, hash: u32) -> Result<Vec<u8>, StoreError>;

    /// The entry of a leaf.
    fn seq_of(&self, leaf: u64) -> Result<Option<u64>, StoreError>;

    /// An entry of the journal.
    fn entry(&self, seq: u64) -> Result<Entry, StoreError>;

    /// The entries of the journal from this one on.
    fn entries(&self, seq: u64) -> Scan<'_>;

    /// A sealed content, and the commitment to it.
    fn unseal(&self, sealed: &[u8]) -> Result<(Vec<u8>, Digest), ContentError>;
}

/// A record, where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) leaf: u64,
    pub(crate) record: Record,
    pub(crate) entry: Entry,
}

impl Found {
    /// What is hashed as its leaf.
    pub(crate) fn leaf_bytes(&self) -> Vec<u8> {
        self.record.leaf(&self.entry.payload).into_owned()
    }
}

impl Source for AuditLog {
    fn bundles(&self) -> u64 {
        self.catalogue.bundles()
    }

    fn facts(&self, bundle: u64) -> Result<Cow<'_, Facts>, StoreError> {
        self.catalogue.facts(bundle)
    }

    fn leaves_with(&self, bundle: u64, hash: u32) -> Result<Vec<u8>, StoreError> {
        self.catalogue.leaves_with(bundle, hash)
    }

    fn seq_of(&self, leaf: u64) -> Result<Option<u64>, StoreError> {
        self.leaves.seq_of(leaf)
    }

    fn entry(&self, seq: u64) -> Result<Entry, StoreError> {
        self.journal.read(seq)
    }

    fn entries(&self, seq: u64) -> Scan<'_> {
        self.journal.scan(seq)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<(Vec<u8>, Digest), ContentError> {
        unseal(sealed, |place, id| Ok(self.vault.find(place, id)?), &self.old_keys)
    }
}

impl AuditLog {
    /// What was done to the service itself, the latest first: of a filter, the times, the tenant of who did it, and the
    /// limit count.
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`].
    pub fn acts(&self, filter: &Filter) -> Result<Vec<Record>, AuditError> {
        acts(self, filter)
    }

    /// The policy that was in force last.
    ///
    /// # Errors
    /// As [`AuditLog::acts`].
    pub fn last_policy(&self) -> Result<Option<PolicyRef>, AuditError> {
        // By its place in the log and not by its time: clocks can go back.
        let last = latest_acts(self).next().transpose()?;
        Ok(last.and_then(|last| if let Body::Act(act) = last.record.body { Some(act.policy) } else { None }))
    }

    /// What requests spent that were let in at this time or later, summed up by their tenants and days (UTC), in the order of these
    /// days. Of the day of `since` it is all.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    pub fn usage(&self, since: Timestamp) -> Result<Vec<Usage>, AuditError> {
        let mut found = Vec::new();
        for bundle in 0..self.bundles() {
            let facts = self.facts(bundle)?;
            found.extend(facts.usage(since));
        }
        Ok(index::sum(found.into_iter()))
    }

    /// Requests, the latest first.
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`].
    pub fn list(&self, filter: &Filter) -> Result<Vec<Listed>, AuditError> {
        list(self, filter)
    }

    /// The request with this id, or to which the record with this id belongs; of requests with the same id, the latest.
    ///
    /// # Errors
    /// [`AuditError::Store`] and [`AuditError::Entry`]. A content that cannot be read is no error of the whole.
    pub fn show(&self, id: &str, with_contents: bool) -> Result<Option<Shown>, AuditError> {
        show(self, id, with_contents)
    }
}

/// See [`AuditLog::list`].
pub(crate) fn list(source: &impl Source, filter: &Filter) -> Result<Vec<Listed>, AuditError> {
    let limit = filter.limit.unwrap_or(MAX_LISTED).min(MAX_LISTED + 1);
    let words = words("admission", filter);
    let mut listed = Vec::new();
    for admission in latest(source, words, filter) {
        if listed.len() >= limit {
            break;
        }
        let admission = admission?;
        let end = end_of(source, &admission)?;
        let review = review_of(source, &admission, end.as_ref())?;
        let status = status_of(end.as_ref().map(|end| &end.record), review.as_ref().map(|review| &review.record));
        if filter.status.is_none_or(|wanted| wanted == status) {
            listed.push(Listed { admission: admission.record, end: end.map(|end| end.record), status });
        }
    }
    Ok(listed)
}

/// See [`AuditLog::acts`].
pub(crate) fn acts(source: &impl Source, filter: &Filter) -> Result<Vec<Record>, AuditError> {
    let limit = filter.limit.unwrap_or(MAX_LISTED).min(MAX_LISTED + 1);
    let words = words("act", filter);
    latest(source, words, filter).take(limit).map(|found| found.map(|found| found.record)).collect()
}

/// All acts, the latest first.
pub(crate) fn latest_acts<S: Source>(source: &S) -> impl Iterator<Item = Result<Found, AuditError>> + use<'_, S> {
    let filter = Filter::default();
    latest(source, words("act", &filter), &filter)
}

fn words(kind: &str, filter: &Filter) -> Vec<Word> {
    let tenant = filter.tenant.as_deref().map(|tenant| Word::new("tenant", tenant));
    std::iter::once(Word::new("kind", kind)).chain(tenant).collect()
}

/// The records that have all of these words and are of the filter's times, the latest in the log first.
fn latest<'s, S: Source>(
    source: &'s S,
    words: Vec<Word>,
    filter: &Filter,
) -> impl Iterator<Item = Result<Found, AuditError>> + use<'s, S> {
    let (since, until) = (filter.since, filter.until);
    let in_time = move |time: Timestamp| {
        since.is_none_or(|since| micros(time) >= micros(since))
            && until.is_none_or(|until| micros(time) < micros(until))
    };
    (0..source.bundles()).rev().flat_map(move |bundle| {
        let wanted = |found: &Found| in_time(found.record.time) && Keys::of(&found.record).has(&words);
        match bundle_records(source, bundle, &words, since, until) {
            Ok(found) => found.into_iter().rev().filter(wanted).map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }
    })
}

/// Times are compared to the microsecond.
fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The records of a bundle, in their order; none of one in which these words or times do not stand.
fn bundle_records(
    source: &impl Source,
    bundle: u64,
    words: &[Word],
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<Found>, AuditError> {
    let facts = source.facts(bundle)?;
    let may = facts.has(words)
        && since.is_none_or(|since| facts.reaches(since))
        && until.is_none_or(|until| facts.begins_before(until));
    let first = bundle * WIDTH;
    match source.seq_of(first)? {
        Some(seq) if may => records_from(source, seq, first).take(WIDTH_OF_BUNDLE).collect(),
        _ => Ok(Vec::new()),
    }
}

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

/// See [`AuditLog::show`].
pub(crate) fn show(source: &impl Source, id: &str, with_contents: bool) -> Result<Option<Shown>, AuditError> {
    let Some(admission) = admission_of(source, id)? else { return Ok(None) };
    let end = end_of(source, &admission)?;
    let review = review_of(source, &admission, end.as_ref())?;
    let mut contents = Vec::new();
    if with_contents {
        for found in std::iter::once(&admission).chain(&end).chain(&review) {
            for (commitment, at) in found.record.contents.iter().zip(found.entry.seq + 1..) {
                contents.push(content(source, &found.record, commitment, at));
            }
        }
    }
    let record = |found: Option<Found>| found.map(|found| found.record);
    let hash = |found: &Option<Found>| found.as_ref().map(|found| Digest::of(&found.entry.payload));
    Ok(Some(Shown {
        admission_hash: Digest::of(&admission.entry.payload),
        end_hash: hash(&end),
        review_hash: hash(&review),
        status: status_of(end.as_ref().map(|end| &end.record), review.as_ref().map(|review| &review.record)),
        admission: admission.record,
        end: record(end),
        review: record(review),
        contents,
    }))
}

/// All records of the request with this id, in their order.
pub(crate) fn show_records(source: &impl Source, id: &str) -> Result<Vec<Found>, AuditError> {
    let Some(admission) = admission_of(source, id)? else { return Ok(Vec::new()) };
    let end = end_of(source, &admission)?;
    let review = review_of(source, &admission, end.as_ref())?;
    Ok(std::iter::once(admission).chain(end).chain(review).collect())
}

/// The admission of the request with this id, or of that to which the record with this id belongs.
fn admission_of(source: &impl Source, id: &str) -> Result<Option<Found>, AuditError> {
    if let Some(found) = find(source, IdKind::Request, id)? {
        return Ok(Some(found));
    }
    let Some(found) = find(source, IdKind::Record, id)? else { return Ok(None) };
    let of_review = if let Body::Review(review) = &found.record.body { Some(&review.admission) } else { None };
    match found.record.ends().or(of_review) {
        Some(admission) => find(source, IdKind::Record, admission.as_str()),
        None => Ok(matches!(found.record.body, Body::Admission(_)).then_some(found)),
    }
}

fn end_of(source: &impl Source, admission: &Found) -> Result<Option<Found>, AuditError> {
    find_from(source, admission.leaf / WIDTH, IdKind::End, admission.record.record_id.as_str())
}

/// The decision on an answer. Only one that is held has one.
fn review_of(source: &impl Source, admission: &Found, end: Option<&Found>) -> Result<Option<Found>, AuditError> {
    match end.map(|end| (end, &end.record.body)) {
        Some((end, Body::Outcome(outcome))) if outcome.review.is_some() => {
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

fn find_in(source: &impl Source, bundle: u64, kind: IdKind, id: &str) -> Result<Option<Found>, AuditError> {
    for leaf in source.leaves_with(bundle, kind.hash(id))?.into_iter().rev() {
        let leaf = bundle * WIDTH + u64::from(leaf);
        let Some(seq) = source.seq_of(leaf)? else { continue };
        let entry = source.entry(seq)?;
        let record = index::record_of(&entry)?;
        if Keys::of(&record).ids.iter().any(|(of, other)| *of == kind && other == id) {
            return Ok(Some(Found { leaf, record, entry }));
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
