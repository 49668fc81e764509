//! Reading the log: lists of requests, and one request with everything about it.

use std::{fmt, str::FromStr};

use forethought_store::{Entry, StoreError};
use jiff::Timestamp;

use crate::{
    AuditError, AuditLog, Body, Commitment, Digest, KeyError, KeyStore, OutcomeStatus, PolicyRef, Record,
    index::{
        self, ACTS, BY_TENANT, BY_TIME, CONTENTS, ENDS, RECORDS, REQUESTS, REVIEWS, content_key, seq_of, tenant_prefix,
        time_key,
    },
    seal::Sealed,
};

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
            Self::Ended(OutcomeStatus::Answered) => "answered",
            Self::Ended(OutcomeStatus::Failed) => "failed",
            Self::Ended(OutcomeStatus::Cancelled) => "cancelled",
            Self::Ended(OutcomeStatus::Deadline) => "deadline",
            Self::Ended(OutcomeStatus::Refused) => "refused",
            Self::Ended(OutcomeStatus::Held) => "held",
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
    /// What it is, or why it cannot be read: [`KeyError::Missing`] and [`KeyError::OtherKey`] once its key is erased.
    pub content: Result<Vec<u8>, KeyError>,
}

/// What a query reads: the keys of the index, the entries of the journal, and the tenants' keys.
pub(crate) trait Source {
    /// The value under a key of the index.
    fn get(&self, tree: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The seqs under the keys from `from` (included) to `to` (not included), the last key first.
    fn latest(
        &self,
        tree: &'static str,
        from: &[u8],
        to: &[u8],
    ) -> Result<impl Iterator<Item = Result<u64, StoreError>>, StoreError>;

    /// An entry of the journal.
    fn entry(&self, seq: u64) -> Result<Entry, StoreError>;

    /// The keys that contents are sealed under.
    fn keys(&self) -> &KeyStore;

    /// The seq under a key of the index.
    fn seq_at(&self, tree: &'static str, key: &[u8]) -> Result<Option<u64>, StoreError> {
        Ok(self.get(tree, key)?.and_then(|value| seq_of(&value)))
    }
}

impl Source for AuditLog {
    fn get(&self, tree: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.index.get(tree, key)
    }

    fn latest(
        &self,
        tree: &'static str,
        from: &[u8],
        to: &[u8],
    ) -> Result<impl Iterator<Item = Result<u64, StoreError>>, StoreError> {
        let found = self.index.range(tree, from, to)?.rev();
        Ok(found.filter_map(|pair| pair.map(|(_, value)| seq_of(&value)).transpose()))
    }

    fn entry(&self, seq: u64) -> Result<Entry, StoreError> {
        self.journal.read(seq)
    }

    fn keys(&self) -> &KeyStore {
        &self.keys
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
        let mut last = None;
        for seq in self.latest(ACTS, &[], &[0xff; 17])? {
            last = last.max(Some(seq?));
        }
        let act = last.map(|seq| index::record_of(&self.entry(seq)?)).transpose()?;
        Ok(act.and_then(|act| if let Body::Act(act) = act.body { Some(act.policy) } else { None }))
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
    let prefix = filter.tenant.as_deref().map_or_else(Vec::new, tenant_prefix);
    let tree = if filter.tenant.is_some() { BY_TENANT } else { BY_TIME };
    let bound = |time: Timestamp| [prefix.as_slice(), &time_key(time)].concat();
    let from = bound(filter.since.unwrap_or(Timestamp::MIN));
    // The latest time of all is not left out when no end is given: a seq follows it in the key.
    let to = filter.until.map_or_else(|| [bound(Timestamp::MAX), vec![0xff; 9]].concat(), bound);
    let mut listed = Vec::new();
    for seq in source.latest(tree, &from, &to)? {
        if listed.len() >= limit {
            break;
        }
        let admission = index::record_of(&source.entry(seq?)?)?;
        let end = end_of(source, &admission)?.as_ref().map(index::record_of).transpose()?;
        let review = review_of(source, &admission)?.as_ref().map(index::record_of).transpose()?;
        let status = status_of(end.as_ref(), review.as_ref());
        if filter.status.is_none_or(|wanted| wanted == status) {
            listed.push(Listed { admission, end, status });
        }
    }
    Ok(listed)
}

/// See [`AuditLog::acts`].
pub(crate) fn acts(source: &impl Source, filter: &Filter) -> Result<Vec<Record>, AuditError> {
    let limit = filter.limit.unwrap_or(MAX_LISTED).min(MAX_LISTED + 1);
    let from = time_key(filter.since.unwrap_or(Timestamp::MIN));
    let to = filter.until.map_or_else(|| vec![0xff; 17], |until| time_key(until).to_vec());
    let mut acts = Vec::new();
    for seq in source.latest(ACTS, &from, &to)? {
        if acts.len() >= limit {
            break;
        }
        let record = index::record_of(&source.entry(seq?)?)?;
        if filter.tenant.as_deref().is_none_or(|wanted| record.tenant() == Some(wanted)) {
            acts.push(record);
        }
    }
    Ok(acts)
}

/// See [`AuditLog::show`].
pub(crate) fn show(source: &impl Source, id: &str, with_contents: bool) -> Result<Option<Shown>, AuditError> {
    let Some(entry) = admission_entry(source, id)? else { return Ok(None) };
    let admission = index::record_of(&entry)?;
    let end_entry = end_of(source, &admission)?;
    let end = end_entry.as_ref().map(index::record_of).transpose()?;
    let review_entry = review_of(source, &admission)?;
    let review = review_entry.as_ref().map(index::record_of).transpose()?;
    let mut contents = Vec::new();
    if with_contents {
        for record in std::iter::once(&admission).chain(&end).chain(&review) {
            for commitment in &record.contents {
                contents.push(content(source, record, commitment)?);
            }
        }
    }
    Ok(Some(Shown {
        admission_hash: Digest::of(&entry.payload),
        end_hash: end_entry.as_ref().map(|entry| Digest::of(&entry.payload)),
        status: status_of(end.as_ref(), review.as_ref()),
        review_hash: review_entry.as_ref().map(|entry| Digest::of(&entry.payload)),
        admission,
        end,
        review,
        contents,
    }))
}

fn admission_entry(source: &impl Source, id: &str) -> Result<Option<Entry>, AuditError> {
    let record_id = source.get(REQUESTS, id.as_bytes())?.unwrap_or_else(|| id.as_bytes().to_vec());
    let Some(seq) = source.seq_at(RECORDS, &record_id)? else { return Ok(None) };
    let entry = source.entry(seq)?;
    let record = index::record_of(&entry)?;
    let of_review = if let Body::Review(review) = &record.body { Some(&review.admission) } else { None };
    if let Some(admission) = record.ends().or(of_review) {
        let seq = source.seq_at(RECORDS, admission.as_str().as_bytes())?;
        return Ok(seq.map(|seq| source.entry(seq)).transpose()?);
    }
    Ok(matches!(record.body, Body::Admission(_)).then_some(entry))
}

fn end_of(source: &impl Source, admission: &Record) -> Result<Option<Entry>, AuditError> {
    let seq = source.seq_at(ENDS, admission.record_id.as_str().as_bytes())?;
    Ok(seq.map(|seq| source.entry(seq)).transpose()?)
}

fn review_of(source: &impl Source, admission: &Record) -> Result<Option<Entry>, AuditError> {
    let seq = source.seq_at(REVIEWS, admission.record_id.as_str().as_bytes())?;
    Ok(seq.map(|seq| source.entry(seq)).transpose()?)
}

fn content(source: &impl Source, record: &Record, commitment: &Commitment) -> Result<Content, AuditError> {
    let (record_id, name) = (record.record_id.to_string(), commitment.name.clone());
    let unreadable = || KeyError::Unsealing { record_id: record_id.clone(), name: name.clone() };
    let key = content_key(&record_id, &name);
    let entry = source.seq_at(CONTENTS, &key)?.map(|seq| source.entry(seq)).transpose()?;
    let sealed = entry.as_ref().and_then(|entry| Sealed::parse(&entry.payload)).ok_or_else(unreadable);
    let content = sealed.and_then(|sealed| {
        let (content, found) = sealed.open(&source.keys().get(sealed.label.tenant)?)?;
        if found == commitment.commitment { Ok(content) } else { Err(unreadable()) }
    });
    Ok(Content { record_id, name, content })
}

/// How a request stands. An answer that was held stands, once that is decided, as what was decided.
fn status_of(end: Option<&Record>, review: Option<&Record>) -> Status {
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
